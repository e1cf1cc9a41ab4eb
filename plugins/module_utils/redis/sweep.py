# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All keys of a database on two servers, page by page: those that are proven equal, and those that are not.

The source lists a page of keys and tells how large they are. Both servers then serialise the very same keys (``DUMP``) and tell
when they end: where both answers are the same bytes, so are the keys. Equal values may be serialised differently, above all
sets and hashes, whose order is each server's own: these are left to be read one by one. Both sides' names of keys must
add up to the same; else the source is asked for every key that the target lists.

All of it is plain commands that read, each of some microseconds; large values are proven inside the servers, by scripts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import batches, large
from .batches import Batches
from .canonical import SMALL, Rules
from .client import RedisError, encoded
from .side import Side

PAGE = 1000
FEWEST = 20
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
    """Keys that both sides were asked for, and what each answered: expiries and values. ``large``: too large for that."""

    names: list[bytes]
    large: list[bytes]
    answers: tuple[list[bytes], list[bytes]] = ([], [])


class Sweep:
    """``expiring``: a key of either side has an expiry; ``scripts``: both servers let us run some."""

    def __init__(self, source: Side, target: Side, rules: Rules, expiring: bool, scripts: bool) -> None:
        self._sides, self._rules, self._expiring, self._scripts = (source, target), rules, expiring, scripts
        self._mark = batches.name(rules.mark)
        self._count, self._sums = PAGE, [0, 0]

    def run(self) -> Iterator[Page]:
        """Every key of either side is in one of the pages. While servers read a page, the one before is looked at."""
        ends = [Batches(side.pages) for side in self._sides]
        cursors = [b"0", b"0"]
        weighed: list[bytes] = []
        asked = done = None
        while any(cursors) or weighed or asked or done:
            sizes = [batches.each(("MEMORY", "USAGE"), weighed)] if weighed else []
            for end, side, cursor, more in zip(ends, self._sides, cursors, (sizes, []), strict=True):
                values = self._values(side, asked.names) if asked and asked.names else []
                end.send([*values, *more, *([self._listing(cursor)] if cursor else [])])
            if done:
                yield self._compared(done)
            found = [end.receive() for end in ends]
            done, asked = asked, None
            if done and done.names:
                done.answers = found[0][:2], found[1][:2]
                found = [each[2:] for each in found]
                self._count = _next_count(self._count, len(done.answers[0][1]))
            if weighed:
                asked = _weighed(weighed, found[0].pop(0))
            listed: list[list[bytes]] = [[], []]
            for which, answer in enumerate(found):
                if answer:
                    cursors[which], listed[which] = self._listed(which, answer[0])
            weighed = listed[0]
            if listed[1]:
                yield Page([], theirs=len(listed[1]))
        if self._sums[0] != self._sums[1]:
            yield from self._beyond()

    def _listing(self, cursor: bytes) -> bytes:
        return encoded(("SCAN", cursor, "COUNT", str(self._count)))

    def _listed(self, which: int, answer: bytes) -> tuple[bytes, list[bytes]]:
        """Our own key counts as not there."""
        cursor, names = batches.listed(answer)
        names = [name for name in names if name != self._mark] if self._mark in names else names
        self._sums[which] += sum(map(hash, names))
        return cursor, names

    def _values(self, side: Side, names: list[bytes]) -> list[bytes]:
        """What is asked of a side for these keys."""
        if side.absolute:
            return [batches.each(("PEXPIRETIME",), names), batches.each(("DUMP",), names)]
        return [encoded(("TIME",)) + batches.each(("PTTL",), names), batches.each(("DUMP",), names)]

    def _compared(self, read: Read) -> Page:
        proofs = {name: self._large(batches.key(name)) for name in read.large}
        unproven = [name for name, proof in proofs.items() if not proof]
        digest = b"".join(proof for proof in proofs.values() if proof)
        if read.names:
            differ = self._differing(read)
            values = read.answers[0][1]
            if differ:
                bodies = zip(read.names, batches.answers(values), strict=True)
                values = b"".join([body or b"" for name, body in bodies if name not in differ])
            unproven += [name for name in read.names if name in differ]
            digest = hashlib.sha1(values, usedforsecurity=False).digest() + digest
        return Page(list(map(batches.key, unproven)), digest, len(read.names) + len(read.large))

    def _differing(self, read: Read) -> set[bytes]:
        """Keys with unequal answers."""
        (ends, values), (other_ends, other_values) = read.answers
        differ: set[bytes] = set()
        if ends != other_ends or batches.refused(ends):
            moments = [self._moments(side, each[0]) for side, each in zip(self._sides, read.answers, strict=True)]
            differ = {name for name, *both in zip(read.names, *moments, strict=True) if both[0] != both[1]}
        if values != other_values or batches.refused(values):
            bodies = [_bodies(each[1]) for each in read.answers]
            differ |= {name for name, *both in zip(read.names, *bodies, strict=True) if both[0] != both[1]}
        return differ

    def _moments(self, side: Side, answer: bytes) -> list[int]:
        if side.absolute:
            moments, now = batches.numbers(answer), 0
        else:
            time, *moments = batches.answers(answer)
            now = int(time[0]) * 1000 + int(time[1]) // 1000
        if not all(isinstance(each, int) for each in moments):
            raise _first_refusal(answer)
        return [(each + now) // self._rules.quantum if each >= 0 else each for each in moments]

    def _large(self, key: bytes) -> bytes | None:
        return large.equal(*self._sides, self._rules, self._expiring, key) if self._scripts else None

    def _beyond(self) -> Iterator[Page]:
        """What the target lists and the source lacks."""
        source, target = (Batches(side.pages) for side in self._sides)
        cursor = b"0"
        while cursor:
            target.send([encoded(("SCAN", cursor, "COUNT", str(PAGE)))])
            cursor, names = batches.listed(target.receive()[0])
            if not names:
                continue
            source.send([batches.each(("EXISTS",), names)])
            there = zip(names, batches.numbers(source.receive()[0]), strict=True)
            yield Page([batches.key(name) for name, found in there if found != 1 and name != self._mark])


def _weighed(names: list[bytes], answer: bytes) -> Read:
    """Where the server does not tell how large a value is, it is taken for large."""
    sizes = batches.numbers(answer)
    if None not in sizes and max(sizes) <= SMALL:
        return Read(names, [])
    small = {name for name, size in zip(names, sizes, strict=True) if size is not None and size <= SMALL}
    return Read([name for name in names if name in small], [name for name in names if name not in small])


def _bodies(answer: bytes) -> list[bytes | None]:
    """Serialised values without their feet. Raises RedisError where the server refuses to serialise any."""
    found = batches.answers(answer)
    if any(isinstance(each, RedisError) for each in found):
        raise _first_refusal(answer)
    return [each and each[:-FOOT] for each in found]


def _first_refusal(answer: bytes) -> RedisError:
    found: Sequence[object] = batches.answers(answer)
    return next((each for each in found if isinstance(each, RedisError)), RedisError("Redis answered something else"))


def _next_count(count: int, used: int) -> int:
    """As many keys as fit into :data:`ROOM`, judged by the last page."""
    if used * 2 > ROOM:
        return max(FEWEST, count * ROOM // (used * 2))
    return min(PAGE, count * 2)
