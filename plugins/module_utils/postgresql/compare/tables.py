# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables as the comparison of rows sees them: which columns make a row's text, what names a row, how rows fall into buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from .kinds.base import FIRST_OWN_OID, OWN_SCHEMA
from .session import Side

BUCKETS = 1024
MOST_RUNS = 64
ARRAY = "\0"
"""Where a bound array goes; no name holds this character."""
_HASH_BUCKET = f"(h & {BUCKETS - 1})"
WHOLE_NUMBERS = frozenset({"smallint", "integer", "bigint"})
NUMBER = "hashint8extended({}, {})"
QUICK_HASHES = {
    **dict.fromkeys(WHOLE_NUMBERS, NUMBER),
    "uuid": "uuid_hash_extended({}, {})",
    "timestamp without time zone": "timestamp_hash_extended({}, {})",
    "timestamp with time zone": "timestamp_hash_extended({} AT TIME ZONE 'UTC', {})",
}
"""Where two values are equal exactly when their texts are, and all majors give the same number."""
CHAR_SINCE = 16
"""The first major that prints bytes beyond ASCII of a ``"char"`` as octal numbers."""

# Of an extension's tables only those are compared whose rows it has declared to be the user's.
TABLES = f"""
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind, c.relpages::bigint,
  (SELECT array_agg(quote_ident(a.attname) ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  (SELECT array_agg(quote_ident(a.attname) ORDER BY k.place) FROM unnest(x.indkey) WITH ORDINALITY k(number, place)
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= x.indnkeyatts),
  c.relispopulated, e.extname IS NOT NULL, coalesce(e.extcondition[array_position(e.extconfig, c.oid)], ''),
  (SELECT array_agg(format('%I.%I', an.nspname, ac.relname)) FROM pg_partition_ancestors(c.oid) p(oid)
    JOIN pg_class ac ON ac.oid = p.oid JOIN pg_namespace an ON an.oid = ac.relnamespace WHERE p.oid <> c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (SELECT i.indkey, i.indnkeyatts FROM pg_index i
  WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
    AND NOT EXISTS (SELECT FROM unnest(i.indkey) WITH ORDINALITY k(number, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number WHERE k.place <= i.indnkeyatts AND NOT a.attnotnull)
  ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) x ON true
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
WHERE c.relkind IN ('r', 'm') AND {OWN_SCHEMA} AND (e.oid IS NULL OR c.oid = ANY(e.extconfig))"""

