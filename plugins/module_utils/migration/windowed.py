# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration group's change of sides in a window needs of the catalogue, and why a group cannot have one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..catalogue import lending
from ..catalogue.derived import docker_database
from ..postgresql.fence.travel import guest
from ..redis import layout
from ..redis.layout import COMMANDS, READ_ONLY
from . import mapping
from .alone import FILES, alone

Catalogue = Mapping[str, Any]
POSTGRESQL, REDIS = "postgresql", "redis"
INSTEAD = "Move it with cryptobot.native.migrate, which stops, copies and starts."


def window(catalogue: Catalogue, compose: Mapping[str, Any], group: str) -> dict[str, Any]:
    """What the modules C(cutover), C(postgresql_follow) and C(redis_follow) take: ``servers``, ``reached``, ``databases``
    and ``caches``; the processes that run on one side alone, see :func:`exclusive` and :func:`inside`; and others'
    processes, see :func:`borrowing`."""
    stores_ = mapping.stores(catalogue, compose, group)
    servers = stores_[POSTGRESQL]
    found: dict[str, Any] = {"servers": {}, "reached": {}, "databases": [], **exclusive(catalogue, group)}
    found["inside"] = inside(catalogue, group)
    found["borrowing"] = borrowing(catalogue, group)
    found["outlets"] = sorted({each["group"] for each in outlets(catalogue, group)})
    found["caches"] = [_cache(catalogue, each) for each in stores_[REDIS]]
    for server in servers[:1]:
        stores = [catalogue["datastores"][each["datastore"]] for each in server["databases"]]
        address = catalogue["hosts"][stores[0]["host"]]["address"]
        found["servers"] = {"docker": server["source"], "native": server["target"]}
        found["reached"] = {"native": {"host": address, "port": int(stores[0]["port"]), "sslmode": "prefer"}}
        found["databases"] = [
            {"datastore": each["datastore"], "docker": each["source"], "native": each["target"]}
            for each in server["databases"]
        ]
    return found


def _cache(catalogue: Catalogue, found: Mapping[str, Any]) -> dict[str, Any]:
    """A Redis; natively its users get what the catalogue gives them."""
    store = catalogue["datastores"][found["datastore"]]
    uses = {name: catalogue["services"][name]["uses"][store["name"]] or {} for name in store["users"]}
    return {
        "datastore": store["name"],
        "docker": found["source"],
        "native": found["target"],
        "reached": {"native": {"host": catalogue["hosts"][store["host"]]["address"], "port": int(store["port"])}},
        "rights": {name: " ".join(READ_ONLY if use.get("readonly") else COMMANDS) for name, use in uses.items()},
    }


def exclusive(catalogue: Catalogue, group: str) -> dict[str, list[str]]:
    """Of the group's processes that run on one side alone and have no door: the Compose services (``stopped``), which stop
    before the window, and the ``units``, which start after it. Nobody waits for them meanwhile."""
    found = [process for __, process in _alone(catalogue, group) if not process.get("port")]
    return {"stopped": _containers(found), "units": sorted(unit["unit"] for each in found for unit in each["units"])}


def inside(catalogue: Catalogue, group: str) -> dict[str, Any]:
    """Of those that have a door, whose requests wait while they stop and start in the window: the Compose services
    (``containers``), and the ``units`` of both slots, of which one is live on the host."""
    found = [(service, process) for service, process in _alone(catalogue, group) if process.get("port")]
    return {
        "containers": _containers(process for __, process in found),
        "units": [
            {"name": unit["unit"], "process": f"{service['name']}-{process['name']}", "slot": unit["slot"]}
            for service, process in found
            for unit in process["units"]
        ],
    }


def borrowing(catalogue: Catalogue, group: str) -> dict[str, list[str]]:
    """Native processes of other migration groups to which is lent what this one moves, so that they start anew with it: their
    ``groups`` and ``units``; ``others`` are units without a door, which stop before the window."""
    groups = catalogue["migration_groups"] if group == "all" else [group]
    services = [catalogue["services"][name] for name in lending.borrowers(catalogue, groups)]
    found = [(service, process) for service in services for process in service["processes"].values()]
    return {
        "groups": sorted({service["migration_group"] for service in services}),
        "units": sorted(unit["unit"] for __, process in found if process.get("port") for unit in process["units"]),
        "others": sorted(unit["unit"] for __, process in found if not process.get("port") for unit in process["units"]),
    }


