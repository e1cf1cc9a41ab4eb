# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a platform out of the resolved catalogue: services, datastores, ports, accounts, files.

Plain data, ready for JSON, in an order that is the same every time. No value of a secret takes part, only their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .. import accounts
from ..catalogue import queries
from ..catalogue.derived import PGBOUNCER_PORT
from ..edge_catalogue import called_from_elsewhere
from ..migration.alone import alone
from ..units.tree import migration_files, unit_files
from ..units.catalogue import units

Catalogue = Mapping[str, Any]
VERSION = 1


def inventory(catalogue: Catalogue) -> dict[str, Any]:
    """The whole report."""
    return {
        "version": VERSION,
        "environment": catalogue["environment"],
        "migration_groups": list(catalogue["migration_groups"]),
        "waves": [list(wave) for wave in catalogue["waves"]],
        "hosts": [{"name": name, **host} for name, host in catalogue["hosts"].items()],
        "edge": _edge(catalogue),
        "services": [_service(catalogue, service) for service in catalogue["services"].values()],
        "datastores": [_datastore(catalogue, store) for store in catalogue["datastores"].values()],
        "ports": list(_ports(catalogue)),
        "owners": [row for host in catalogue["hosts"] for row in _owners(catalogue, host)],
        "files": [row for host in catalogue["hosts"] for row in _files(catalogue, host)],
    }


def _edge(catalogue: Catalogue) -> dict[str, Any]:
    hosts = [name for name, host in catalogue["hosts"].items() if "cryptobot_edge" in host["groups"]]
    return {**catalogue["edge"], "hosts": hosts, "routes": [dict(route) for route in catalogue["routes"]]}


def _service(catalogue: Catalogue, service: Mapping[str, Any]) -> dict[str, Any]:
    name = service["name"]
    everyone = catalogue["services"].values()
    return {
        "name": name,
        "migration_group": service["migration_group"],
        "wave": next((number for number, wave in enumerate(catalogue["waves"], 1) if name in wave), 1),
        "runtime": service["runtime"],
        "source": service["source"],
        "user": service["user"],
        "hosts": [host for host, spec in catalogue["hosts"].items() if name in spec["services"]],
        "processes": [_process(catalogue, service, process) for process in service["processes"].values()],
        "calls": list(service["calls"]),
        "called_by": [other["name"] for other in everyone if name in other["calls"]],
        "after": list(service["after"]),
        "uses": [_use(catalogue, service, store) for store in service["uses"]],
        "secrets": [
            {"name": key, "as": secret["as"], "path": secret["path"]} for key, secret in service["secrets"].items()
        ],
        "egress": list(service["egress"]),
        "migrate": list((service["migration"] or {}).get("command") or []),
        "docker": sorted({one["docker"]["service"] for one in service["processes"].values() if one.get("docker")}),
    }


def _process(catalogue: Catalogue, service: Mapping[str, Any], process: Mapping[str, Any]) -> dict[str, Any]:
    health = process["health"]
    asked = health.get("path") or (f"celery {health['celery']}" if health.get("celery") else "command")
    return {
        "name": process["name"],
        "command": list(process["command"]),
        "public": process["port"],
        "internal": process["internal_port"],
        "listens": [unit["port"] for unit in process["units"] if unit["port"]],
        "instances": process["instances"],
        "exclusive": process["exclusive"],
        "one_host": alone(catalogue, service, process),
        "health": asked,
        "units": [unit["unit"] for unit in process["units"]],
    }


def _use(catalogue: Catalogue, service: Mapping[str, Any], store: str) -> dict[str, Any]:
    use = service["uses"][store]
    kind = catalogue["datastores"][store]["kind"]
    return {
        "datastore": store,
        "kind": kind,
        "access": "read" if use.get("readonly") else "write",
        **({"prefix": use["prefix"]} if kind == "redis" else {}),
        **({"pool": use["pool"]} if kind == "postgresql" else {}),
    }


def _datastore(catalogue: Catalogue, store: Mapping[str, Any]) -> dict[str, Any]:
    name = store["name"]
    users = [
        {"service": user, "access": "read" if catalogue["services"][user]["uses"][name].get("readonly") else "write"}
        for user in sorted(store["users"])
    ]
    where = {
        "postgresql": f"{store.get('port')}/{store.get('database')}",
        "redis": f"{store.get('port')}/{store.get('index')}",
    }
    return {
        "name": name,
        "kind": store["kind"],
        "migration_group": store["migration_group"],
        "host": store["host"],
        "address": store["address"],
        "where": where.get(store["kind"], store.get("path", "")),
        "owner": _owner(catalogue, store),
        "users": users,
        "docker": dict(store["docker"] or {}),
    }