# A partition is found again by where it hangs; a row's partition may differ where text sorts, or an enum hashes, differently.
UNSTABLE_ROOTS = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE EXISTS (SELECT FROM unnest(p.partattrs, p.partcollation) k(number, collated)
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number LEFT JOIN pg_type t ON t.oid = a.atttypid
  WHERE (p.partstrat = 'r' AND k.collated <> 0 AND {collations}) OR (p.partstrat = 'h' AND (t.oid IS NULL OR t.typtype NOT IN ('b'))))"""


# A cast to text that somebody has made may say less than the type's own text.
OWN_CASTS = f"""
SELECT format_type(t.oid, NULL) FROM pg_type t JOIN pg_cast c ON c.castsource IN (t.oid, t.typbasetype)
WHERE c.casttarget = 'text'::regtype AND c.oid >= {FIRST_OWN_OID}"""


@dataclass(frozen=True)
class Table:
    """``name`` and all columns are quoted as SQL wants them. ``below``: partitions are read through their root."""

    name: str
    kind: str
    pages: int
    columns: tuple[str, ...]
    types: Mapping[str, str]
    key: tuple[str, ...]
    populated: bool = True
    condition: str = ""
    ancestors: tuple[str, ...] = ()
    below: bool = False

    @property
    def source(self) -> str:
        """What stands behind FROM."""
        text = f"{'' if self.below else 'ONLY '}{self.name} AS {self.alias}"
        condition = self.condition.strip()
        return f"{text} {condition}" if condition.upper().startswith("WHERE") else text

    @property
    def alias(self) -> str:
        """A name for the whole row that no column has: a column would win."""
        alias = "whole_row"
        while alias in self.columns:
            alias += "_"
        return alias


@dataclass(frozen=True)
class Plan:
    """How one table is compared: the same expressions on both sides.

    ``hash`` is a row as a bigint: its columns' hashes, each with a seed of its own, as one. (The hash of the row's whole text
    takes twice the time.) ``bucket`` is the number by which rows are summed up: with a key one that stays when other
    columns change, without one a part of the hash. ``ranges`` says that buckets are ranges of the first column of
    the key, ``width`` values each, so that an index leads to the rows of one.
    """

    table: Table
    hash: str
    bucket: str = ""
    ranges: bool = False
    low: int = 0
    high: int = 0
    width: int = 1

    def digests(self, source: str = "") -> str:
        """One scan: bucket, rows, sum of hashes.

        The inner OFFSET keeps a row's hash from being reckoned twice, and the planner from taking every number of a key
        for a bucket of its own: it would sort all rows, which takes twice the time.
        """
        source = source or self.table.source
        inner = f"{self.bucket} AS b, {self.hash} AS h" if self.bucket else f"{self.hash} AS h"
        bucket = "b" if self.bucket else _HASH_BUCKET
        return f"SELECT {bucket}, count(*), sum(h) FROM (SELECT {inner} FROM {source} OFFSET 0) s GROUP BY 1"

    def rows(self, buckets: list[int]) -> str:
        """Of some buckets, in order: the key's columns (without one: the hash), hash, how often, where."""
        numbers = ", ".join(map(str, buckets))
        alias, place = self.table.alias, f"{self.table.alias}.tableoid::bigint || ' ' || {self.table.alias}.ctid"
        if not self.table.key:
            inner = f"SELECT {self.hash} AS h, {place} AS place FROM {self.table.source} OFFSET 0"
            return f"SELECT h, h, count(*), min(place) FROM ({inner}) s WHERE {_HASH_BUCKET} IN ({numbers}) GROUP BY h ORDER BY h"
        names = [f"{alias}.{column}::text" for column in self.table.key]
        order = ", ".join(f'{name} COLLATE "C"' for name in names)
        where = self._between(buckets) if self.ranges else f"{self.bucket} IN ({numbers})"
        return f"SELECT {', '.join(names)}, {self.hash}, 1, {place} FROM {self._where(where)} ORDER BY {order}"

    def _where(self, condition: str) -> str:
        return f"{self.table.source} {'AND' if self.table.condition else 'WHERE'} ({condition})"

    def _between(self, buckets: list[int]) -> str:
        """Runs of neighbouring buckets as ranges of the key; the first and the last bucket have no end."""
        runs: list[list[int]] = []
        for bucket in sorted(buckets):
            if runs and runs[-1][1] == bucket - 1:
                runs[-1][1] = bucket
            else:
                runs.append([bucket, bucket])
        if len(runs) > MOST_RUNS:
            runs = [[runs[0][0], runs[-1][1]]]
        column = f"{self.table.alias}.{self.table.key[0]}"
        parts = []
        for start, end in runs:
            lower = [] if start <= _truncated(self.low, self.width) else [f"{column} >= {_number(self._least(start))}"]
            upper = [] if end >= _truncated(self.high, self.width) else [f"{column} <= {_number(-self._least(-end))}"]
            parts.append(f"({' AND '.join([*lower, *upper]) or 'true'})")
        return " OR ".join(parts)

    def _least(self, bucket: int) -> int:
        """The smallest value of a bucket; division goes towards nought."""
        return bucket * self.width if bucket > 0 else bucket * self.width - (self.width - 1)

    def some(self) -> str:
        """The rows with the keys (without a key: hashes) of as many arrays as there are columns in the key."""
        alias, place = self.table.alias, f"{self.table.alias}.tableoid::bigint || ' ' || {self.table.alias}.ctid"
        if not self.table.key:
            inner = f"SELECT {self.hash} AS h, {place} AS place FROM {self.table.source} OFFSET 0"
            return _bound(
                f"SELECT h, h, count(*), min(place) FROM ({inner}) s WHERE h = ANY({ARRAY}::bigint[]) GROUP BY h ORDER BY h"
            )
        wanted = ", ".join(f"w{number}" for number, __ in enumerate(self.table.key))
        names = [f"{alias}.{column}::text" for column in self.table.key]
        equal = " AND ".join(
            f"{alias}.{name} = w{number}::{self.table.types[name]}" for number, name in enumerate(self.table.key)
        )
        keys = f"unnest({', '.join(f'{ARRAY}::text[]' for __ in self.table.key)}) AS wanted({wanted})"
        order = ", ".join(f'{name} COLLATE "C"' for name in names)
        source = f"{'' if self.table.below else 'ONLY '}{self.table.name} AS {alias}"
        return _bound(
            f"SELECT {', '.join(names)}, {self.hash}, 1, {place} FROM {keys} JOIN {source} ON {equal} ORDER BY {order}"
        )


