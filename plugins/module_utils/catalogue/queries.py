# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks and templates ask of the resolved catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .environment_file import env_file
from .vault import value_of

MIGRATE_PASSFILE = "pgpass_migrate"


def services_on(resolved: Mapping[str, Any], host: str) -> list[dict[str, Any]]:
    """The services that a host runs, as that host sees them; none for a host without any."""
    names = resolved["hosts"].get(host, {}).get("services", [])
    return [_seen_by(resolved["services"][name], host) for name in names]


def _seen_by(service: Mapping[str, Any], host: str) -> dict[str, Any]:
    whole = {key: value for key, value in service.items() if key != "by_host"}
    return {**whole, **service.get("by_host", {}).get(host, {})}


def first_host(resolved: Mapping[str, Any], service: str) -> str | None:
    """Of those that run a service: the one that brings its databases to their schema."""
    return next((name for name, host in resolved["hosts"].items() if service in host["services"]), None)


def secret_files(resolved: Mapping[str, Any], host: str, values: Mapping[str, Any]) -> list[dict[str, str]]:
    """Path and content of every secret that a host's services need, derived ones included.

    `as`: credential, file or env. Secrets that are passed as variables share one file a service.
    """
    files: list[dict[str, str]] = []
    for service in services_on(resolved, host):
        name, variables, shared = service["name"], {}, ""
        for key, secret in service["secrets"].items():
            # Who does not migrate has no use for the password of the role that owns the tables.
            if secret["as"] == "none" or (key == MIGRATE_PASSFILE and not service["migration"]):
                continue
            value = value_of(resolved["services"], values, name, key)
            if secret["as"] == "env":
                variables[secret["env"]], shared = value, secret["path"]
            else:
                files.append(
                    {"dest": secret["path"], "content": value, "service": name, "name": key, "as": secret["as"]}
                )
        if variables:
            files.append({"dest": shared, "content": env_file(variables), "service": name, "name": "env", "as": "env"})
    return files


def ports(resolved: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every port that the platform listens on, with what it is: the firewall's and the clash check's list."""
    edge = resolved["edge"]
    found = [{"port": edge["port"], "kind": "entrance", "owner": "edge", "address": edge["bind"]}]
    for door in resolved["doors"]:
        owner = f"{door['service']}-{door['process']}"
        found.append({"port": door["public"], "kind": "public", "owner": owner, "address": "*"})
        found.append({"port": door["internal"], "kind": "internal", "owner": owner, "address": "127.0.0.1"})
    for name, service in resolved["services"].items():
        for process in service["processes"].values():
            for unit in process["units"]:
                if unit["port"]:
                    address = unit["listen"].rpartition(":")[0].strip("[]")
                    found.append(
                        {
                            "port": unit["port"],
                            "kind": "process",
                            "owner": f"{name}-{process['name']}",
                            "address": address,
                        }
                    )
    return sorted(found, key=lambda one: one["port"])
