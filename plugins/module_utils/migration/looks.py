# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the results of the read-only modules to what the plan is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..postgresql.strategy import LOGICAL

Result = Mapping[str, Any]
UNITS = {"redis": ("keys", "keys"), "directory": ("files", "files"), "sqlite": ("files", "files")}
SPARE = 1.1
"""Of what a copy needs on disk."""


def looks(postgresql: Iterable[Result], others: Mapping[str, Iterable[Result]]) -> dict[str, dict[str, Any]]:
    """By datastore: how it moves, how much it is, and what was found.

    ``postgresql``: results of M(cryptobot.native.postgresql_inventory_info). ``others``: by kind, results of transfers
    in check mode, each with the ``item`` of its loop.
    """
    found: dict[str, dict[str, Any]] = {}
    for result in postgresql:
        for name, one in (result.get("databases") or {}).items():
            found[name] = _database(one)
    for kind, results in others.items():
        field, unit = UNITS[kind]
        for result in results:
            found[result["item"]["datastore"]] = {
                "method": "freeze-copy",
                "way": result.get("way") or "",
                "reasons": result.get("reasons") or [],
                "bytes": result.get("bytes") or 0,
                "count": result.get(field) or 0,
                "unit": unit,
                "findings": result.get("findings") or [],
            }
    return found


def _database(one: Mapping[str, Any]) -> dict[str, Any]:
    strategy = one.get("method") or {}
    shape = {key: one.get(key) or 0 for key in ("table_bytes", "index_bytes", "large_objects")}
    return {
        "method": strategy.get("choice") or "freeze-copy",
        "way": strategy.get("way") or "",
        "reasons": strategy.get("reasons") or [],
        "unfollowed": (strategy.get("others") or {}).get(LOGICAL) or [],
        "bytes": one.get("bytes") or 0,
        "count": one.get("rows") or 0,
        "unit": "rows",
        "shape": {**shape, "objects": len(one.get("tables") or ())},
        "estimate": one.get("estimate") or {},
        "roles": one.get("roles") or {},
    }


def sharing(catalogue: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By datastore: the services that use it, the group with which it moves, and the groups of its users."""
    services = catalogue["services"]
    return {
        name: {
            "users": sorted(store["users"]),
            "group": store["migration_group"],
            "groups": [
                group
                for group in catalogue["migration_groups"]
                if any(services[user]["migration_group"] == group for user in store["users"])
            ],
        }
        for name, store in catalogue["datastores"].items()
    }


def services(catalogue: Mapping[str, Any], moving: Mapping[str, Any]) -> dict[str, Any]:
    """How many containers stop, how many schemas are looked at, and how many processes start in each wave."""
    names = [name for name, each in catalogue["services"].items() if each["migration_group"] in moving["groups"]]
    counts = {
        name: sum(int(each.get("instances") or 1) for each in catalogue["services"][name]["processes"].values())
        for name in names
    }
    waves = [sum(counts.get(name, 0) for name in wave) for wave in catalogue["waves"]]
    schemas = sum(1 for name in names if catalogue["services"][name].get("migration"))
    return {"stop": len(moving["writers"]), "schemas": schemas, "waves": [count for count in waves if count]}


def needs(
    found: Mapping[str, Mapping[str, Any]], stores: Mapping[str, Any], places: Mapping[str, str]
) -> dict[str, Any]:
    """Bytes that the migration needs, by path, and what for.

    ``places``: the paths of ``postgresql``, ``redis``, ``migration`` (backups). Directories are beside their targets.
    """
    result: dict[str, dict[str, Any]] = {}

    def add(path: str, amount: float, what: str) -> None:
        entry = result.setdefault(path, {"needed": 0, "for": []})
        entry["needed"] += int(amount * SPARE)
        if what not in entry["for"]:
            entry["for"].append(what)

    paths = {
        each["datastore"]: each["target"]["path"] for kind in ("directory", "sqlite") for each in stores.get(kind, [])
    }
    for name, look in found.items():
        size = look["bytes"]
        add(places["migration"], size, "the backup")
        if name in paths:
            add(paths[name], size, f"the directory {name}")
        else:
            kind = "postgresql" if look["unit"] == "rows" else "redis"
            add(places[kind], size, "the databases" if kind == "postgresql" else "Redis")
    return result


def merged(needed: Mapping[str, Mapping[str, Any]], devices: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
    """The same by file system, with what is free. ``devices``: by path its device and free bytes."""
    result: dict[str, dict[str, Any]] = {}
    first: dict[int, str] = {}
    for path, each in needed.items():
        device, free = devices[path]
        entry = result.setdefault(first.setdefault(device, path), {"needed": 0, "free": free, "for": []})
        entry["needed"] += each["needed"]
        entry["for"] += [what for what in each["for"] if what not in entry["for"]]
    return result