def _bound(statement: str) -> str:
    """A per cent sign in a name is no place for a value."""
    return statement.replace("%", "%%").replace(ARRAY, "%s")


def _number(value: int) -> str:
    """A bigint: the smallest one has no literal without quotes."""
    return f"'{value}'::bigint"


def _truncated(value: int, width: int) -> int:
    return abs(value) // width * (1 if value >= 0 else -1)


def tables(side: Side) -> dict[str, Table]:
    result = {}
    for __, name, kind, pages, columns, types, key, populated, __, condition, ancestors in side.query(TABLES):
        columns, types = tuple(columns or ()), tuple(types or ())
        by_name = dict(zip(columns, types, strict=True))
        result[name] = Table(
            name, kind, pages, columns, by_name, tuple(key or ()), populated, condition, tuple(ancestors or ())
        )
    return result


def gathered(found: Mapping[str, Table], roots: Iterable[str]) -> dict[str, Table]:
    """The tables with the partitions of these roots taken together, under the name of the topmost root."""
    roots, result = set(roots), {}
    for table in found.values():
        above = [name for name in table.ancestors if name in roots]
        if not above:
            result[table.name] = table
            continue
        root = table.ancestors[-1] if table.ancestors else above[-1]
        known = result.get(root)
        pages = table.pages + (known.pages if known else 0)
        result[root] = replace(known or table, name=root, pages=pages, ancestors=(), below=True)
    return result


def unstable_roots(side: Side, same_collations: bool) -> list[str]:
    """Partitioned tables whose rows may rightly lie in another partition on the other side."""
    collations = "false" if same_collations else "true"
    return [name for (name,) in side.query(UNSTABLE_ROOTS.replace("{collations}", collations))]


def plan(
    table: Table,
    other: Table,
    majors: tuple[int, int],
    encodings: tuple[str, str],
    own_casts: frozenset[str],
    limits: Callable[[str], tuple[int, int, bool] | None],
) -> Plan:
    """``own_casts`` are :data:`OWN_CASTS` of both sides; ``limits`` gives the least and the greatest value of a column at the
    source, and whether the target's lie between them."""
    columns = [column for column in table.columns if column in other.types]
    alike = {column for column in columns if table.types[column] == other.types[column]}
    parts = []
    for seed, column in enumerate(columns, 1):
        kind = table.types[column] if column in alike else ""
        text = (
            f"ROW({value(table, column, majors)})"
            if {kind, other.types[column]} & own_casts
            else value(table, column, majors)
        )
        parts.append(f"coalesce({_hash(kind, text, seed, encodings)}, {seed})")
    hashed = f"({' # '.join(parts)})" if parts else "0::bigint"
    key = table.key
    if not key or any(column not in alike for column in key):
        return Plan(replace(table, key=()), hashed)
    first = key[0]
    if table.types[first] in WHOLE_NUMBERS and (found := limits(first)) is not None:
        low, high, between = found
        width = (high - low) // BUCKETS + 1
        number = f"{table.alias}.{first}::bigint"
        number = number if between else f"least(greatest({number}, {_number(low)}), {_number(high)})"
        bucket = f"({number} / {_number(width)})"
        return Plan(table, hashed, bucket, True, low, high, width)
    names = [(table.types[column], f"{table.alias}.{column}") for column in key]
    mixed = " # ".join(_hash(kind, name, seed, ("", "")) for seed, (kind, name) in enumerate(names))
    return Plan(table, hashed, f"(({mixed}) & {BUCKETS - 1})")


def value(table: Table, column: str, majors: tuple[int, int]) -> str:
    """One column, so that its text is alike in both majors."""
    text = f"{table.alias}.{column}"
    return f"{text}::integer" if table.types[column] == '"char"' and min(majors) < CHAR_SINCE <= max(majors) else text


def _hash(kind: str, text: str, seed: int, encodings: tuple[str, str]) -> str:
    """One column as a bigint, NULL for NULL; ``kind`` is empty where the sides' types differ."""
    if encodings[0] != encodings[1]:
        return f"('x' || left(md5(convert_to('{seed} ' || {text}::text, 'UTF8')), 16))::bit(64)::bigint"
    if kind in QUICK_HASHES:
        return QUICK_HASHES[kind].format(text, seed)
    return f'hashtextextended({text}::text COLLATE "C", {seed})'
