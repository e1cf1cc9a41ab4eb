# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two SQLite databases compared by content: definitions, settings, and every row in the order of its key, so that memory does
not grow with them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import database

PRAGMAS = ("user_version", "application_id", "encoding", "auto_vacuum", "page_size")
DEFINITIONS = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
MOST = 100


class Text(bytes):
    """A text's bytes: no text of a database is lost for not being UTF-8, and none is taken for a blob."""


@dataclass(frozen=True)
class Difference:
    """``object`` is what differs; ``key`` and ``columns`` say where in it; the sides hold short digests."""

    kind: str
    object: str
    text: str
    key: str = ""
    columns: tuple[str, ...] = ()
    source: str | None = None
    target: str | None = None


@dataclass(frozen=True)
class Result:
    differences: tuple[Difference, ...]
    rows: int
    digest: str


def compare(source: bytes, target: bytes, show: bool = False) -> Result:
    """Reads both as they are. ``show``: values in the sentences, instead of digests."""
    with database.reading(source) as ours, database.reading(target) as theirs:
        for connection in (ours, theirs):
            connection.text_factory = Text
        found = [*_settings(ours, theirs), *_damage(theirs)]
        if database.logged(source) != database.logged(target):
            modes = ["write-ahead log" if database.logged(each) else "rollback journal" for each in (source, target)]
            found.append(
                Difference(
                    "setting",
                    "journal_mode",
                    f"The journal is a {modes[0]} in the source and a {modes[1]} on the target.",
                )
            )
        definitions, more = _definitions(ours, theirs)
        found += more
        rows, whole = 0, hashlib.sha256()
        for name in definitions:
            table = _Table(ours, theirs, name, show)
            found += table.differences()
            rows += table.rows
            whole.update(table.digest.digest())
    return Result(tuple(found), rows, whole.hexdigest())


