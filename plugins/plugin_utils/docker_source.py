# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches what a host knows of a Compose project, without a value of it in any module's result.

The module leaves a 0600 file in the task's own temporary directory (0700, of the connection's user); it is copied over the
connection, read into memory, and removed on both sides.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.module_utils.docker.compose import ComposeModel, merge, read
from ansible_collections.cryptobot.native.plugins.module_utils.docker.dotenv import parse_dotenv, parse_dotenv_v1
from ansible_collections.cryptobot.native.plugins.module_utils.docker.interpolation import Interpolation
from ansible_collections.cryptobot.native.plugins.module_utils.docker.source import Source
from ansible_collections.cryptobot.native.plugins.plugin_utils.compose_yaml import ComposeYamlError, load

OPTIONS: dict[str, Any] = {
    "project": {"type": "str", "required": True},
    "directory": {"type": "path"},
    "files": {"type": "list", "elements": "str", "default": []},
}


def fetch_json(
    action: ActionBase, module: str, arguments: Mapping[str, Any], option: str, task_vars: dict[str, Any]
) -> Any:
    """Runs a module that leaves JSON at the path given as ``option``, and gives that JSON.

    Raises :class:`AnsibleActionFail` with the module's own message.
    """
    remote = action._make_tmp_path()
    try:
        path = action._connection._shell.join_path(remote, "result")
        result = action._execute_module(
            module_name=module, module_args={**arguments, option: path}, task_vars=task_vars
        )
        if result.get("failed"):
            raise AnsibleActionFail(str(result.get("msg", "the module failed")))
        with tempfile.TemporaryDirectory(prefix="cryptobot-") as local:
            target = Path(local, "result")
            action._connection.fetch_file(path, str(target))
            return json.loads(target.read_bytes())
    finally:
        action._remove_tmp_path(remote, force=True)


def fetch_source(action: ActionBase, arguments: Mapping[str, Any], task_vars: dict[str, Any]) -> Source:
    """The project as it runs, beside its files."""
    wanted = {key: arguments[key] for key in OPTIONS if arguments.get(key)}
    name = "cryptobot.native.docker_source_info"
    bundle = fetch_json(action, name, wanted, "bundle", task_vars)
    source = read_source(bundle)
    paths = sorted({path for spec in source.model.services.values() for path in spec.env_files})
    if paths:
        source = read_source(fetch_json(action, name, {**wanted, "also": paths}, "bundle", task_vars))
    return source


def read_source(bundle: Mapping[str, Any]) -> Source:
    """The files of a bundle, interpolated and merged, with its containers."""
    documents, unreadable = [], {}
    by_v1 = any(str(_version(raw)).startswith("1.") for raw in bundle["containers"])
    given = (parse_dotenv_v1 if by_v1 else parse_dotenv)(bundle.get("dotenv") or "")
    variables = {name: value for name, value in given.items() if value is not None}
    work = Interpolation({"COMPOSE_PROJECT_NAME": bundle["project"], **variables})
    for path, text in bundle["files"].items():
        if text is None:
            continue
        try:
            documents.append(work.walk(load(text)))
        except ComposeYamlError as error:
            unreadable[path] = str(error)
    model = read(merge(documents)) if documents else ComposeModel()
    return Source(bundle, model, work.missing, work.malformed, unreadable)


def _version(raw: Mapping[str, Any]) -> Any:
    return (raw["Config"].get("Labels") or {}).get("com.docker.compose.version", "")
