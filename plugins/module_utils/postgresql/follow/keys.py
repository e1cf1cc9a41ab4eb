# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rows are known by while they are followed.

Every table gets a replica identity *before* it is published: once a table without one is in a publication, every
UPDATE and DELETE of the application on it fails. A table without a usable key gets ``REPLICA IDENTITY FULL``, which the
apply worker can only follow when each column's type has an equality operator; at the first UPDATE of another it would
stop for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..fence.definitions import SCHEMA
from ..fence.patience import Work
from ..fence.travel import OUTSIDE
from ..quoting import Qualified, identifier, literal
from .errors import FollowError

# Only permanent tables have changes that can be followed, and only leaves have rows. Of an extension's tables those
# move whose rows it has declared to be the user's.
TABLES = f"""
SELECT c.oid::bigint, n.nspname, c.relname, c.relpersistence = 'u', c.relreplident::text,
  pg_get_replica_identity_index(c.oid) IS NOT NULL OR c.relreplident = 'f',
  (SELECT x.relname FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
      AND i.indexprs IS NULL
      AND NOT EXISTS (SELECT FROM unnest(i.indkey::smallint[]) WITH ORDINALITY k(number, place)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts
          AND NOT a.attnotnull)
    ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname LIMIT 1),
  ARRAY(SELECT DISTINCT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
  EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)
    AND coalesce(e.extcondition[array_position(e.extconfig, c.oid)], '') <> '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND {OUTSIDE}
  AND (NOT EXISTS (SELECT FROM pg_depend d
         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
ORDER BY 2, 3"""
_NO_EQUALITY = "42883"
_WORDS = {"d": "DEFAULT", "f": "FULL", "n": "NOTHING"}


@dataclass(frozen=True)
class Table(Qualified):
    """``identity``: ``pg_class.relreplident``. ``index``: the best unique index that could name its rows."""

    oid: int
    schema: str
    name: str
    unlogged: bool
    identity: str
    identified: bool
    index: str | None
    types: tuple[str, ...]
    filtered: bool = False


def gather(cursor: Any) -> list[Table]:
    """All tables with rows of their own."""
    cursor.execute(TABLES)
    return [Table(*row[:7], tuple(row[7]), row[8]) for row in cursor.fetchall()]


def without_equality(cursor: Any, types: set[str]) -> set[str]:
    """The types of these whose values the apply worker can't compare; asked of the server, by the same operators."""
    found = set()
    for each in sorted(types):
        try:
            cursor.execute(f"SELECT count(*) FROM (SELECT NULL::{each} AS value) s GROUP BY value")
        except Exception as error:
            if getattr(error, "pgcode", "") != _NO_EQUALITY:
                raise
            found.add(each)
    return found


def plan(tables: list[Table], incomparable: set[str]) -> tuple[dict[Table, str], list[str]]:
    """By table the statement that gives it an identity, and sentences for those that can have none."""
    changes, refused = {}, []
    for table in tables:
        if table.unlogged or table.identified:
            continue
        if table.index:
            changes[table] = f"ALTER TABLE {table.quoted} REPLICA IDENTITY USING INDEX {identifier(table.index)}"
        elif bad := sorted(set(table.types) & incomparable):
            refused.append(
                f"{table.title} has neither a usable key nor only columns that can be compared "
                f"({', '.join(bad)}): its updates can't "
                "be followed. Give it a primary key, or move this database by freeze-copy."
            )
        else:
            changes[table] = f"ALTER TABLE {table.quoted} REPLICA IDENTITY FULL"
    return changes, refused


def needed(cursor: Any) -> list[Work]:
    """What is to be done, each table's old identity kept in the same transaction; :class:`FollowError` where it can't
    be."""
    tables = gather(cursor)
    keyless = [table for table in tables if not (table.unlogged or table.identified or table.index)]
    incomparable = without_equality(cursor, {each for table in keyless for each in table.types})
    changes, refused = plan(tables, incomparable)
    if refused:
        raise FollowError(" ".join(refused))
    return [
        Work(
            f"The replica identity of {table.title}",
            table.oid,
            (
                f"INSERT INTO {SCHEMA}.identity VALUES ({literal(table.quoted)}, {literal(table.identity)}) ON "
                f"CONFLICT DO NOTHING",
                statement,
            ),
        )
        for table, statement in changes.items()
    ]


def returned(cursor: Any) -> list[Work]:
    """What gives every table back the identity that it had."""
    cursor.execute(
        f"SELECT relation, was, coalesce(to_regclass(relation)::oid::bigint, 0) FROM {SCHEMA}.identity ORDER BY 1"
    )
    return [
        Work(f"The replica identity of {relation}", oid, _return(relation, was, oid))
        for relation, was, oid in cursor.fetchall()
    ]


def _return(relation: str, was: str, oid: int) -> tuple[str, ...]:
    forget = f"DELETE FROM {SCHEMA}.identity WHERE relation = {literal(relation)}"
    # An index that named the rows and is gone can't be had back; the table keeps what following gave it.
    return (f"ALTER TABLE {relation} REPLICA IDENTITY {_WORDS[was]}", forget) if oid and was in _WORDS else (forget,)
