# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a window may begin: everything that would stop it half-way, seen before anything is held."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from ..postgresql.fence import look
from ..postgresql.fence.definitions import OPEN
from ..postgresql.follow import publisher, subscriber
from ..router.workers import Workers, backend_names
from .databases import Pair, obstacles
from .errors import CutoverError
from .stores import Store

MOST_LAG = 1_000_000
LONGEST_TRANSACTION = 5.0
SETTLE_SECONDS = 8.0
"""For what passes by itself: lag, a worker that reconnects, a transaction that is about to end."""
_BUSY = """
SELECT a.pid, coalesce(a.usename, a.backend_type), coalesce(nullif(a.application_name, ''), 'no application name'),
  round(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint
FROM pg_stat_activity a WHERE a.datname = current_database() AND a.backend_type = 'client backend'
  AND a.pid <> pg_backend_pid() AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
  AND a.xact_start < clock_timestamp() - make_interval(secs => %s) ORDER BY 4 DESC LIMIT 5"""
_PREPARED = "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1"
_AT_WORK = """
SELECT format('process %%s does %%s on %%s', pid, command, relid::regclass) FROM (
  SELECT pid, command, relid, datid FROM pg_stat_progress_create_index
  UNION ALL SELECT pid, command, relid, datid FROM pg_stat_progress_cluster) p
WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"""
_FLOWS = """
SELECT 1 FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
WHERE s.slot_name = %s AND pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) < %s"""


def stores(pairs: Sequence[Store], more: Sequence[str] = ()) -> tuple[dict[str, int], int]:
    """By datastore the epoch at which its source is open, and the epoch of the window: above all that are there.

    Raises CutoverError with everything that is wrong, in all datastores, and ``more``.
    """
    wrong = list(more)
    seen: dict[str, int] = {}
    highest = 0
    for pair in pairs:
        found, epochs = _fences(pair) if isinstance(pair, Pair) else pair.obstacles()
        wrong += found
        if not found and isinstance(pair, Pair):
            wrong += _one(pair)
        if epochs:
            seen[pair.database.datastore] = epochs[0]
            highest = max(highest, *epochs)
    if wrong:
        raise CutoverError("The window can't begin: " + " ".join(wrong))
    return seen, highest + 1


def _fences(pair: Pair) -> tuple[list[str], tuple[int, ...]]:
    """Sentences about both fences, and their epochs, the source's first."""
    wrong, epochs = [], []
    for end in ("source", "target"):
        with pair.session(end).cursor() as cursor:
            found = look.gather(cursor)
        if problems := found.problems():
            wrong.append(f"{pair.title(end)}: its fence is not whole: {'; '.join(problems)}.")
        if found.row is None:
            continue
        epochs.append(found.row.epoch)
        if (found.row.state == OPEN) != (end == "source"):
            wrong.append(f"{pair.title(end)} is {found.row}: the source must be open and the target must not be.")
    return wrong, tuple(epochs)


def _one(pair: Pair) -> list[str]:
    """Sentences about one pair, after a while in which what passes by itself has passed."""
    with pair.session("source").cursor() as source, pair.session("target").cursor() as target:
        until = time.monotonic() + SETTLE_SECONDS
        while (passing := _passing(pair, source, target)) and time.monotonic() < until:
            time.sleep(0.05)
        wrong = [f"{pair.title('source')}: {text}" for text in (*passing, *obstacles(source))]
        for end, cursor in (("source", source), ("target", target)):
            cursor.execute("SELECT current_setting('fsync')")
            if cursor.fetchone()[0] != "on":
                wrong.append(f"{pair.title(end)} runs with fsync = off: a crash could open a closed fence again.")
        return wrong


def _passing(pair: Pair, source: Any, target: Any) -> list[str]:
    return [*_direction(pair, source, target), *_at_work(source)]


def _direction(pair: Pair, source: Any, target: Any) -> list[str]:
    there = subscriber.find(target, pair.forward)
    if there is None or not there.enabled:
        return [f"{pair.title('target')} does not follow it. Begin that first (postgresql_follow)."]
    if there.waiting:
        return [f"{there.waiting} of its tables are not ready at the target yet."]
    slot = publisher.slot(source, pair.forward)
    if slot is None or slot.lost:
        return ["The slot of the way there is gone. Copy again."]
    source.execute(_FLOWS, (pair.forward, MOST_LAG))
    if source.fetchone() is None:
        return [
            f"The target is behind by {slot.lag} bytes, or not connected. Its server's log says what its apply worker waits "
            "for. A source that has come back under another address is followed there when the same command is run again."
        ]
    return []


def _at_work(source: Any) -> list[str]:
    source.execute(_BUSY, (LONGEST_TRANSACTION,))
    wrong = [
        f"The transaction of process {pid} of {user} ({application}) is {age} s old. End it, or wait until it ends."
        for pid, user, application, age in source.fetchall()
    ]
    source.execute(_PREPARED)
    if prepared := [gid for (gid,) in source.fetchall()]:
        wrong.append(f"It holds prepared transactions: {', '.join(prepared)}. Commit or roll them back.")
    source.execute(_AT_WORK, ())
    return [*wrong, *(f"Its {text}: wait until that is done." for (text,) in source.fetchall())]


def backends(workers: Workers, doors: Sequence[str], side: str) -> None:
    """Whatever takes over must be healthy. Raises CutoverError with the doors where nothing is."""
    checked = {backend_names(door, side)[0]: door for door in doors}
    if down := [checked[name] for name in workers.down(checked)]:
        raise CutoverError(
            f"No process of the {side} side is healthy behind {', '.join(down)}. Start it, and see it answer its "
            "health path, then try again."
        )
