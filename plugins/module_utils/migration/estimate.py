# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a migration takes, from what the machine does now.

Each figure is a rate that was measured just before (``speeds``), or a cost of fixed size scaled by how fast this
machine works (``speeds["cpu"]``: 1.0 is the machine on which the costs below were measured).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CALL = 0.7
"""Seconds of a module call that only reads the journal, where it was not measured (``speeds["call"]``)."""
WORKING = 2.3
"""A call that does something, in times of one that only reads the journal."""
CALLS = {"stop": 6, "copy": 3, "verify": 3, "switch": 7, "start": 22, "backup": 4, "rest": 8}
"""Calls that each part of a migration makes beside those for a directory or a Redis."""
DATABASE, BACKUP_DATABASE, VERIFY_DATABASE = 0.8, 0.8, 0.45
"""Seconds of a database without content: its schema, privileges and settings."""
OBJECT, VERIFY_OBJECT = 0.01, 0.005
"""Seconds of a table with its indexes, constraints and privileges."""
INDEXES = 0.9
"""Indexes and keys, in times of the rows' copy, where they are not known better."""
BACKUP_ROWS, VERIFY_ROWS = 1.6, 0.55
"""Reading all rows compressed and hashed, and comparing both sides, in times of the rows' copy."""
STOP = 4.0
"""Seconds until the slowest container has ended, and a second for each three more."""
PROGRAM = 0.15
"""Seconds of a small program's start, where it was not measured (``speeds["program"]``)."""
START = 8.0
"""A process until it is healthy, in times of the small program."""
REPLICA = 5.0
"""Seconds that a Redis waits before it sends what it has to a replica, as it comes (repl-diskless-sync-delay)."""
WAVE = 1.0
"""Seconds from one wave to the next: health is asked for now and then."""
KEYS = {"copy": 60_000.0, "verify": 130_000.0, "backup": 80_000.0}
"""Redis keys a second."""
FILES = {"copy": 1500.0, "verify": 4000.0, "backup": 1500.0}
"""Small files a second."""


def seconds(item: Mapping[str, Any], speeds: Mapping[str, float]) -> dict[str, float]:
    """Seconds for the backup, the copy and the verification of a datastore."""
    kind = {"postgresql": _postgresql, "redis": _redis}.get(item["kind"], _files)
    return {name: round(value, 2) for name, value in kind(item, speeds).items()}


def phases(
    items: Sequence[Mapping[str, Any]], services: Mapping[str, Any], speeds: Mapping[str, float]
) -> dict[str, float]:
    """Seconds of the parts of the run; ``freeze`` is how long neither side serves, ``total`` leaves installation out.

    ``services``: ``stop`` (containers), ``schemas``, ``waves`` (of each, how many processes start).
    """
    cpu, cores, waves = speeds.get("cpu", 1.0), max(1.0, speeds.get("cores", 2.0)), services.get("waves", [])
    found = {name: sum(item["seconds"][name] for item in items) for name in ("backup", "copy", "verify")}
    found["stop"] = (STOP + services.get("stop", 0) / 3) / cpu
    # Schemas are looked at one after the other, by programs; then as many as there are cores start in the time of one.
    rounds = services.get("schemas", 0) + sum(max(1.0, count / cores) for count in waves)
    found["start"] = rounds * START * speeds.get("program", PROGRAM / cpu) + len(waves) * WAVE
    # A datastore is brought into its place by a call of its own, the databases of a server by one.
    found["switch"] = sum(_call(speeds) for item in items if item["kind"] != "postgresql")
    for name in found:
        found[name] += CALLS[name] * _call(speeds)
    found["freeze"] = sum(found[name] for name in ("stop", "copy", "verify", "switch", "start"))
    found["total"] = found["freeze"] + found["backup"] + CALLS["rest"] * _call(speeds)
    return {name: round(value, 1) for name, value in found.items()}


def followed(seconds: Mapping[str, float]) -> dict[str, float]:
    """Of the same what a change of sides in a window takes, which waits for none of it."""
    left_out = ("stop", "verify", "switch")
    total = seconds["total"] - sum(seconds[name] for name in left_out)
    return {**seconds, **dict.fromkeys((*left_out, "freeze"), 0.0), "total": round(total, 1)}


def _call(speeds: Mapping[str, float]) -> float:
    return WORKING * (speeds.get("call") or CALL / speeds.get("cpu", 1.0))


def _postgresql(item: Mapping[str, Any], speeds: Mapping[str, float]) -> dict[str, float]:
    """By what the look at the database has reckoned; without it by its size."""
    shape, cpu, known = item["shape"], speeds.get("cpu", 1.0), item.get("estimate") or {}
    objects = shape.get("objects", 0)
    rows = known.get("rows", shape.get("table_bytes", item["bytes"]) / speeds["database"])
    # Rows are compared where they are: only their sums go over the line. Both servers work while they are.
    compared, alone = known.get("cores", rows), max(1.0, 2 / speeds.get("cores", 2.0))
    copied = known.get("total", rows * (1 + INDEXES) + (DATABASE + OBJECT * objects) / cpu)
    return {
        "backup": (BACKUP_DATABASE + OBJECT * objects) / cpu + rows * BACKUP_ROWS,
        "copy": copied,
        "verify": (VERIFY_DATABASE + VERIFY_OBJECT * objects) * alone / cpu + compared * VERIFY_ROWS,
    }


def _redis(item: Mapping[str, Any], speeds: Mapping[str, float]) -> dict[str, float]:
    cpu = speeds.get("cpu", 1.0)
    found = {name: _call(speeds) + item["count"] / (rate * cpu) for name, rate in KEYS.items()}
    return {**found, "copy": found["copy"] + (REPLICA if item.get("way") == "replica" else 0.0)}


def _files(item: Mapping[str, Any], speeds: Mapping[str, float]) -> dict[str, float]:
    cpu = speeds.get("cpu", 1.0)
    passes = {"copy": 1.0, "verify": 2.0, "backup": 1.0}
    return {
        name: _call(speeds) + item["count"] / (rate * cpu) + passes[name] * item["bytes"] / speeds["disk"]
        for name, rate in FILES.items()
    }
