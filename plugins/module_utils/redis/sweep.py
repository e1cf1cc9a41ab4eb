# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All keys of a database on two servers, page by page: those that are proven equal, and those that are not.

The source lists a page of keys and tells how large they are. Both servers then serialise the very same keys (``DUMP``) and
tell when they end: where both answers are the same bytes, so are the keys. Equal values may be serialised differently, above
all sets and hashes, whose order is each server's own: these are left to be read one by one. Both sides' names of keys must
add up to the same; else the source is asked for every key that the target lists.

All of it is plain commands that read, of some microseconds each; large values are proven inside the servers, by scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from . import batches, large
from .batches import Batches
from .canonical import SMALL, Rules
from .client import RedisError, encoded
from .side import Side

PAGE, FIRST, FEWEST = 2000, 250, 20
ROOM = 1 << 20
"""Bytes of values in a page, judged by the page before."""
FOOT = 10
"""Bytes at the end of a serialised value: the age of its format, and a check sum."""


@dataclass(frozen=True)
class Page:
    """``keys`` are not proven equal, and must be read one by one; ``digest`` is that of all others of the page.
    ``found``, ``theirs``: how many keys the source and the target listed."""

    keys: list[bytes]
    digest: bytes = b""
    found: int = 0
    theirs: int = 0


@dataclass
class Read:
    """Keys that both sides are asked for, and what each answered. ``large``: too large for that."""

    names: list[bytes]
    large: list[bytes]
    answers: tuple[bytes, bytes] = (b"", b"")


class Sweep:
    """``expiring``: a key of either side has an expiry; ``scripts``: both servers let us run some."""

    def __init__(self, source: Side, target: Side, rules: Rules, expiring: bool, scripts: bool) -> None:
        self._sides, self._rules, self._expiring, self._scripts = (source, target), rules, expiring, scripts
        self._mark = batches.name(rules.mark)
        self._count, self._sums = FIRST, [0, 0]

    def run(self) -> Iterator[Page]:
        """Every key of either side is in one of the pages."""
        ends = [Batches(side.pages) for side in self._sides]
        cursors = [b"0", b"0"]
        weighed: list[bytes] = []
        read = Read([], [])
        self._ask(ends, cursors, weighed, read)
        while any(cursors) or weighed or read.names or read.large:
            # What the next request needs comes first, so that servers have it before they are done with this one.
            listed: list[list[bytes]] = [[], []]
            for which, end in enumerate(ends):
                if cursors[which]:
                    cursors[which], listed[which] = self._listed(which, end.receive())
            following = _weighed(weighed, ends[0].receive()) if weighed else Read([], [])
            weighed = listed[0]
            self._ask(ends, cursors, weighed, following)
            if read.names:
                read.answers = ends[0].receive(), ends[1].receive()
                self._count = _next_count(self._count, len(read.answers[0]))
            if read.names or read.large or listed[1]:
                yield self._compared(read, len(listed[1]))
            read = following
        if self._sums[0] != self._sums[1]:
            yield from self._beyond()

    def _ask(self, ends: list[Batches], cursors: list[bytes], weighed: list[bytes], read: Read) -> None:
        values: dict[bool, list[bytes]] = {}
        for end, side, cursor in zip(ends, self._sides, cursors, strict=True):
            if side.absolute not in values:
                values[side.absolute] = [_values(side, read.names)] if read.names else []
            parts = [self._listing(cursor)] if cursor else []
            if weighed and end is ends[0]:
                parts.append(batches.each(weighed, ("MEMORY", "USAGE")))
            end.send([*parts, *values[side.absolute]])

    def _listing(self, cursor: bytes) -> bytes:
        return encoded(("SCAN", cursor, "COUNT", str(self._count)))

    def _listed(self, which: int, answer: bytes) -> tuple[bytes, list[bytes]]:
        """Our own key counts as not there."""
        cursor, names = batches.listed(answer)
        names = [name for name in names if name != self._mark] if self._mark in names else names
        self._sums[which] += sum(map(hash, names))
        return cursor, names

    def _compared(self, read: Read, theirs: int) -> Page:
        proofs = {name: self._large(batches.key(name)) for name in read.large}
        unproven = [name for name, proof in proofs.items() if not proof]
        digest = b"".join(proof for proof in proofs.values() if proof)
        values = read.answers[0]
        if values != read.answers[1] or batches.refused(values):
            sides = [self._told(*each) for each in zip(self._sides, read.answers, strict=True)]
            proven = {name for name, *both in zip(read.names, *sides, strict=True) if both[0] == both[1]}
            unproven += [name for name in read.names if name not in proven]
            bodies = zip(read.names, sides[0], strict=True)
            values = b"".join([body or b"" for name, (__, body) in bodies if name in proven])
        if read.names:
            digest = hashlib.sha1(values, usedforsecurity=False).digest() + digest
        return Page(list(map(batches.key, unproven)), digest, len(read.names) + len(read.large), theirs)

    def _told(self, side: Side, answer: bytes) -> list[tuple[int, bytes | None]]:
        """When each key ends, and its serialised value without its foot. Raises RedisError for a refusal."""
        found, now = batches.answers(answer), 0
        for each in found:
            if isinstance(each, RedisError):
                raise each
        if not side.absolute:
            seconds, micros = found.pop(0)
            now = int(seconds) * 1000 + int(micros) // 1000
        moments = [(each + now) // self._rules.quantum if each >= 0 else each for each in found[::2]]
        return list(zip(moments, [each and each[:-FOOT] for each in found[1::2]], strict=True))

    def _large(self, key: bytes) -> bytes | None:
        return large.equal(*self._sides, self._rules, self._expiring, key) if self._scripts else None

    def _beyond(self) -> Iterator[Page]:
        """What the target lists and the source lacks."""
        source, target = (Batches(side.pages) for side in self._sides)
        cursor = b"0"
        while cursor:
            target.send([encoded(("SCAN", cursor, "COUNT", str(PAGE)))])
            cursor, names = batches.listed(target.receive())
            if not names:
                continue
            source.send([batches.each(names, ("EXISTS",))])
            there = zip(names, batches.numbers(source.receive()), strict=True)
            yield Page([batches.key(name) for name, found in there if found != 1 and name != self._mark])


def _weighed(names: list[bytes], answer: bytes) -> Read:
    """Where the server does not tell how large a value is, it is taken for large."""
    sizes = batches.numbers(answer)
    if None not in sizes and max(sizes) <= SMALL:
        return Read(names, [])
    small = {name for name, size in zip(names, sizes, strict=True) if size is not None and size <= SMALL}
    return Read([name for name in names if name in small], [name for name in names if name not in small])


def _values(side: Side, names: list[bytes]) -> bytes:
    """What is asked of a side for these keys."""
    if side.absolute:
        return batches.each(names, ("PEXPIRETIME",), ("DUMP",))
    return encoded(("TIME",)) + batches.each(names, ("PTTL",), ("DUMP",))


def _next_count(count: int, used: int) -> int:
    """As many keys as fit into :data:`ROOM`, judged by the last page."""
    if used * 2 > ROOM:
        return max(FEWEST, count * ROOM // (used * 2))
    return min(PAGE, count * 2)
