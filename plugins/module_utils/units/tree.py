# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole tree of files that the services of a host read: units, configuration, environment, secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..catalogue.environment_file import env_file
from ..catalogue.queries import secret_files, services_on
from .catalogue import Catalogue
from .migrations import migrations

CONFIGURATION = "/etc/cryptobot"
MARK = "# Managed by cryptobot.native: changes here are overwritten.\n"


def template(name: str, dest: str, **context: Any) -> dict[str, Any]:
    return {"template": name, "dest": dest, "vars": context}


def unit_files(all_units: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The units of processes, and the configuration of those whose program is the packaged web server."""
    files = []
    for unit in all_units:
        files.append(template("etc/systemd/system/process.service.j2", f"/etc/systemd/system/{unit['name']}", unit=dict(unit)))
        if unit["nginx"]:
            files.append(template("etc/cryptobot/static-nginx.conf.j2", unit["nginx"]["configuration"], unit=dict(unit)))
    return files


def migration_files(catalogue: Catalogue, host: str, sides: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    return [
        template("etc/systemd/system/migrate.service.j2", f"/etc/systemd/system/{unit['name']}", unit=unit)
        for unit in migrations(catalogue, host, sides)
    ]


def service_files(catalogue: Catalogue, host: str, secrets: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Configuration and environment of each service, and every secret."""
    files: list[dict[str, Any]] = []
    for service in services_on(catalogue, host):
        base = f"{CONFIGURATION}/{service['name']}"
        document = json.dumps(service["config"], indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        files.append({"dest": f"{base}.json", "content": document, "group": service["user"], "mode": "0640"})
        files.append({"dest": f"{base}.env", "content": MARK + env_file(service["environment"])})
    for secret in secret_files(catalogue, host, secrets):
        files.append({"dest": secret["dest"], "content": secret["content"], "mode": "0600", "sensitive": True})
    return files
