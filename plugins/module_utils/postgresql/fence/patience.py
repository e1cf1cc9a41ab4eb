# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DDL on a live system: one table a transaction, a short wait for its lock, and a pause before the next attempt.

A statement that waits for a lock on a table holds up every later write to it. So it waits 100 ms at most; who is held
up meanwhile gets through in the pause. A table whose lock can't be had goes to the end of the queue.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..endpoint import said
from .errors import FenceError

LOCK_NOT_AVAILABLE, DEADLOCK, GONE = "55P03", "40P01", ("42P01", "42704")
PAUSE, LONGEST_PAUSE = 0.25, 2.0

_HOLDERS = """
SELECT DISTINCT a.pid, coalesce(a.usename, a.backend_type), coalesce(nullif(a.application_name, ''),
  'no application name'), a.state,
  round(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start))::bigint
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.relation = %s AND l.granted AND l.database = (
    SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND a.pid <> pg_catalog.pg_backend_pid() ORDER BY 5 DESC NULLS LAST"""


@dataclass(frozen=True)
class Work:
    """One short transaction. ``relation``: OID of the table that it locks; ``title`` names that in sentences."""

    title: str
    relation: int
    statements: Sequence[str]


def run(
    connection: Any, work: Iterable[Work], patience: float, done: Callable[[Work], None] = lambda work: None
) -> None:
    """Does all of it within ``patience`` seconds, or says who is in the way. What is done stays done."""
    queue, until, attempts = deque((each, 1) for each in work), time.monotonic() + patience, 0
    while queue:
        each, attempt = queue.popleft()
        if attempted(connection, each):
            done(each)
            continue
        attempts += 1
        if time.monotonic() > until:
            raise FenceError(
                f"{each.title}: its lock could not be had within {patience:.0f} seconds ({attempts} attempts); "
                f"{holders(connection, each.relation)}. Wait until that ends, or end it, then run again, which "
                f"goes on from here."
            )
        queue.append((each, attempt + 1))
        time.sleep(min(LONGEST_PAUSE, PAUSE * attempt))


def attempted(connection: Any, work: Work) -> bool:
    """One attempt; False where a lock was not to be had. A table that was dropped meanwhile counts as done."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            for statement in work.statements:
                cursor.execute(statement)
            cursor.execute("COMMIT")
            return True
        except Exception as error:
            code = getattr(error, "pgcode", None)
            if code is None:
                raise
            cursor.execute("ROLLBACK")
            if code in (LOCK_NOT_AVAILABLE, DEADLOCK):
                return False
            if code in GONE and _is_gone(cursor, work.relation):
                return True
            raise FenceError(f"{work.title}: {said(error)}") from None


def holders(connection: Any, relation: int) -> str:
    """Who holds a lock on a table, for a sentence; never a statement's text, which could hold a secret."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, (relation,))
        found = [
            f"process {pid} of {user} ({application}, {state or 'at work'}, its transaction {age} s old)"
            for pid, user, application, state, age in cursor.fetchall()
        ]
    return f"it is held by {', '.join(found)}" if found else "who held it has just let go"


def _is_gone(cursor: Any, relation: int) -> bool:
    cursor.execute("SELECT 1 FROM pg_catalog.pg_class WHERE oid = %s", (relation,))
    return cursor.fetchone() is None
