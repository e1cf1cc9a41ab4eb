# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resolved catalogue as text for people: what there is, and who set it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..edge_catalogue import public_port
from ..migration.alone import alone
from ..migration.sides import process_side

LONGEST_VALUE = 60
Row = Sequence[object]
Sides = Mapping[str, Any]


def columns(head: Row, rows: Iterable[Row]) -> list[str]:
    """Rows under a head, in line; what is empty is a dash."""
    table = [[str(cell) for cell in head], *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(row[number]) for row in table) for number in range(len(table[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return "-" if value in (None, "", {}, []) else str(value)


def services(resolved: Mapping[str, Any], sides: Sides | None = None) -> list[str]:
    """One row a process; where a Compose project is given with its side, and with the writer of each datastore."""
    rows = [
        (
            name,
            key,
            service["migration_group"],
            *((process_side(sides, service, alone(resolved, service, process)),) if sides else ()),
            service["runtime"],
            process["port"] and public_port(process["port"], sides),
            process["internal_port"],
            _listens(process),
            process["units"][0]["unit"],
            [host for host, spec in resolved["hosts"].items() if name in spec["services"]],
        )
        for name, service in resolved["services"].items()
        for key, process in service["processes"].items()
    ]
    side = ("side",) if sides else ()
    heads = ("service", "process", "group", *side, "runtime", "public", "internal", "listens", "first unit", "hosts")
    if not sides:
        return columns(heads, rows)
    writers = [(name, resolved["datastores"][name]["migration_group"], side) for name, side in sides["datastores"].items()]
    standby = sides.get("standby", ())
    groups = [(name, f"{side}, stands by" if name in standby else side) for name, side in sides["groups"].items()]
    return [
        *columns(heads, rows),
        "",
        *columns(("datastore", "moves with", "writer"), writers),
        "",
        *columns(("migration group", "side"), groups),
    ]


def _listens(process: Mapping[str, Any]) -> str:
    ports = [unit["port"] for unit in process["units"] if unit["port"]]
    return f"{ports[0]}-{ports[-1]}" if ports else ""


def catalogue(resolved: Mapping[str, Any], sides: Sides | None = None) -> list[str]:
    """Everything: services, what they use and call, datastores, start waves, routes."""
    graph = [
        (name, service["calls"], service["after"], sorted(service["uses"]), sorted(service["secrets"]))
        for name, service in resolved["services"].items()
    ]
    stores = [
        (
            name,
            store["kind"],
            store["host"],
            store["migration_group"],
            store.get("database") or store.get("path") or store.get("index"),
            sorted(store["users"]),
        )
        for name, store in resolved["datastores"].items()
    ]
    routes = [
        (
            route["path"],
            f"{route['service']} {route['process']}",
            "strip" if route["strip"] else route["rewrite"],
            "yes" if route["websocket"] else "",
        )
        for route in resolved["routes"]
    ]
    edge = resolved["edge"]
    return [
        f"environment {resolved['environment']}, entrance {edge['bind']}:{edge['port']}",
        "",
        *services(resolved, sides),
        "",
        *columns(("service", "calls", "after", "uses", "secrets"), graph),
        "",
        *columns(("datastore", "kind", "host", "moves with", "where", "users"), stores),
        "",
        *columns(("wave", "services"), enumerate(resolved["waves"], 1)),
        "",
        *columns(("route", "to", "rewrite", "websocket"), routes),
    ]


def provenance(resolved: Mapping[str, Any], __: Sides = None) -> list[str]:
    """Every value that somebody else than the shipped catalogue set, and how many it set itself."""
    places = resolved["provenance"]
    own = {path: place for path, place in places.items() if not place.startswith("catalogues/")}
    summary = f"{len(places) - len(own)} values are the shipped catalogue's, {len(own)} were set here."
    rows = [(path, _value(resolved, path), place) for path, place in own.items()]
    return [summary, *(["", *columns(("path", "value", "set in"), rows)] if rows else [])]


def _value(resolved: Mapping[str, Any], path: str) -> str:
    """What a path of the catalogue came to, where the resolved one has it at the same place."""
    at: Any = resolved
    while path:
        keys = [key for key in at if path == key or path.startswith(f"{key}.")] if isinstance(at, Mapping) else []
        if not keys:
            return ""
        key = max(keys, key=len)
        at, path = at[key], path[len(key) + 1 :]
    text = _cell(at)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


VIEWS = {"services": services, "catalogue": catalogue, "provenance": provenance}


def view(resolved: Mapping[str, Any], show: str, sides: Sides | None = None) -> list[str]:
    """The lines of one view; ``sides``: the fact. Raises ValueError for one that there is not."""
    if show not in VIEWS:
        raise ValueError(f"show is {show[:40]}; it is one of {', '.join(VIEWS)}. Example: -e show=provenance")
    return VIEWS[show](resolved, sides)
