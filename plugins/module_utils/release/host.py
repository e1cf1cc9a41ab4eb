# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules on releases share on a host."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ReleaseError
from .plan import Platform
from .source import file_digest
from .sources import Sources

SOURCE_OPTIONS: dict[str, dict[str, Any]] = {
    # An index may be named with user and password: no value of these is ever shown.
    "python_index": {"type": "str", "default": "", "no_log": True},
    "npm_registry": {"type": "str", "default": "", "no_log": True},
    "cargo_index": {"type": "str", "default": "", "no_log": True},
    "ca": {"type": "path", "default": ""},
}


def sources_of(params: Mapping[str, Any]) -> Sources:
    """The sources that a module's parameters name."""
    return Sources(**{name: params[name] or "" for name in SOURCE_OPTIONS})


def this_platform(os_release: Path = Path("/etc/os-release")) -> Platform:
    """The platform of this host, by its os-release file."""
    lines = (line.partition("=") for line in os_release.read_text().splitlines())
    facts = {name: value.strip('"') for name, __, value in lines}
    if not facts.get("VERSION_ID", "").isdigit():
        raise ReleaseError(
            f"{os_release} names no VERSION_ID: this is no stable release of Debian. Use Debian 12 or 13."
        )
    return Platform(facts["ID"], int(facts["VERSION_ID"]), platform.machine())


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(path.read_text())


def hand_over(path: Path, directory: Path) -> str:
    """Copy a file into a directory for its owner alone, who is the user that Ansible came as, and return its SHA-256."""
    owner, copy = directory.stat(), directory / path.name
    shutil.copyfile(path, copy)
    os.chown(copy, owner.st_uid, owner.st_gid)
    os.chmod(copy, 0o600)
    return file_digest(copy)
