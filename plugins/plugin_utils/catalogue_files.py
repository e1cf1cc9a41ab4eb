# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the catalogue and the application's source lie on the controller. Reads, never writes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Findings

NONE = {"migration_groups": ["application"], "services": {}, "datastores": {}}


@cache
def load_shipped(directory: Path, name: str) -> tuple[dict[str, Any], str]:
    """A shipped catalogue and its name for messages; an empty one for `none`."""
    if name == "none":
        return dict(NONE), "cryptobot_catalogue: none"
    return yaml.safe_load((directory / f"{name}.yml").read_text(encoding="utf-8")), f"catalogues/{name}.yml"


def check_source(full: Mapping[str, Any], root: Path, findings: Findings) -> None:
    """That the files which services name exist below `root` and nowhere else. `full`: a completed catalogue."""
    if not root.is_dir():
        findings.add(
            "cryptobot_source.path",
            f"there is no directory {root} on the controller",
            "cryptobot_source: {path: /srv/application}",
        )
        return
    for name, service in full["services"].items():
        path, source = f"services.{name}", service["source"]
        if not _inside(root, source, f"{path}.source", findings):
            continue
        if service["runtime"] == "python":
            _inside(root, f"{source}/{service['python']['requirements']}", f"{path}.python.requirements", findings)
            for index, package in enumerate(service["python"]["packages"]):
                _inside(root, f"{package}/pyproject.toml", f"{path}.python.packages[{index}]", findings)
        for index, file in enumerate(service["build"]["files"]):
            _inside(root, f"{source}/{file}", f"{path}.build.files[{index}]", findings)


def _inside(root: Path, relative: str, path: str, findings: Findings) -> bool:
    target = root / relative
    if not target.exists():
        findings.add(path, f"there is no {relative} in {root}", "a path that exists there")
    elif not target.resolve().is_relative_to(root.resolve()):
        findings.add(path, f"{relative} leads out of {root} by a symbolic link", "a file inside the source")
    else:
        return True
    return False