def _settings(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> Iterator[Difference]:
    for name in PRAGMAS:
        values = [connection.execute(f"PRAGMA {name}").fetchone()[0] for connection in (ours, theirs)]
        if values[0] != values[1]:
            words = [_plain(value) for value in values]
            yield Difference(
                "setting", name, f"{name} is {words[0]} in the source and {words[1]} on the target.", "", (), *words
            )


def _damage(theirs: sqlite3.Connection) -> Iterator[Difference]:
    if wrong := database.problems(theirs):
        yield Difference("integrity", "integrity_check", f"The target is damaged: {wrong[0]}.")


def _definitions(ours: sqlite3.Connection, theirs: sqlite3.Connection) -> tuple[list[str], list[Difference]]:
    """Names of tables that both sides have with the same definition, and what differs."""
    sides = [
        {(_plain(row[0]), _plain(row[1])): row[3] for row in connection.execute(DEFINITIONS)}
        for connection in (ours, theirs)
    ]
    found, same = [], []
    for kind, name in sorted({*sides[0], *sides[1]}):
        key = (kind, name)
        if key not in sides[1]:
            found.append(Difference(kind, name, f"The {kind} {name} is missing on the target."))
        elif key not in sides[0]:
            found.append(Difference(kind, name, f"The {kind} {name} is on the target only."))
        elif sides[0][key] != sides[1][key]:
            found.append(Difference(kind, name, f"The {kind} {name} has another definition on the target."))
        elif kind == "table" and not _plain(sides[0][key] or "").upper().startswith("CREATE VIRTUAL"):
            same.append(name)
    return same, found


class _Table:
    """One table's rows on both sides, side by side in the order of the key."""

    def __init__(self, ours: sqlite3.Connection, theirs: sqlite3.Connection, name: str, show: bool) -> None:
        self._sides, self._name = (ours, theirs), name
        self._show: Callable[[Any], str] = _plain if show else _short
        columns = ours.execute(f"PRAGMA table_xinfo({_quoted(name)})").fetchall()
        self._columns = [_plain(row[1]) for row in columns if row[6] in (0, 2, 3)]
        keys = [_plain(row[1]) for row in sorted((row for row in columns if row[5]), key=lambda row: row[5])]
        self._rowid = self._rowid_name(ours)
        self._key = keys if not self._rowid else [self._rowid]
        self._shown_key = keys
        self.rows, self.digest = 0, hashlib.sha256(name.encode())

    def _rowid_name(self, connection: sqlite3.Connection) -> str:
        """A name of the row's number that no column hides; none for a table without row numbers."""
        for name in ("rowid", "_rowid_", "oid"):
            if name in (column.lower() for column in self._columns):
                continue
            try:
                connection.execute(f"SELECT {name} FROM {_quoted(self._name)} LIMIT 1").fetchone()
            except sqlite3.OperationalError:
                return ""
            return name
        return ""

    def differences(self) -> Iterator[Difference]:
        """Rows that are missing, added, or differ in columns; at most :data:`MOST` of them."""
        ours, theirs = (self._read(connection) for connection in self._sides)
        mine, other, named = next(ours, None), next(theirs, None), 0
        width = len(self._key)
        while mine is not None or other is not None:
            left, right = mine and _order(mine[:width]), other and _order(other[:width])
            if other is None or (mine is not None and left < right):
                difference = self._only(mine, "is missing on the target", 0)
                mine = next(ours, None)
            elif mine is None or right < left:
                difference = self._only(other, "is on the target only", 1)
                other = next(theirs, None)
            else:
                difference = None if _same(mine, other) else self._other(mine, other)
                mine, other = next(ours, None), next(theirs, None)
            if difference:
                named += 1
                if named <= MOST:
                    yield difference
        if named > MOST:
            yield Difference("row", self._name, f"{named - MOST} more rows of {self._name} differ.")

    def _read(self, connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
        key = ", ".join(f"{_quoted(name)} COLLATE BINARY" for name in self._key)
        names = ", ".join(_quoted(name) for name in [*self._key, *self._columns])
        counted = connection is self._sides[0]
        for row in connection.execute(f"SELECT {names} FROM {_quoted(self._name)} ORDER BY {key}"):
            if counted:
                self.rows += 1
                self.digest.update(repr(row).encode())
            yield row

    def _place(self, row: tuple[Any, ...]) -> str:
        values = dict(zip(self._columns, row[len(self._key) :], strict=True))
        return ", ".join(f"{name} {_plain(values[name])}" for name in self._shown_key) or f"rowid {_plain(row[0])}"

    def _only(self, row: tuple[Any, ...], says: str, side: int) -> Difference:
        place = self._place(row)
        sides: list[str | None] = [None, None]
        sides[side] = _short(repr(row))
        return Difference("row", self._name, f"The row {place} of {self._name} {says}.", place, (), *sides)

    def _other(self, mine: tuple[Any, ...], other: tuple[Any, ...]) -> Difference:
        width, place = len(self._key), self._place(mine)
        pairs = zip(self._columns, mine[width:], other[width:], strict=True)
        columns = [(name, a, b) for name, a, b in pairs if not _same((a,), (b,))]
        words = ", ".join(f"{name} ({self._show(a)} → {self._show(b)})" for name, a, b in columns)
        text = f"The row {place} of {self._name} differs in {words}."
        return Difference(
            "row",
            self._name,
            text,
            place,
            tuple(name for name, __, __ in columns),
            _short(repr(mine)),
            _short(repr(other)),
        )


def _same(mine: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """1 and 1.0 are equal to Python, and not the same in a database; nor are a text and a blob."""
    return mine == other and [*map(type, mine)] == [*map(type, other)]


def _order(key: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
    """SQLite's own order: nothing, numbers, texts, blobs."""
    ranks = {type(None): 0, int: 1, float: 1, Text: 2, bytes: 3}
    return tuple((ranks[type(value)], 0 if value is None else value) for value in key)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _short(value: Any) -> str:
    return f"#{hashlib.sha1(repr(value).encode(), usedforsecurity=False).hexdigest()[:8]}"