def _owner(catalogue: Catalogue, store: Mapping[str, Any]) -> str:
    """The database role that owns it, or the group of a directory."""
    if store["kind"] == "postgresql":
        users = list(store["users"])
        single = catalogue["services"][users[0]]["identifier"] if len(users) == 1 else store["name"].replace("-", "_")
        return f"{single}_owner"
    return store.get("group", "")


def _ports(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Every port with the hosts that open it."""
    opened: dict[tuple[int, str, str, str], list[str]] = {}
    for host in catalogue["hosts"]:
        for port, kind, owner, address in _opens(catalogue, host):
            opened.setdefault((port, kind, owner, address), []).append(host)
    for (port, kind, owner, address), hosts in sorted(opened.items(), key=lambda one: one[0][0]):
        yield {"port": port, "kind": kind, "owner": owner, "address": address, "hosts": hosts}
    servers: dict[tuple[int, str, str], None] = {}
    for store in catalogue["datastores"].values():
        if store.get("port"):
            servers[store["port"], {"postgresql": "PostgreSQL", "redis": "Redis"}[store["kind"]], store["host"]] = None
            if store["kind"] == "postgresql" and set(store["pools"].values()) - {"none"}:
                servers[PGBOUNCER_PORT, "PgBouncer", store["host"]] = None
    for port, owner, host in servers:
        yield {
            "port": port,
            "kind": "server",
            "owner": owner,
            "address": catalogue["hosts"][host]["address"],
            "hosts": [host],
        }


def _opens(catalogue: Catalogue, host: str) -> Iterator[tuple[int, str, str, str]]:
    """The doors of the proxy, where it is on this host, and the processes that run here."""
    spec = catalogue["hosts"][host]
    if "cryptobot_edge" in spec["groups"]:
        for one in queries.ports(catalogue):
            if one["kind"] != "process":
                yield one["port"], one["kind"], one["owner"], one["address"]
            if one["kind"] == "internal" and called_from_elsewhere(catalogue, host):
                yield one["port"], one["kind"], one["owner"], spec["address"]
    for service in queries.services_on(catalogue, host):
        for process in service["processes"].values():
            for unit in process["units"]:
                if unit["port"]:
                    address = unit["listen"].rpartition(":")[0].strip("[]")
                    yield unit["port"], "process", f"{service['name']}-{process['name']}", address


def _owners(catalogue: Catalogue, host: str) -> Iterator[dict[str, Any]]:
    """Accounts of a host and what is theirs."""
    layout = accounts.layout(catalogue, host)
    for user in layout["users"]:
        yield {
            "host": host,
            "user": user["name"],
            "home": user.get("home", ""),
            "groups": list(user["groups"]),
            "for": user["comment"],
        }


def _files(catalogue: Catalogue, host: str) -> Iterator[dict[str, Any]]:
    """What lies where on a host, with owner and mode, directories first."""
    for directory in accounts.layout(catalogue, host)["directories"]:
        yield {"host": host, "kind": "directory", "service": "", **directory}
    services = queries.services_on(catalogue, host)
    for service in services:
        name, user = service["name"], service["user"]
        plain = [("configuration", f"/etc/cryptobot/{name}.json", "root", user, "0640")]
        plain.append(("environment", f"/etc/cryptobot/{name}.env", "root", "root", "0644"))
        secrets = sorted({secret["path"] for secret in service["secrets"].values() if secret["as"] != "none"})
        plain += [("secret", path, "root", "root", "0600") for path in secrets]
        plain.append(("state", f"/var/lib/cryptobot/{name}", user, user, "0750"))
        plain.append(("live release", f"/opt/cryptobot/{name}/current", "root", "root", "0777"))
        for kind, path, owner, group, mode in plain:
            yield {
                "host": host,
                "kind": kind,
                "service": name,
                "path": path,
                "owner": owner,
                "group": group,
                "mode": mode,
            }
    for kind, files in (("unit", unit_files(units(catalogue, host))), ("unit", migration_files(catalogue, host))):
        for file in files:
            yield {
                "host": host,
                "kind": kind if file["dest"].startswith("/etc/systemd") else "configuration",
                "service": _service_of(file["dest"], services),
                "path": file["dest"],
                "owner": "root",
                "group": "root",
                "mode": "0644",
            }


def _service_of(path: str, services: Iterable[Mapping[str, Any]]) -> str:
    """By the longest name that its file begins with."""
    base = path.rpartition("/")[2].removeprefix("cryptobot-")
    names = [one["name"] for one in services if base.startswith((f"{one['name']}-", f"{one['name']}."))]
    return max(names, key=len, default="")
