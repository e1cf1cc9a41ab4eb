# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole tree of files that the services of a host read: units, configuration, environment, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .units_catalogue import Catalogue, services_of
from .units_secrets import Secrets, content

CONFIGURATION = "/etc/cryptobot"


def environment_file(environment: Mapping[str, Any]) -> str:
    """`NAME="value"` lines as ``EnvironmentFile=`` reads them: in double quotes backslash, quote, backtick and dollar are escaped."""
    lines = ["# Managed by cryptobot.native: changes here are overwritten."]
    for name, raw in environment.items():
        text = str(raw)
        for char in '\\"$`':
            text = text.replace(char, "\\" + char)
        lines.append(f'{name}="{text}"')
    return "\n".join(lines) + "\n"


def unit_files(all_units: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    files = []
    for unit in all_units:
        files.append({"template": "etc/systemd/system/process.service.j2", "dest": f"/etc/systemd/system/{unit['name']}", "vars": {"unit": dict(unit)}})
        if unit["nginx"]:
            files.append({"template": "etc/cryptobot/static-nginx.conf.j2", "dest": unit["nginx"]["configuration"], "vars": {"unit": dict(unit)}})
    return files


def service_files(catalogue: Catalogue, host: str, secrets: Secrets) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = []
    for service in services_of(catalogue, host):
        name, group = service["name"], service["user"]
        document = json.dumps(service["config"], indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        files.append({"dest": f"{CONFIGURATION}/{name}.json", "content": document, "group": group, "mode": "0640"})
        files.append({"dest": f"{CONFIGURATION}/{name}.env", "content": environment_file(service["environment"]), "mode": "0644"})
        for secret, described in (service.get("secrets") or {}).items():
            path = described.get("path") or f"{CONFIGURATION}/secrets/{name}.{secret}"
            text = content(service, secret, catalogue["datastores"], secrets)
            files.append({"dest": path, "content": text, "mode": "0600", "sensitive": True})
    return files
