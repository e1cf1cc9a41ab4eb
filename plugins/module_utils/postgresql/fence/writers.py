# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After closing: transactions that began before it may still see the fence open, and are waited for.

A transaction that takes its snapshot after the closing commit has returned sees the fence closed. So the clock is read
after that commit, and whoever has an older transaction with a number or a snapshot is older than the closing. A VACUUM
writes no rows and can't be part of a transaction with other statements; what replicates writes nothing here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .errors import FenceError

LOOK_SECONDS = 0.001
END_SECONDS = 5.0

_CLOCK = "SELECT pg_catalog.clock_timestamp()"
_OLDER = """
SELECT a.pid, coalesce(a.usename, a.backend_type), coalesce(nullif(a.application_name, ''), 'no application name'),
  a.state,
  round(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() AND a.xact_start < %s
  AND (a.backend_xid IS NOT NULL OR a.backend_xmin IS NOT NULL)
  AND a.backend_type <> 'autovacuum worker' AND a.backend_type NOT LIKE 'logical replication%%'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_replication
    r WHERE r.pid = a.pid AND r.state IN ('catchup', 'streaming'))
ORDER BY a.xact_start"""
_END = "SELECT pg_catalog.pg_terminate_backend(%s)"
_PREPARED = "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database() ORDER BY 1"


@dataclass(frozen=True)
class Waited:
    """Seconds until the last older transaction was gone, and who was ended."""

    seconds: float
    ended: tuple[str, ...] = ()


def wait(connection: Any, title: str, grace: float, end: bool) -> Waited:
    """Waits ``grace`` seconds for transactions that began before now; then ends their sessions, or refuses by name."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK)
        (cut,) = cursor.fetchone()
        began = time.monotonic()
        older = _older(cursor, cut)
        while older and time.monotonic() - began < grace:
            time.sleep(LOOK_SECONDS)
            older = _older(cursor, cut)
        ended = _ended(cursor, title, cut) if older and end else ()
        if older and not end:
            raise FenceError(
                f"{title}: {_listed(older)} began before the closing and had not ended {grace:.1f} s later. End "
                f"it, or let the "
                "window end it, then try again."
            )
        cursor.execute(_PREPARED)
        if prepared := [gid for (gid,) in cursor.fetchall()]:
            raise FenceError(
                f"{title} holds prepared transactions, which may have written before the closing: "
                f"{', '.join(prepared)}. Commit or "
                "roll them back (COMMIT PREPARED, ROLLBACK PREPARED), then try again."
            )
    return Waited(round(time.monotonic() - began, 4), ended)


def named_older(cursor: Any) -> str:
    """The transactions that are under way now, for a sentence."""
    cursor.execute(_CLOCK)
    return _listed(_older(cursor, cursor.fetchone()[0])) or "no transaction any more"


def _ended(cursor: Any, title: str, cut: Any) -> tuple[str, ...]:
    """Ends them and sees them gone."""
    ended: dict[int, str] = {}
    until = time.monotonic() + END_SECONDS
    while older := _older(cursor, cut):
        if time.monotonic() > until:
            raise FenceError(f"{title}: {_listed(older)} was told to end and did not within {END_SECONDS:.0f} s.")
        for row in older:
            if row[0] not in ended:
                cursor.execute(_END, (row[0],))
                ended[row[0]] = _named(row)
        time.sleep(LOOK_SECONDS)
    return tuple(ended.values())


def _older(cursor: Any, cut: Any) -> list[tuple[Any, ...]]:
    cursor.execute(_OLDER, (cut,))
    return cursor.fetchall()


def _listed(rows: list[tuple[Any, ...]]) -> str:
    return ", ".join(_named(row) for row in rows)


def _named(row: tuple[Any, ...]) -> str:
    pid, user, application, state, age = row
    return f"the transaction of process {pid} of {user} ({application}, {state or 'at work'}, {age} s old)"
