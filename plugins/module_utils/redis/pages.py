# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys copied page by page from one server to another: while the target works on a page, the source prepares the next.

``DUMP`` and ``RESTORE`` carry values as they are to a server of the same age or newer; type by type they go to any.
What is too large for one go is copied in pieces, so that neither this process nor a server needs memory for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import scripts
from .client import Connection, RedisError, encoded, refusal, refused
from .facts import TYPES, Facts
from .pieces import Pieces

PAGE = 500
ROOM = 8 << 20
"""Bytes of values a page may hold before the rest of it is read in pieces."""
LARGEST = 1 << 20
REPORT_EVERY = 20_000
MEMBERS = 1000
"""Members in one command."""


@dataclass
class Reached:
    """How far a copy is: databases that are whole, and the cursor in the one under way."""

    index: int
    cursor: bytes = b"0"
    copied: int = 0


@dataclass
class Copier:
    """Copies the keys of one server's databases into those of another.

    ``indices`` are pairs source → target; ``report`` is called with what is reached every :data:`REPORT_EVERY` keys.
    """

    source: Callable[[int], Connection]
    target: Callable[[int], Connection]
    facts: Facts
    target_facts: Facts
    typewise: bool
    report: Callable[[Reached], None] = lambda reached: None
    copied: int = 0
    lost_types: dict[str, int] = field(default_factory=dict)

    def run(self, indices: Mapping[int, int], resumed: Reached | None = None) -> int:
        """Copies everything, or what is left of it; how many keys."""
        self.copied = resumed.copied if resumed else 0
        for index, into in sorted(indices.items()):
            if resumed and index < resumed.index:
                continue
            with self.source(index) as source, self.target(into) as target:
                self._index(index, source, target, resumed.cursor if resumed and resumed.index == index else b"0")
        if self.lost_types:
            kinds = ", ".join(f"{count} of type {kind}" for kind, count in sorted(self.lost_types.items()))
            raise RedisError(
                f"{self.target_facts.title} ({self.target_facts.release}) has no place for {kinds}. "
                "Remove these keys, or give the target the server or module that knows them"
            )
        return self.copied

    def _index(self, index: int, source: Connection, target: Connection, cursor: bytes) -> None:
        pieces = Pieces(source, target, self.facts, self.target_facts)
        script, width = (scripts.VALUES, 4) if self.typewise else (scripts.DUMPS, 3)
        source.send(self._request(script, cursor))
        expected, reported = 0, self.copied
        while True:
            page = self._answer(source)
            cursor = page[0]
            rows = [page[place : place + width] for place in range(1, len(page), width)]
            requests, rest = self._typed(rows) if self.typewise else _restored(rows)
            _settle(target, expected)
            target.send(b"".join(requests))
            expected = len(requests)
            if rest:
                _settle(target, expected)
                expected = 0
                for key, *__ in rest:
                    pieces.copy(key)
            more = cursor != b"0"
            if more:
                source.send(self._request(script, cursor))
            self.copied += len(rows)
            if not more or self.copied - reported >= REPORT_EVERY:
                _settle(target, expected)
                expected, reported = 0, self.copied
                self.report(Reached(index, cursor, self.copied))
            if not more:
                return

    def _answer(self, source: Connection) -> list[Any]:
        try:
            return list(source.answer(self.facts.script))
        except RedisError as error:
            if not refused(error):
                raise
            raise RedisError(
                f"{self.facts.title} lets its user run no scripts ({self.facts.script}), by which values are read. "
                "Give it the right to, or copy with way: replica"
            ) from None

    def _request(self, script: str, cursor: bytes) -> bytes:
        absolute = b"1" if self.facts.at_least(7) else b"0"
        fields = b"1" if any(each.expiring_fields for each in self.facts.indices.values()) else b"0"
        return encoded((self.facts.script, script, b"0", cursor, b"%d" % PAGE, absolute, b"%d" % ROOM, b"%d" % LARGEST, fields))

    def _typed(self, rows: list[list[Any]]) -> tuple[list[bytes], list[list[Any]]]:
        requests: list[bytes] = []
        rest = []
        for key, kind, expiry, members in rows:
            if kind.decode() not in TYPES:
                self.lost_types[kind.decode()] = self.lost_types.get(kind.decode(), 0) + 1
            elif members is None:
                rest.append([key])
            else:
                requests += typed(key, kind, expiry, members)
        return requests, rest


def _restored(rows: list[list[Any]]) -> tuple[list[bytes], list[list[Any]]]:
    requests, rest = [], []
    for key, expiry, dump in rows:
        if dump:
            ends = b"%d" % max(expiry, 0)
            requests.append(
                b"*6\r\n$7\r\nRESTORE\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$7\r\nREPLACE\r\n$6\r\nABSTTL\r\n"
                % (len(key), key, len(ends), ends, len(dump), dump)
            )
        else:
            rest.append([key])
    return requests, rest


ADD = {b"list": b"RPUSH", b"set": b"SADD", b"hash": b"HSET", b"zset": b"ZADD"}


def typed(key: bytes, kind: bytes, expiry: int, members: list[bytes]) -> list[bytes]:
    """Commands that make a key what it is. It is removed first: a page may name a key twice."""
    if kind == b"string":
        if members[0] is None:
            return []
        requests = [encoded((b"SET", key, members[0]))]
    else:
        requests = [encoded((b"DEL", key)), *added(key, kind, members)]
    if expiry > 0:
        requests.append(encoded((b"PEXPIREAT", key, b"%d" % expiry)))
    return requests


def added(key: bytes, kind: bytes, members: list[bytes]) -> list[bytes]:
    """Commands that add members as the server listed them; a sorted set lists the score last, and takes it first."""
    if kind == b"zset":
        members = [part for place in range(0, len(members), 2) for part in (members[place + 1], members[place])]
    return [encoded((ADD[kind], key, *members[place : place + MEMBERS])) for place in range(0, len(members), MEMBERS)]


def _settle(target: Connection, count: int) -> None:
    """Waits until the target has done what it was sent."""
    for answer in target.answers(count):
        if isinstance(answer, RedisError):
            raise refusal(answer)
