# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for the PostgreSQL server of one host: roles, databases, who may come in and how."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .. import secret_values
from ..catalogue.queries import first_host
from ..migration.sides import is_native
from .follow.publisher import role_of
from .objects import POOLER_ROLE, migrator

IDENT_MAP = "cryptobot"
POOLER = "cryptobot-pgbouncer"
MIGRATOR = "cryptobot-migrate"


def layout(catalogue: Mapping[str, Any], host: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """``roles``, ``databases``, ``hba`` and ``ident`` lines, ``pools``, and the local ``doors`` of one host.

    ``options``: ``connection_limit`` a service, ``locale`` of new databases, ``extensions`` by datastore, ``sides``: a database
    whose writer is not native is left out of ``databases`` and ``doors``, and so are settings of roles in it. Roles and lines stay.
    """
    stores = [each for each in catalogue["datastores"].values() if each["kind"] == "postgresql" and each["host"] == host]
    roles: dict[str, dict[str, Any]] = {}
    result: dict[str, Any] = {"databases": [], "hba": [], "ident": [], "pooled": [], "pools": [], "doors": []}
    for store in stores:
        users = [catalogue["services"][name] for name in store["users"]]
        native = is_native(options.get("sides"), "datastores", store["name"])
        owner = _owner(store, users)
        roles.setdefault(owner, _role(owner, login=False))
        access = {}
        for service in users:
            use = service["uses"][store["name"]] or {}
            name, migrate = service["identifier"], migrator(service["identifier"])
            here = service["name"] in catalogue["hosts"][host]["services"]
            addresses = _addresses(catalogue, service, host)
            migrates = _migrates(catalogue, service, host)
            pooled = (use.get("pool") or "none") != "none"
            role = roles.setdefault(name, _role(name, connection_limit=options["connection_limit"]))
            role["password"] = role["password"] or pooled or bool(addresses)
            definer = roles.setdefault(migrate, _role(migrate, member_of=[owner], connection_limit=5))
            definer["member_of"] = sorted({*definer["member_of"], owner})
            if native:
                definer["settings"][store["database"]] = {"role": owner}
            definer["password"] = definer["password"] or bool(migrates)
            access[name] = "read" if use.get("readonly") else "write"
            access[migrate] = "connect"
            result["hba"] += _doors(store["database"], [name, migrate], here or pooled)
            # Others come in through the pool, where there is one; the schema is brought up to date past it.
            result["hba"] += _remote(store["database"], name, [] if pooled else addresses)
            result["hba"] += _remote(store["database"], migrate, migrates)
            result["pooled"] += [store["database"]] if pooled else []
            if pooled:
                remote = bool(addresses)
                result["pools"].append(
                    {
                        "service": service["name"],
                        "role": name,
                        "datastore": store["name"],
                        "database": store["database"],
                        "pool": use["pool"],
                        "remote": remote,
                    }
                )
            result["ident"] += _identities(service, here, pooled)
            if here and native:
                result["doors"] += [
                    {"user": service["user"], "role": name, "database": store["database"], "access": access[name]},
                    {"user": MIGRATOR, "role": migrate, "database": store["database"], "access": "define"},
                ]
        result["hba"] += _followers(store, options.get("sides") or {})
        if native:
            result["databases"].append(_database(store, owner, access, options, store["database"] in result["pooled"]))
    if result["pooled"]:
        roles[POOLER_ROLE] = _role(POOLER_ROLE)
        result["ident"].append([IDENT_MAP, POOLER, POOLER_ROLE])
        for database in result["databases"]:
            if database["pooler"]:
                database["access"][POOLER_ROLE] = "connect"
        result["hba"] += [["local", name, POOLER_ROLE, "", f"peer map={IDENT_MAP}"] for name in dict.fromkeys(result["pooled"])]
    result["roles"] = list(roles.values())
    result["pooled"] = sorted(set(result["pooled"]))
    for lines in ("hba", "ident"):
        result[lines] = _unique(result[lines])
    return result


def _database(
    store: Mapping[str, Any], owner: str, access: dict[str, str], options: Mapping[str, Any], pooled: bool
) -> dict[str, Any]:
    return {
        "name": store["database"],
        "owner": owner,
        "access": access,
        "locale": options["locale"],
        "extensions": list((options.get("extensions") or {}).get(store["name"]) or []),
        "pooler": POOLER_ROLE if pooled else None,
    }


def passwords(layout_: Mapping[str, Any], catalogue: Mapping[str, Any], secrets: Any) -> dict[str, str]:
    """The password of each role that has one. A rotating secret is a list; PostgreSQL knows one password a role, the first."""
    with_password = {each["name"] for each in layout_["roles"] if each["password"]}
    found = {}
    for service in catalogue["services"].values():
        name = service["identifier"]
        for role, secret in ((name, "postgresql_password"), (migrator(name), "postgresql_migrate_password")):
            if role in with_password and (values := secret_values.passwords(secrets, service["name"], secret)):
                found[role] = values[0]
    return found


def _owner(store: Mapping[str, Any], users: list[Mapping[str, Any]]) -> str:
    """The owner is the service's own, or the datastore's where several services use it."""
    base = users[0]["identifier"] if len(users) == 1 else store["name"].replace("-", "_")
    return f"{base}_owner"


def _role(name: str, *, login: bool = True, member_of: list[str] | None = None, connection_limit: int = -1) -> dict[str, Any]:
    return {
        "name": name,
        "login": login,
        "connection_limit": connection_limit,
        "member_of": member_of or [],
        "settings": {},
        "password": False,
    }


def _followers(store: Mapping[str, Any], sides: Mapping[str, Any]) -> list[list[str]]:
    """Docker's server reads what is written natively, so that it stays current."""
    place = (store.get("docker") or {}).get("service")
    subnets = (sides.get("subnets") or {}).get(place, [])
    return [["host", store["database"], role_of(store["name"]), subnet, "scram-sha-256"] for subnet in subnets]


def _addresses(catalogue: Mapping[str, Any], service: Mapping[str, Any], host: str) -> list[str]:
    """Addresses of the other hosts that run this service."""
    return [
        each["address"] for name, each in catalogue["hosts"].items() if name != host and service["name"] in each["services"]
    ]


def _migrates(catalogue: Mapping[str, Any], service: Mapping[str, Any], host: str) -> list[str]:
    """The address of the one that brings the schema up to date, where that is another host."""
    first = first_host(catalogue, service["name"])
    return [catalogue["hosts"][first]["address"]] if first not in (None, host) and service.get("migration") else []


def _doors(database: str, roles: list[str], local: bool) -> list[list[str]]:
    return [["local", database, role, "", f"peer map={IDENT_MAP}"] for role in roles if local]


def _remote(database: str, role: str, addresses: list[str]) -> list[list[str]]:
    return [["host", database, role, _network(address), "scram-sha-256"] for address in addresses]


def _network(address: str) -> str:
    """One address alone; a host name stands for itself."""
    try:
        return str(ipaddress.ip_network(address))
    except ValueError:
        return address


def _identities(service: Mapping[str, Any], here: bool, pooled: bool) -> list[list[str]]:
    """Who may come in as whom by the map: the service's system user, the migration step's, and the pooler's."""
    name = service["identifier"]
    users = [(service["user"], name), (MIGRATOR, f"{name}_migrate")] if here else []
    return [[IDENT_MAP, *pair] for pair in users + ([(POOLER, name)] if pooled else [])]


def _unique(lines: list[list[str]]) -> list[list[str]]:
    return [list(line) for line in dict.fromkeys(tuple(line) for line in lines)]
