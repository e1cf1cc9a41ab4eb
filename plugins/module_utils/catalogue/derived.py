# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from a service's or datastore's name, and what may be left out in the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fields import with_defaults
from .schema import CATALOGUE

INTERNAL_OFFSET = 20000
# Where the public door listens while the Compose project publishes the port itself.
ADOPTED_OFFSET = 30000
POSTGRESQL_PORT = 5432
PGBOUNCER_PORT = 6432
REDIS_PORT = 6379
PORTS = {"postgresql": POSTGRESQL_PORT, "redis": REDIS_PORT}
POSTGRESQL_SOCKETS = "/run/postgresql"
DATASTORES = "/var/lib/cryptobot-datastores"
SECRETS = "/etc/cryptobot/secrets"
SERVERS = {"uvicorn": "uvicorn", "nginx": "nginx"}


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return name.replace("-", "_")


def docker_database(datastore: Mapping[str, Any]) -> str:
    """What a PostgreSQL database is called in its container."""
    return str((datastore.get("docker") or {}).get("database") or datastore["database"])


def user(service: str) -> str:
    return f"cryptobot-{service}"


def group(datastore: str) -> str:
    return f"cryptobot-data-{datastore}"


def unit(service: str, process: str, number: int) -> str:
    return f"cryptobot-{service}-{process}@{number}.service"


def directory(datastore: str) -> str:
    return f"{DATASTORES}/{datastore}"


def unit_path(service: str, name: str, how: str) -> str:
    """Where a secret of a service is kept. All variables of a service share one file."""
    return f"{SECRETS}/{service}.env" if how == "env" else f"{SECRETS}/{service}.{name}"


def completed(catalogue: Mapping[str, Any]) -> dict[str, Any]:
    """The catalogue with every default in its place. It must have passed the schema."""
    full = with_defaults(CATALOGUE, catalogue)
    for name, datastore in full["datastores"].items():
        datastore.setdefault("database", identifier(name))
        if datastore["kind"] in PORTS:
            datastore.setdefault("port", PORTS[datastore["kind"]])
        members = [service for service, spec in full["services"].items() if name in spec["uses"]]
        datastore["users"] = sorted({*members, *datastore["users"]})
    for name, service in full["services"].items():
        if len(full["migration_groups"]) == 1:
            service.setdefault("migration_group", full["migration_groups"][0])
        for store, datastore in full["datastores"].items():
            if name in datastore["users"]:
                service["uses"].setdefault(
                    store, with_defaults(CATALOGUE.options["services"].elements.options["uses"].elements, {})
                )
        for store, use in service["uses"].items():
            if full["datastores"].get(store, {}).get("kind") == "redis":
                use.setdefault("prefix", f"{name}:")
        for process in service["processes"].values():
            _complete_process(service, process)
        service["build"].setdefault("kind", {"binary": "cargo", "static": "npm"}.get(service["runtime"], "none"))
        service["build"].setdefault("binary", name)
    return full


def _complete_process(service: Mapping[str, Any], process: dict[str, Any]) -> None:
    if process.get("port"):
        process.setdefault("internal_port", process["port"] + INTERNAL_OFFSET)
    process.setdefault("command", [])
    program = process["command"][0].rpartition("/")[2] if process["command"] else ""
    server = "nginx" if service["runtime"] == "static" else SERVERS.get(program, "other")
    process.setdefault("server", server)


def migrate_command(service: Mapping[str, Any]) -> list[str]:
    """The command that brings a service's databases to the release's schema; empty where there is none."""
    return list(service["python"].get("migrate") or service["build"].get("migrate") or [])
