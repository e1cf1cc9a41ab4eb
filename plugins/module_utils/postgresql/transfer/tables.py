# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows move, in which parts, and in which format.

Binary COPY is faster, but some types say other objects' OIDs in it, which differ between servers; a table that has a column
of such a type goes as text. Parts are ranges of pages, so that one large table keeps all lines busy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..fence.travel import OUTSIDE
from ..quoting import Qualified, identifier, qualified

PAGE = 8192
RANGE_BYTES = 64 * 1024**2
"""Of heap and TOAST together, in one part."""
FIRST_WITH_RANGES = 140000
"""`server_version_num` from which a scan of a range of ctid reads that range alone."""

_FIRST_USER_OID = 16384
_BY_OID = frozenset(
    "regproc regprocedure regoper regoperator regclass regtype regconfig regdictionary regnamespace regrole regcollation".split()
)
_TEXT_ONLY = _BY_OID | {"xml", "aclitem"}
_COLLATIONS_WITHOUT_ORDER = frozenset({"C", "POSIX"})

TABLES = f"""
SELECT c.oid::bigint, n.nspname, c.relname, c.relpersistence = 'u', pg_relation_size(c.oid), pg_table_size(c.oid),
       greatest(c.reltuples, 0)::bigint, CASE WHEN c.relispartition THEN pg_partition_root(c.oid)::oid::bigint ELSE 0 END,
       (SELECT e.extcondition[i] FROM pg_extension e, generate_subscripts(e.extconfig, 1) i WHERE e.extconfig[i] = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {OUTSIDE}
  AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
       OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
ORDER BY 2, 3"""
COLUMNS = """
SELECT a.attrelid::bigint, a.attname, a.atttypid::bigint
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind IN ('r', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attrelid, a.attnum"""
TYPES = """
SELECT t.oid::bigint, t.typname, n.nspname = 'pg_catalog', t.typtype, t.typelem::bigint, t.typcategory = 'A' AND t.typlen = -1, t.typbasetype::bigint,
       t.typrelid::bigint, t.typsend <> 0, (SELECT e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
         WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'), coalesce(r.rngsubtype, 0)::bigint
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_range r ON r.rngtypid = t.oid"""
PARTITIONED = """
SELECT p.partrelid::bigint, n.nspname, c.relname, p.partstrat, p.partattrs::smallint[],
       ARRAY(SELECT a.atttypid::bigint FROM unnest(p.partattrs::smallint[]) k LEFT JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k),
       ARRAY(SELECT coalesce(l.collname, '') FROM unnest(p.partcollation::oid[]) o LEFT JOIN pg_collation l ON l.oid = o),
       pg_partition_root(p.partrelid)::oid::bigint
FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid JOIN pg_namespace n ON n.oid = c.relnamespace"""
EXTENSIONS = "SELECT extname, extversion FROM pg_extension"


@dataclass(frozen=True)
class Type:
    """A row of ``pg_type``; ``element``, ``base``, ``relation`` and ``subtype`` lead to other types."""

    name: str
    builtin: bool
    kind: str
    element: int = 0
    is_array: bool = False
    base: int = 0
    relation: int = 0
    sends: bool = True
    extension: str | None = None
    subtype: int = 0


