# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration group's change of sides in a window needs of the catalogue, and why a group cannot have one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import mapping

Catalogue = Mapping[str, Any]
POSTGRESQL = "postgresql"
INSTEAD = "Move it with cryptobot.native.migrate, which stops, copies and starts."


def window(catalogue: Catalogue, compose: Mapping[str, Any], group: str) -> dict[str, Any]:
    """What the modules C(cutover) and C(postgresql_follow) take: ``servers``, ``reached`` and ``databases``; and the
    processes of which there may be one: ``stopped`` (Compose services) and ``units``."""
    servers = mapping.stores(catalogue, compose, group)["postgresql"]
    found: dict[str, Any] = {"servers": {}, "reached": {}, "databases": [], **exclusive(catalogue, group)}
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


def exclusive(catalogue: Catalogue, group: str) -> dict[str, list[str]]:
    """Of the group's processes of which there may be one, the Compose services and the units."""
    found = [(service, process) for service, process in _processes(catalogue, group) if process.get("exclusive")]
    stopped = {(process.get("docker") or {}).get("service") for __, process in found}
    units = {unit["unit"] for __, process in found for unit in process["units"]}
    return {"stopped": sorted(filter(None, stopped)), "units": sorted(units)}


def refusals(catalogue: Catalogue, group: str, used: Iterable[str]) -> list[str]:
    """Sentences that say why this group cannot change sides in a window, and what to do instead."""
    used = list(used)
    found = []
    for name in used:
        store = catalogue["datastores"][name]
        place = store.get("docker") or {}
        if store["kind"] != POSTGRESQL:
            found.append(
                f"The datastore {name} is of the kind {store['kind']}, and a cutover moves PostgreSQL databases alone. "
                f"{INSTEAD}"
            )
        elif not (place.get("service") and place.get("database")):
            where = mapping.NOWHERE.format(keys=mapping.KEYS[POSTGRESQL])
            found.append(f"The datastore {name} {where}.")
    places = {(catalogue["datastores"][name].get("docker") or {}).get("service") for name in used}
    if not used:
        found.append(
            f"The migration group {group} has no database, and a window is decided by a row in one. {INSTEAD}"
        )
    elif not found and len(places) > 1:
        found.append(
            f"The databases of the migration group {group} are on several servers of the Compose project "
            f"({', '.join(sorted(map(str, places)))}), and a window is between two servers. {INSTEAD}"
        )
    for service, process in _processes(catalogue, group):
        if process.get("exclusive") and process.get("port"):
            found.append(
                f"The process {service['name']}.{process['name']} is exclusive and has a door: its container stops "
                f"before the window, and requests would be refused meanwhile. {INSTEAD}"
            )
    return found


def _processes(catalogue: Catalogue, group: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    groups = catalogue["migration_groups"] if group == "all" else [group]
    services = [one for one in catalogue["services"].values() if one["migration_group"] in groups]
    return [(service, process) for service in services for process in service["processes"].values()]
