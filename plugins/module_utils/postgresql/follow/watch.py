# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What logical replication does not carry, noticed while it goes on: DDL by its statement's text, large objects,
unlogged tables.

The server's own counters tell whether large objects or unlogged tables were written to. After a crash they begin anew,
which counts as *changed*: better once too often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..fence.definitions import SCHEMA

HARMLESS = ("REFRESH MATERIALIZED VIEW", "REINDEX", "ANALYZE")
"""Statements that change nothing which has to be the same: materialised views are refreshed when the sides change."""
LARGE = "large objects"
_COUNTERS = f"""
SELECT '{LARGE}', sum(pg_stat_get_tuples_inserted(o) + pg_stat_get_tuples_updated(o) +
  pg_stat_get_tuples_deleted(o))::bigint
FROM unnest(ARRAY['pg_largeobject'::regclass, 'pg_largeobject_metadata'::regclass]) o
UNION ALL
SELECT format('%I.%I', n.nspname, c.relname),
  (pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u'
  AND n.nspname !~ '^pg_'"""
_DDL = f"SELECT tag, object, statement FROM {SCHEMA}.ddl WHERE NOT tag = ANY (%s) ORDER BY id"


@dataclass(frozen=True)
class Changes:
    """``statements``: DDL since the seed. ``large_objects`` and ``unlogged``: written to since."""

    statements: tuple[tuple[str, str, str], ...] = ()
    large_objects: bool = False
    unlogged: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What stands in the way of a window, with what to do."""
        found = [
            f"{tag} {name} was done here since the copy and is not on the other side: "
            f"{statement or 'its text may hold a password'}. Do it "
            "there too, or copy again."
            for tag, name, statement in self.statements
        ]
        if self.large_objects:
            found.append(
                "Large objects were written to since the copy, which are not followed. Copy them again in the window."
            )
        if self.unlogged:
            names = ", ".join(self.unlogged)
            found.append(
                f"Unlogged tables were written to since the copy, which are not followed: {names}. Copy them "
                f"again in the window."
            )
        return found


def begin(cursor: Any) -> None:
    """From now on: called before the snapshot of the seed, so that nothing falls between."""
    cursor.execute(f"DELETE FROM {SCHEMA}.ddl")
    cursor.execute(f"DELETE FROM {SCHEMA}.baseline")
    cursor.execute(f"INSERT INTO {SCHEMA}.baseline {_COUNTERS}")


def look(cursor: Any) -> Changes:
    """What has happened since."""
    cursor.execute(f"SELECT name, value FROM {SCHEMA}.baseline")
    before = dict(cursor.fetchall())
    cursor.execute(_COUNTERS)
    now = dict(cursor.fetchall())
    changed = {name for name, value in now.items() if value != before.get(name, 0)}
    cursor.execute(_DDL, (list(HARMLESS),))
    return Changes(tuple(cursor.fetchall()), LARGE in changed, tuple(sorted(changed - {LARGE})))
