# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host must offer for its part of the resolved catalogue: ports, accounts, programs, room, package sources.

Made on the controller, sent to the host as plain data, and compared there with what the host is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import accounts
from ..catalogue import queries
from ..catalogue.derived import ADOPTED_OFFSET, PGBOUNCER_PORT
from ..migration import published
from ..postgresql.layout import layout
from .software import packages_of

# Measured on the reference application: resident memory of a process at rest, in MB.
PROCESS_MB = {"python": 80, "binary": 20, "static": 10}
SYSTEM_MB, EDGE_MB, POSTGRESQL_MB, REDIS_MB, BUILD_MB = 200, 60, 256, 64, 512
# On disk: an installed release (files that environments share count once), and what a server starts with.
RELEASE_MB = {"python": 40, "binary": 20, "static": 10}
SHARED_ENVIRONMENT_MB, CARGO_MB, NPM_MB, SERVER_MB = 200, 2000, 600, 500
KEPT_RELEASES = 3
MAX_CONNECTIONS = 200
"""As the role postgresql has it by default."""

Catalogue = Mapping[str, Any]


def wishes(
    catalogue: Catalogue,
    host: str,
    published_ports: list[int] | None = None,
    postgresql_version: int = 0,
    postgresql: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Of one host of the inventory. ``published_ports``: those that a Compose project publishes on it. ``postgresql``:
    what its role is told, ``listen``, ``max_connections``, ``settings`` and ``adopt``."""
    if host not in catalogue["hosts"]:
        raise ValueError(f"{host} is no host of the group cryptobot; it has {', '.join(catalogue['hosts'])}")
    groups = catalogue["hosts"][host]["groups"]
    services = queries.services_on(catalogue, host)
    people = accounts.layout(catalogue, host)
    wanted = {
        "groups": list(groups),
        "services": [service["name"] for service in services],
        "ports": list(_ports(catalogue, host, set(published_ports or ()))),
        "published": sorted(published_ports or ()),
        "users": [{"name": user["name"], "home": user.get("home", "/nonexistent")} for user in people["users"]],
        "shared_groups": list(people["groups"]),
        "interpreters": _interpreters(services),
        "builds": sorted(_builds(catalogue)) if "cryptobot_build" in groups else [],
        "pool_modes": sorted(_pool_modes(catalogue, host)),
        "postgresql_version": postgresql_version,
        "postgresql": _postgresql(catalogue, host, postgresql or {}),
        "single": sum(bool(other["services"]) for other in catalogue["hosts"].values()) <= 1,
    }
    wanted["packages"] = packages_of(wanted, [service["runtime"] for service in services])
    wanted["memory_mb"], wanted["memory_parts"] = _memory(wanted, services)
    wanted["disk"] = _disk(wanted, services)
    return wanted


def _ports(catalogue: Catalogue, host: str, taken: set[int]) -> Iterator[dict[str, Any]]:
    """Where this host will listen. A public door stands beside the port that the Compose project publishes."""
    everything = queries.ports(catalogue)
    addresses = {(one["port"], one["kind"], one["owner"]): one["address"] for one in everything}
    for one in published.needed(catalogue, host, everything):
        if one["kind"] == published.ACCESS and not taken:
            continue
        address = addresses.get((one["port"], one["kind"], one["owner"]), "*")
        beside = one["kind"] in published.MOVABLE and one["port"] in taken
        if one["owner"] == "Redis":
            one = {**one, "stores": _stores(catalogue, host, one["port"])}
        yield {**one, "address": address, "port": one["port"] + ADOPTED_OFFSET * beside}
    if _pool_modes(catalogue, host):
        yield {"port": PGBOUNCER_PORT, "kind": "server", "owner": "PgBouncer", "address": "*"}


def _postgresql(catalogue: Catalogue, host: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """What the platform would make and set in a server that is there; nothing on a host that needs none."""
    made = layout(catalogue, host, {"connection_limit": -1, "locale": ""})
    if not made["databases"]:
        return {}
    doors = any(line[0] == "host" for line in made["hba"])
    listen = list(told.get("listen") or ())
    settings = {name: str(value) for name, value in (told.get("settings") or {}).items()}
    return {
        "ports": {
            name: store["port"]
            for name, store in catalogue["datastores"].items()
            if store["kind"] == "postgresql" and store["host"] == host
        },
        "roles": [role["name"] for role in made["roles"]],
        "databases": [database["name"] for database in made["databases"]],
        "adopted": list(told.get("adopt") or ()),
        "max_connections": int(told.get("max_connections") or MAX_CONNECTIONS),
        "listen": listen or ["localhost", *([catalogue["hosts"][host]["address"]] if doors else [])],
        "extra": {**({"listen_addresses": ",".join(listen)} if listen else {}), **settings},
    }


def _stores(catalogue: Catalogue, host: str, port: int) -> list[str]:
    """Names of the Redis datastores of a host at a port."""
    stores = catalogue["datastores"].items()
    return [name for name, one in stores if one["kind"] == "redis" and one["host"] == host and one["port"] == port]


def _pool_modes(catalogue: Catalogue, host: str) -> set[str]:
    stores = [
        store for store in catalogue["datastores"].values() if store["kind"] == "postgresql" and store["host"] == host
    ]
    return {mode for store in stores for mode in store["pools"].values()} - {"none"}


def _interpreters(services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names: dict[str, list[str]] = {}
    for service in services:
        if service["runtime"] == "python":
            names.setdefault(service["python"]["interpreter"], []).append(service["name"])
    return [{"name": name, "needed_by": users} for name, users in names.items()]


def _builds(catalogue: Catalogue) -> set[str]:
    """What a build host may have to make: wheels, programs, assets."""
    services = catalogue["services"].values()
    kinds = {service["build"]["kind"] for service in services if not service["build"].get("url")} - {"none"}
    return kinds | ({"wheel"} if any(service["runtime"] == "python" for service in services) else set())


def _memory(wanted: Mapping[str, Any], services: list[dict[str, Any]]) -> tuple[int, dict[str, int]]:
    """MB in all, and what for. Of the two slots of a process one runs; both do for a moment while a release changes."""
    parts = {"system": SYSTEM_MB}
    parts |= {service["name"]: _service_memory(service) for service in services}
    groups = wanted["groups"]
    for group, name, size in (
        ("cryptobot_edge", "proxy", EDGE_MB),
        ("cryptobot_database", "PostgreSQL", POSTGRESQL_MB),
        ("cryptobot_cache", "Redis", REDIS_MB),
    ):
        if group in groups:
            parts[name] = size
    if "cargo" in wanted["builds"] or "npm" in wanted["builds"]:
        # Builds run before the services start, but run again beside them.
        parts["builds"] = BUILD_MB
    return sum(parts.values()), parts


def _service_memory(service: Mapping[str, Any]) -> int:
    instances = sum(process["instances"] for process in service["processes"].values())
    children = sum(bool(process["health"].get("celery")) for process in service["processes"].values())
    return (instances + children) * PROCESS_MB[service["runtime"]]


def _disk(wanted: Mapping[str, Any], services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By directory: MB to be free for what is installed; data comes on top of it."""
    releases = sum(KEPT_RELEASES * RELEASE_MB[service["runtime"]] for service in services)
    shared = SHARED_ENVIRONMENT_MB if wanted["interpreters"] else 0
    builds = CARGO_MB * ("cargo" in wanted["builds"]) + NPM_MB * ("npm" in wanted["builds"])
    servers = SERVER_MB * sum(group in wanted["groups"] for group in ("cryptobot_database", "cryptobot_cache"))
    rows = [("/usr", 600, "packages"), ("/opt", releases + shared, "releases"), ("/var/lib", servers, "servers")]
    rows += [
        ("/var/cache", 400 + builds, "package lists and builds"),
        ("/var/log", 1000, "journal"),
        ("/tmp", 200, "transfers"),
    ]
    return [{"path": path, "mb": size, "for": why} for path, size, why in rows if size]
