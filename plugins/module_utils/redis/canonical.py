# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key holds, in a form that is equal on two servers when the content is: members of sets and fields of hashes come
in an order of each server's own, scores in its own words, and what ``DUMP`` gives differs for equal sets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from . import streams
from .client import Connection, RedisError
from .facts import Facts

SMALL = 16 << 10
"""Bytes up to which a value is read in one go."""
ROOM = 128 << 10
"""Bytes of a large value that a server reads in one script."""
PIECE = 1000
STRING = 1 << 20
BATCH = 100
TRIES = 5
WHOLE = {
    b"string": lambda key: (b"GET", key),
    b"list": lambda key: (b"LRANGE", key, b"0", b"-1"),
    b"zset": lambda key: (b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"),
    b"set": lambda key: (b"SMEMBERS", key),
    b"hash": lambda key: (b"HGETALL", key),
}


@dataclass(frozen=True)
class Rules:
    """What both servers can do, so that the same value is read alike. ``fields``: of hashes expire. ``counters``: of
    streams are known. ``scores``: the servers word the same one differently (``1.1`` from 7.2,
    ``1.1000000000000001`` before). ``quantum``: of moments of expiry, in ms. ``mark``: a key of ours."""

    fields: bool = False
    counters: bool = True
    scores: bool = False
    quantum: int = 1
    mark: bytes = b""

    def flags(self, expiring: bool) -> list[bytes]:
        """As scripts take them. ``expiring``: a key of either side has an expiry."""
        flags = [b"1" if flag else b"0" for flag in (expiring, self.scores, self.fields)]
        return [*flags, b"%d" % self.quantum, b"%d" % ROOM]


@dataclass(frozen=True)
class Record:
    """One key: ``base`` is the digest of what it holds, without its expiry; ``ends`` in ms since 1970, -1 never."""

    kind: str
    ends: int
    base: str

    @property
    def exists(self) -> bool:
        return self.kind != "none"


GONE = Record("none", -2, "")


class Reader:
    """Reads keys of one database one by one, by plain commands; what is large, piece by piece."""

    def __init__(self, redis: Connection, rules: Rules, facts: Facts) -> None:
        self._redis, self._rules = redis, rules
        self._absolute, self._field_times = facts.at_least(7), facts.at_least(7, 4) and rules.fields

    def records(self, keys: list[bytes]) -> dict[bytes, Record]:
        """These keys as they are now. One that becomes another type at each look counts as gone."""
        found, left = dict.fromkeys(keys, GONE), keys
        for __ in range(TRIES):
            again: list[bytes] = []
            for place in range(0, len(left), BATCH):
                part = left[place : place + BATCH]
                for key, record in zip(part, self._batch(part), strict=True):
                    if record is None:
                        again.append(key)
                    else:
                        found[key] = record
            left = again
        return found

    def _batch(self, keys: list[bytes]) -> list[Record | None]:
        ends = b"PEXPIRETIME" if self._absolute else b"PTTL"
        now = 0 if self._absolute else self._now()
        asked = [words for key in keys for words in ((b"TYPE", key), (ends, key), (b"MEMORY", b"USAGE", key))]
        answers = self._redis.many(asked)
        kinds, ends_, sizes = answers[::3], answers[1::3], answers[2::3]
        whole = [n for n, kind in enumerate(kinds) if self._at_once(kind, sizes[n])]
        values = dict(zip(whole, self._redis.many([WHOLE[kinds[n]](keys[n]) for n in whole]), strict=True))
        found: list[Record | None] = []
        for n, key in enumerate(keys):
            if isinstance(kinds[n], RedisError):
                raise kinds[n]
            body = self._whole(kinds[n], values[n]) if n in values else self._pieces(key, kinds[n])
            moment = ends_[n] + now if ends_[n] >= 0 else -1
            found.append(body and Record(kinds[n].decode(), moment, body) if kinds[n] != b"none" else GONE)
        return found

    def _at_once(self, kind: bytes, size: Any) -> bool:
        """Where the server does not tell how large a value is, it is taken for large."""
        if kind not in WHOLE or (kind == b"hash" and self._rules.fields):
            return False
        return isinstance(size, int) and size <= SMALL

    def _now(self) -> int:
        seconds, micros = self._redis.ask("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    def _whole(self, kind: bytes, value: Any) -> str | None:
        """``None`` where the key has become something else meanwhile."""
        if value is None or isinstance(value, RedisError):
            return None
        match kind:
            case b"string":
                return _text([value])
            case b"list" | b"zset":
                return _ranked([self._worded(kind, value)])
            case _:
                return _unordered([_parts(value, 2 if kind == b"hash" else 1)])[0]

    # Piece by piece

    def _pieces(self, key: bytes, kind: bytes) -> str | None:
        readers: dict[bytes, Callable[[bytes], str]] = {
            b"string": lambda name: _text(self._string(name)),
            b"list": lambda name: _ranked(self._ranks(kind, "LRANGE", name)),
            b"zset": lambda name: _ranked(self._ranks(kind, "ZRANGE", name, "WITHSCORES")),
            b"set": lambda name: self._scanned("SSCAN", "SCARD", name),
            b"hash": lambda name: self._scanned("HSCAN", "HLEN", name),
            b"stream": lambda name: stream_digest(self._redis, name, self._rules.counters),
        }
        try:
            if kind in readers:
                return readers[kind](key)
            return hashlib.sha1(self._redis.ask("DUMP", key) or b"", usedforsecurity=False).hexdigest()
        except RedisError as error:
            if "no such key" in str(error) or "WRONGTYPE" in str(error):
                return None
            raise

    def _string(self, key: bytes) -> Iterator[bytes]:
        start = 0
        while piece := self._redis.ask("GETRANGE", key, str(start), str(start + STRING - 1)):
            yield piece
            start += STRING

    def _ranks(self, kind: bytes, command: str, key: bytes, *more: str) -> Iterator[list[bytes]]:
        start = 0
        while members := self._redis.ask(command, key, str(start), str(start + PIECE - 1), *more):
            yield self._worded(kind, members)
            start += PIECE

    def _worded(self, kind: bytes, members: list[bytes]) -> list[bytes]:
        if kind == b"zset" and self._rules.scores:
            members[1::2] = map(score, members[1::2])
        return members

    def _scanned(self, command: str, size: str, key: bytes) -> str:
        """Members come in any order, and rarely one twice; then the count tells, and they are read again."""
        for __ in range(TRIES):
            digest, seen = _unordered(self._members(command, key))
            if seen == self._redis.ask(size, key):
                break
        return digest

    def _members(self, command: str, key: bytes) -> Iterator[list[bytes]]:
        cursor, width = b"0", 2 if command == "HSCAN" else 1
        while True:
            cursor, flat = self._redis.ask(command, key, cursor, "COUNT", str(PIECE))
            parts = _parts(flat, width)
            if self._field_times and width == 2 and flat:
                times = self._redis.ask("HPEXPIRETIME", key, "FIELDS", str(len(parts)), *flat[::2])
                parts = [part + b":%d" % at if at > 0 else part for part, at in zip(parts, times, strict=True)]
            yield parts
            if cursor == b"0":
                return


def _text(pieces: Iterable[bytes]) -> str:
    """The cached count in the head of a HyperLogLog is left out: reading it changes it."""
    digest, first = hashlib.sha1(usedforsecurity=False), True
    for piece in pieces:
        digest.update(piece[:8] + piece[16:] if first and piece[:4] == b"HYLL" else piece)
        first = False
    return digest.hexdigest()


def _ranked(pieces: Iterable[list[bytes]]) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    for members in pieces:
        digest.update(b"".join([b"%d:%s" % (len(member), member) for member in members]))
    return digest.hexdigest()


def _parts(flat: list[bytes], width: int) -> list[bytes]:
    """Members as they are, fields with their values."""
    if width == 1:
        return flat
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [b"%d:%s%d:%s" % (len(name), name, len(value), value) for name, value in pairs]


def _unordered(pieces: Iterable[list[bytes]]) -> tuple[str, int]:
    """A digest in which order plays no part, and how many there were."""
    total = seen = 0
    for parts in pieces:
        for part in parts:
            total += int.from_bytes(hashlib.sha1(part, usedforsecurity=False).digest(), "big")
        seen += len(parts)
    return f"{total:x}.{seen}", seen


def score(text: bytes) -> bytes:
    """A score in the words of Redis before 7.2; both are exact."""
    return b"%.17g" % float(text)


def stream_digest(redis: Connection, key: bytes, counters: bool) -> str:
    """Entries, counters, groups, consumers and what they were given; not how long ago anybody was seen."""
    digest = hashlib.sha1(usedforsecurity=False)
    for part in stream_parts(redis, key, counters):
        digest.update(repr(part).encode())
    return digest.hexdigest()


def stream_parts(redis: Connection, key: bytes, counters: bool) -> Iterator[Any]:
    """Part by part: ``("entry", id, fields)``, ``("counter", name, value)``, ``("group", …)`` …"""
    stream = streams.properties(redis.ask("XINFO", "STREAM", key))
    for name in ("last-generated-id", *(("entries-added", "max-deleted-entry-id") if counters else ())):
        yield "counter", name, stream[name]
    for page in streams.entries(redis, key):
        for identifier, fields in page:
            yield "entry", identifier, tuple(fields)
    groups = [streams.properties(each) for each in redis.ask("XINFO", "GROUPS", key)]
    for group in sorted(groups, key=lambda each: each["name"]):
        name = group["name"]
        yield "group", name, group["last-delivered-id"], group.get("entries-read") if counters else None
        consumers = [streams.properties(each)["name"] for each in redis.ask("XINFO", "CONSUMERS", key, name)]
        for consumer in sorted(consumers):
            yield "consumer", name, consumer
        for each in streams.pending(redis, key, name):
            yield "pending", name, each.id, each.consumer, each.count
