# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each datastore of the catalogue is in Docker and where it will be natively, as options of the data modules."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..catalogue.lending import SERVERS, can_lend
from ..edge_catalogue import endpoint, public_port
from ..postgresql.layout import layout
from ..postgresql.objects import POOLER_ROLE

Catalogue = Mapping[str, Any]
NOWHERE = "names no place in the Compose project: give it docker: {{{keys}}} in the catalogue"
LENDING = " It can be lent to them until then: give it an access_port in the catalogue, for example 26379."
INCOMING = "__incoming"
"""What follows a database's name until its content is proven."""

KEYS = {
    "postgresql": "service: postgres, database: auth_db",
    "redis": "service: redis",
    "directory": "volume: market-data",
    "sqlite": "volume: results",
}


def stores(
    catalogue: Catalogue, compose: Mapping[str, Any], group: str = "all", source: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What moves, by kind: ``postgresql`` (a list of servers with their ``databases``, and the same as ``incoming``
    before they are renamed), ``redis``, ``directory`` and ``sqlite`` (lists of datastores), and ``unmoved``
    (``datastore``, ``why``).

    ``source`` is C(source) of M(cryptobot.native.docker_source_info); with it, users of containers are known.
    """
    found: dict[str, Any] = {"postgresql": [], "redis": [], "directory": [], "sqlite": [], "unmoved": []}
    servers: dict[str, dict[str, Any]] = {}
    for name in moving(catalogue, group)["datastores"]:
        store = catalogue["datastores"][name]
        kind, docker = store["kind"], store.get("docker") or {}
        needed = ("service", "database") if kind == "postgresql" else ("service",) if kind == "redis" else ("volume",)
        if kind not in KEYS or any(not docker.get(key) for key in needed):
            why = NOWHERE.format(keys=KEYS[kind]) if kind in KEYS else f"is of the kind {kind}, which cannot be moved"
            found["unmoved"].append({"datastore": name, "why": why})
        elif kind == "postgresql":
            server = servers.setdefault(docker["service"], _server(catalogue, docker["service"], compose))
            database = _database(catalogue, store)
            server["databases"].append(database)
            server["incoming"].append({**database, "target": f"{database['target']}{INCOMING}", "restoring": True})
        elif kind == "redis":
            place = {"container": {"project": compose["project"], "service": docker["service"]}}
            index = {str(docker.get("index", 0)): int(store.get("index", 0))} if "index" in docker else {}
            found["redis"].append({"datastore": name, "source": place, "target": {"local": {}}, "indices": index})
        else:
            found[kind].append(_folder(catalogue, store, compose, source or {}))
    found["postgresql"] = [servers[name] for name in sorted(servers)]
    return found


def backward(server: Mapping[str, Any]) -> dict[str, Any]:
    """The same server with its sides exchanged, for the way back."""

    def turned(database: Mapping[str, Any], suffix: str = "") -> dict[str, Any]:
        return {**database, "source": database["target"], "target": f"{database['source']}{suffix}"}

    return {
        "service": server["service"],
        "source": server["target"],
        "target": server["source"],
        "databases": [turned(each) for each in server["databases"]],
        "incoming": [{**turned(each, INCOMING), "restoring": True, "back": True} for each in server["databases"]],
    }


def mapped(databases: Iterable[Mapping[str, Any]], results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Databases with the map of roles by which a transfer brought them: the comparison goes by the same one."""
    return [{**each, **(results.get(each["datastore"], {}).get("map") or {})} for each in databases]


def other_volumes(
    source: Mapping[str, Any], stores_: Mapping[str, Any], keepers_: Iterable[str]
) -> list[dict[str, Any]]:
    """Volumes of the project that hold no datastore: ``datastore`` (a name for the backup) and ``source``.

    A server's own files are not among them: they change while they are copied, and its content is saved by its own
    means.
    """
    moved = {each["source"]["container"]["volume"] for kind in ("directory", "sqlite") for each in stores_[kind]}
    return [
        {"datastore": f"volume-{name}", "source": {"path": volume["path"]}}
        for name, volume in sorted((source.get("volumes") or {}).items())
        if not {name, volume.get("name_in_files")} & moved
        and not (volume["services"] and set(volume["services"]) <= set(keepers_))
    ]


def parts(stores_: Mapping[str, Any], volumes: Iterable[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """What a backup is made of: ``part`` (its folder), ``kind``, ``datastores``."""
    found = [
        {
            "part": f"postgresql-{server['service']}",
            "kind": "postgresql",
            "datastores": [each["datastore"] for each in server["databases"]],
        }
        for server in stores_["postgresql"]
    ]
    others = [("redis", stores_["redis"]), ("files", [*stores_["directory"], *stores_["sqlite"], *volumes])]
    return found + [
        {"part": each["datastore"], "kind": kind, "datastores": [each["datastore"]]}
        for kind, found_ in others
        for each in found_
    ]


def keepers(catalogue: Catalogue) -> list[str]:
    """The Compose services that hold datastores; they go on running while the others are stopped."""
    places = [store.get("docker") or {} for store in catalogue["datastores"].values()]
    return sorted({place["service"] for place in places if place.get("service")})


def urls(catalogue: Catalogue, sides: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Where users find the entrance and each service natively: beside the published port while Docker has that."""
    host = next(
        (each["address"] for each in catalogue["hosts"].values() if "cryptobot_edge" in each["groups"]), "127.0.0.1"
    )
    doors = [
        ("entrance", catalogue["edge"]["port"]),
        *((door["service"], door["public"]) for door in catalogue["doors"]),
    ]
    return [
        {"service": name, "url": f"http://{endpoint(host, public_port(port, sides))}/"} for name, port in doors if port
    ]


def moving(catalogue: Catalogue, group: str, crossing: bool = False) -> dict[str, list[str]]:
    """What moves with ``group`` (or ``all``): ``groups``, ``datastores``, Compose services to stop (``writers``), and
    ``refusals``, sentences that say why this group cannot move alone. ``crossing``: calls may cross the sides, for they
    go by the router, and a datastore that moves with another group is lent."""
    groups = list(catalogue["migration_groups"]) if group == "all" else [group]
    services = {name: each for name, each in catalogue["services"].items() if each["migration_group"] in groups}
    used = sorted({store for service in services.values() for store in service["uses"]})
    refusals = [] if group == "all" else _refusals(catalogue, group, services, used, crossing)
    # What is lent moves with another group.
    stores_ = catalogue["datastores"]
    used = [name for name in used if not can_lend(stores_[name]) or stores_[name]["migration_group"] in groups]
    writers = [
        process["docker"]["service"]
        for service in services.values()
        for process in service["processes"].values()
        if (process.get("docker") or {}).get("service")
    ]
    return {"groups": groups, "datastores": used, "writers": sorted(set(writers)), "refusals": refusals}


def _refusals(
    catalogue: Catalogue, group: str, services: Mapping[str, Any], used: Iterable[str], crossing: bool
) -> list[str]:
    if group not in catalogue["migration_groups"]:
        return [f"There is no migration group {group}; there are {', '.join(catalogue['migration_groups'])}, and all."]
    found = []
    for store in used:
        if crossing and can_lend(catalogue["datastores"][store]):
            continue
        others = sorted(set(catalogue["datastores"][store]["users"]) - set(services))
        if others:
            found.append(
                f"The datastore {store} is used by {', '.join(others)} too, outside the migration group {group}: "
                f"moving it alone would leave them a datastore that nobody writes."
                + (LENDING if crossing and catalogue["datastores"][store]["kind"] in SERVERS else "")
            )
    calls = sorted(
        f"{name} → {callee}"
        for name, service in catalogue["services"].items()
        for callee in service["calls"]
        if not crossing and (name in services) != (callee in services)
    )
    if calls:
        found.append(
            f"Services of the migration group {group} and others call each other ({', '.join(calls[:4])}"
            f"{', …' if len(calls) > 4 else ''}), and calls do not cross the sides yet."
        )
    return [*found, "Leave migration_group out: all groups then move in one run."] if found else []


def _server(catalogue: Catalogue, service: str, compose: Mapping[str, Any]) -> dict[str, Any]:
    """``known``: its databases that the catalogue names, whichever group they move with."""
    place = {"container": {"project": compose["project"], "service": service}}
    places = [store.get("docker") or {} for store in catalogue["datastores"].values()]
    known = sorted(each["database"] for each in places if each.get("service") == service and each.get("database"))
    target = {"local": {}}
    return {"service": service, "source": place, "target": target, "known": known, "databases": [], "incoming": []}


def _database(catalogue: Catalogue, store: Mapping[str, Any]) -> dict[str, Any]:
    made = layout(catalogue, store["host"], {"connection_limit": -1, "locale": "C.UTF-8"})
    database = next(each for each in made["databases"] if each["name"] == store["database"])
    # The migration step's role is ours alone: nothing of the source becomes it.
    services = {catalogue["services"][user]["identifier"]: user for user in store["users"]}
    access = {role: level for role, level in database["access"].items() if role in services or role == POOLER_ROLE}
    return {
        "datastore": store["name"],
        "source": store["docker"]["database"],
        "target": store["database"],
        "owner": database["owner"],
        "access": access,
    }


def _folder(
    catalogue: Catalogue, store: Mapping[str, Any], compose: Mapping[str, Any], source: Mapping[str, Any]
) -> dict[str, Any]:
    name, volume = store["name"], store["docker"]["volume"]
    services = [catalogue["services"][user] for user in store["users"]]
    # Who writes owns what the containers owned.
    services.sort(key=lambda service: bool((service["uses"].get(name) or {}).get("readonly")))
    folder = {
        "datastore": name,
        "source": {"container": {"project": compose["project"], "volume": volume}},
        "target": {"path": store["path"]},
        "ownership": {
            "users": [service["user"] for service in services],
            "group": store["group"],
            **_run_as(catalogue, services, source),
        },
    }
    if store["kind"] == "sqlite":
        folder["file"] = os.path.basename(store["file"])
    return folder


def _run_as(catalogue: Catalogue, services: list[Mapping[str, Any]], source: Mapping[str, Any]) -> dict[str, list[int]]:
    """Numbers of the users and groups as whom the containers of these services run, as far as they are known."""
    wanted = [process["docker"]["service"] for service in services for process in service["processes"].values()
              if (process.get("docker") or {}).get("service")]  # fmt: skip
    found = [one for one in source.get("containers", []) if one["service"] in wanted]
    users = [one["uid"] for one in found if one.get("uid") is not None]
    groups = [one["gid"] for one in found if one.get("gid") is not None]
    return {"run_as": list(dict.fromkeys(users)) or [0], "run_as_groups": list(dict.fromkeys(groups)) or [0]}
