# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a copy has done already, kept in the fresh database itself, by the transactions that did it.

A journal on the host can run ahead of a server that crashes. Here a part's rows and its mark are there together or not at
all, so a copy that was cut off goes on from what is really there, as long as the source still is what it was.
"""

from __future__ import annotations

import hashlib
from typing import Any

from .database import BOOKS

_FINGERPRINT = """
SELECT (SELECT system_identifier FROM pg_control_system())::text, pg_postmaster_start_time()::text,
  (SELECT stats_reset::text FROM pg_stat_database WHERE datname = current_database()), current_setting('track_counts'),
  (SELECT string_agg(concat_ws(' ', c.oid, pg_relation_filenode(c.oid), pg_relation_size(c.oid), s.n_tup_ins, s.n_tup_upd, s.n_tup_del), ',' ORDER BY c.oid)
   FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid WHERE c.relkind IN ('r', 't') AND c.oid >= 16384)"""


class Books:
    """The books in one fresh database, through one cursor."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def open(self, state: str) -> None:
        """Begins the books of a copy of a source in this state."""
        self._cursor.execute(
            f"CREATE SCHEMA {BOOKS}; CREATE TABLE {BOOKS}.done (item text PRIMARY KEY, rows bigint, bytes bigint); "
            f"CREATE TABLE {BOOKS}.source (state text)"
        )
        self._cursor.execute(f"INSERT INTO {BOOKS}.source VALUES (%s)", (state,))

    def state(self) -> str:
        """The state of the source that the copy was begun with; empty where there are no books."""
        self._cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{BOOKS}.source",))
        if not self._cursor.fetchone()[0]:
            return ""
        self._cursor.execute(f"SELECT state FROM {BOOKS}.source")
        row = self._cursor.fetchone()
        return row[0] if row else ""

    def done(self) -> dict[str, tuple[int, int]]:
        """Rows and bytes of each item that is done."""
        self._cursor.execute(f"SELECT item, rows, bytes FROM {BOOKS}.done")
        return {item: (rows, size) for item, rows, size in self._cursor.fetchall()}


def enter(cursor: Any, item: str, rows: int = 0, size: int = 0) -> None:
    """Enters an item in the caller's transaction."""
    cursor.execute(f"INSERT INTO {BOOKS}.done VALUES (%s, %s, %s)", (item, rows, size))


def close(cursor: Any) -> None:
    """Removes the books in the caller's transaction, the last one of a copy."""
    cursor.execute(f"DROP SCHEMA {BOOKS} CASCADE")


def fingerprint(cursor: Any, schema: str) -> str:
    """A digest of what tells that the source's rows were written to: sizes, files and counters of every table, and its start.

    ``schema``: digest of the definitions. Counters arrive up to ten seconds late, which only the comparison afterwards covers.
    """
    cursor.execute(_FINGERPRINT)
    parts = [str(part) for part in cursor.fetchone()]
    if parts[3] != "on":
        return ""
    return hashlib.sha256("\0".join([schema, *parts]).encode()).hexdigest()