@dataclass(frozen=True)
class Table(Qualified):
    """One table with rows of its own. Sizes in bytes; ``into`` is another table to load through (a partition's root)."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    binary: bool
    heap: int = 0
    size: int = 0
    rows: int = 0
    unlogged: bool = False
    condition: str = ""
    into: tuple[str, str] | None = None


@dataclass(frozen=True)
class Part:
    """A part of a table, or all of it: pages from ``first`` to before ``last`` (None: to the end)."""

    table: Table
    first: int = 0
    last: int | None = None
    size: int = 0

    @property
    def name(self) -> str:
        """Its mark at the target."""
        return f"copy {self.table.title} {self.first}-{'' if self.last is None else self.last}"

    @property
    def whole(self) -> bool:
        return self.first == 0 and self.last is None

    def read(self) -> str:
        """The statement for the source."""
        table, columns = self.table.quoted, _listed(self.table.columns)
        if self.whole and not self.table.condition:
            return f"COPY {table}{f' ({columns})' if columns else ''} TO STDOUT{self._format()}"
        bounds = [f"ctid >= '({self.first},0)'"] if self.first else []
        bounds += [f"ctid < '({self.last},0)'"] if self.last is not None else []
        where = (
            f" WHERE {' AND '.join(bounds)}" if bounds else f" {self.table.condition}" if self.table.condition else ""
        )
        return f"COPY (SELECT {columns} FROM ONLY {table}{where}) TO STDOUT{self._format()}"

    def write(self) -> str:
        """The statement for the target."""
        columns = _listed(self.table.columns)
        into = qualified(*(self.table.into or (self.table.schema, self.table.name)))
        return f"COPY {into}{f' ({columns})' if columns else ''} FROM STDIN{self._format()}"

    def _format(self) -> str:
        return " (FORMAT binary)" if self.table.binary else ""


def parts(table: Table, ranges: bool, range_bytes: int = RANGE_BYTES) -> list[Part]:
    """Cuts a table into parts of about ``range_bytes``; not at all where the source can't read a range by itself."""
    pages = -(-table.heap // PAGE)
    count = max(1, round(table.size / range_bytes))
    if not ranges or count == 1 or pages < count or table.condition:
        return [Part(table, size=table.size)]
    bounds = [pages * index // count for index in range(count)]
    lasts: list[int | None] = [*bounds[1:], None]
    return [Part(table, first, last, table.size // count) for first, last in zip(bounds, lasts, strict=True)]


@dataclass(frozen=True)
class Types:
    """Decides on the format. ``extensions``: names of those whose version is the same on both sides."""

    known: Mapping[int, Type]
    members: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    extensions: frozenset[str] = frozenset()

    def binary(self, oid: int, inside: bool = False) -> bool:
        """Whether a column of this type may go in binary. ``inside`` an array or a row the binary form names the type by its
        OID, so there only built-in types may."""
        found = self.known.get(oid)
        if found is None or not found.sends or (inside and not (found.builtin and oid < _FIRST_USER_OID)):
            return False
        if found.is_array and found.element:
            return self.binary(found.element, inside=True)
        if found.kind == "d":
            return self.binary(found.base)
        if found.kind == "c":
            return all(self.binary(member, inside=True) for member in self.members.get(found.relation, ()))
        if found.kind in "rm":
            return self.binary(found.subtype) if found.kind == "r" else found.builtin
        if found.kind == "e":
            return True
        if found.builtin and oid < _FIRST_USER_OID:
            return found.name not in _TEXT_ONLY
        return found.extension in self.extensions

    def is_plain(self, oid: int) -> bool:
        """Whether the type's hash is the same on every server: not for enums, whose hash is that of their OIDs."""
        found = self.known.get(oid)
        return found is not None and found.builtin and not found.is_array and found.kind == "b"


def gather(cursor: Any, target_extensions: Mapping[str, str], same_order: bool) -> list[Table]:
    """The tables of a source database. ``same_order``: text is ordered alike on both sides, so that each row belongs to the
    same partition there; else rows are led through the root of a tree that is parted by text or by hash of an enum."""
    cursor.execute(EXTENSIONS)
    same = frozenset(name for name, version in cursor.fetchall() if target_extensions.get(name) == version)
    cursor.execute(COLUMNS)
    columns: dict[int, list[tuple[str, int]]] = {}
    for relation, name, kind in cursor.fetchall():
        columns.setdefault(relation, []).append((name, kind))
    cursor.execute(TYPES)
    known = {row[0]: Type(*row[1:]) for row in cursor.fetchall()}
    members = {relation: tuple(kind for __, kind in each) for relation, each in columns.items()}
    types = Types(known, members, same)
    cursor.execute(PARTITIONED)
    roots = through_root(cursor.fetchall(), types, same_order)
    cursor.execute(TABLES)
    return list(_tables(cursor.fetchall(), columns, types, roots))


def _tables(
    rows: list[tuple], columns: Mapping[int, list[tuple[str, int]]], types: Types, roots: Mapping[int, tuple[str, str]]
) -> Iterator[Table]:
    for oid, schema, name, unlogged, heap, size, count, root, condition in rows:
        own = columns.get(oid, [])
        binary = bool(own) and all(types.binary(kind) for __, kind in own)
        names = tuple(name for name, __ in own)
        yield Table(
            oid, schema, name, names, binary, heap, size, count, unlogged, (condition or "").strip(), roots.get(root)
        )


def through_root(partitioned: list[tuple], types: Types, same_order: bool) -> dict[int, tuple[str, str]]:
    """Roots (OID → name) of the trees in which a row may belong to another partition at the target."""
    names = {row[0]: (row[1], row[2]) for row in partitioned}
    found = {}
    for __, __, __, strategy, keys, kinds, collations, root in partitioned:
        by_text = any(collation and collation not in _COLLATIONS_WITHOUT_ORDER for collation in collations)
        moved = strategy == "r" and by_text and not same_order
        if strategy == "h":
            moved = 0 in keys or not all(kind and types.is_plain(kind) for kind in kinds)
        if moved:
            found[root] = names[root]
    return found


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(identifier(name) for name in columns)