def guests(catalogue: Catalogue, compose: Mapping[str, Any], group: str) -> list[dict[str, Any]]:
    """By datastore that is lent to this group, its ``kind``, its ``server`` and the ``users`` that its services are there, as the
    modules C(redis_guests) and C(postgresql_guests) take them. Of C(all) those that any group may have left, for together
    they borrow nothing."""
    mine = [each for each in catalogue["services"].values() if group in ("all", each["migration_group"])]
    found = []
    for name, store in sorted(catalogue["datastores"].items()):
        services = [each for each in mine if name in lending.lent_to(catalogue, each)]
        if services:
            server = {"container": {"project": compose["project"], "service": store["docker"]["service"]}}
            made = _roles(store, services) if store["kind"] == POSTGRESQL else _users(catalogue, store, services)
            found.append({"datastore": name, "kind": store["kind"], "server": server, **made})
    return found


def _users(catalogue: Catalogue, store: Mapping[str, Any], services: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    names = {each["name"] for each in services}
    users = layout.users(catalogue, store["host"])
    return {"users": [{"name": user["name"], "rules": user["rules"]} for user in users if user["name"] in names]}


def _roles(store: Mapping[str, Any], services: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    users = [
        {"role": guest(each["name"]), "service": each["name"], "readonly": bool(each["uses"][store["name"]].get("readonly"))}
        for each in services
    ]
    return {"database": docker_database(store), "users": users}


def outlets(catalogue: Catalogue, group: str) -> list[dict[str, Any]]:
    """Services of a group that may connect to some networks from one side alone, as the module C(router_outlets) takes them."""
    found: dict[str, dict[str, Any]] = {}
    for service, process in _processes(catalogue, group):
        if service["egress_fence"]:
            first = {"service": service["name"], "group": service["migration_group"], "user": service["user"]}
            one = found.setdefault(service["name"], {**first, "networks": service["egress_fence"], "containers": []})
            one["containers"] = sorted({*one["containers"], *_containers([process])})
    return [found[name] for name in sorted(found)]


def trees(stores: Mapping[str, Any], accept: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The directories and SQLite files of `mapping.stores`, as the module C(cutover) takes them."""
    return [
        {
            "datastore": each["datastore"],
            "docker": each["source"],
            "native": each["target"],
            "ownership": each["ownership"],
            "file": each.get("file", ""),
            "accept": list(accept),
        }
        for each in (*stores["directory"], *stores["sqlite"])
    ]


def refusals(catalogue: Catalogue, group: str, used: Iterable[str]) -> list[str]:
    """Sentences that say why this group cannot change sides in a window, and what to do instead."""
    used = list(used)
    found = []
    for name in used:
        store = catalogue["datastores"][name]
        place = store.get("docker") or {}
        if store["kind"] == REDIS:
            found += _of_redis(catalogue, name)
        elif not (place.get("volume") if store["kind"] in FILES else place.get("service") and place.get("database")):
            where = mapping.NOWHERE.format(keys=mapping.KEYS[store["kind"]])
            found.append(f"The datastore {name} {where}.")
    databases = [name for name in used if catalogue["datastores"][name]["kind"] == POSTGRESQL]
    places = {(catalogue["datastores"][name].get("docker") or {}).get("service") for name in databases}
    if not found and len(places) > 1:
        found.append(
            f"The databases of the migration group {group} are on several servers of the Compose project "
            f"({', '.join(sorted(map(str, places)))}), and a window is between two servers. {INSTEAD}"
        )
    return found


def _of_redis(catalogue: Catalogue, name: str) -> list[str]:
    """A window moves a server whole, with all of its numbered databases as they are."""
    store = catalogue["datastores"][name]
    place = store.get("docker") or {}
    if not place.get("service"):
        return [f"The datastore {name} {mapping.NOWHERE.format(keys=mapping.KEYS[REDIS])}."]
    others = [
        other
        for other, each in catalogue["datastores"].items()
        if other != name and each["kind"] == REDIS
        and (each["host"] == store["host"] or (each.get("docker") or {}).get("service") == place["service"])
    ]  # fmt: skip
    found = []
    if others:
        found.append(
            f"The datastore {name} shares a Redis server with {', '.join(others)}, and a cutover moves a server whole, for "
            f"one datastore. {INSTEAD}"
        )
    if int(place.get("index", store.get("index", 0))) != int(store.get("index", 0)):
        found.append(
            f"The datastore {name} has the numbered database {place['index']} in the container and {store['index']} "
            f"natively, and one that follows has all as they are. Give both the same index. {INSTEAD}"
        )
    return found


def _containers(processes: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({name for each in processes if (name := (each.get("docker") or {}).get("service"))})


def _alone(catalogue: Catalogue, group: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return [(service, process) for service, process in _processes(catalogue, group) if alone(catalogue, service, process)]


def _processes(catalogue: Catalogue, group: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    groups = catalogue["migration_groups"] if group == "all" else [group]
    services = [one for one in catalogue["services"].values() if one["migration_group"] in groups]
    return [(service, process) for service in services for process in service["processes"].values()]
