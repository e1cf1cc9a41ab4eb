# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A digest of each key that is equal on two servers when the key is: members of sets and fields of hashes come in an order
of each server's own, and what ``DUMP`` gives differs for equal sets.

Small values are digested inside Redis, large ones and streams piece by piece from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import streams
from .client import Connection, RedisError, encoded
from .scripts import EXPIRY

SMALL = 2000
"""Members up to which a value is digested in one go."""
STRING = 1 << 16
PIECE = 1000
RECORD = 40
"""Hexadecimal digits of a digest."""
BUCKET = 3
"""Leading digits that say in which bucket a digest is counted."""
TRIES = 5

BYTEWISE = "return (('B' < 'a') and ('Z' < '_') and ('z' < '{') and ('a' < '\\195\\164')) and 1 or 0"
"""Whether the server orders texts by their bytes; Redis takes its order from the locale that it was started with."""

RECORDS = EXPIRY + """
local small, fields, bytewise, quantum, mark = tonumber(ARGV[4]), ARGV[6] == '1', ARGV[7] == '1', tonumber(ARGV[8]), ARGV[9]
local scores = ARGV[10] == '1'
local last_member, last_byte, longest = ARGV[4], ARGV[5], tonumber(ARGV[5])
local call, sha, pack, concat, sort, sub = redis.call, redis.sha1hex, cmsgpack.pack, table.concat, table.sort, string.sub
local function unordered(parts)
  if bytewise then
    sort(parts)
    return pack(parts)
  end
  local high, low = 0, 0
  for i = 1, #parts do
    local digest = sha(parts[i])
    high = (high + tonumber(sub(digest, 1, 12), 16)) % 281474976710656
    low = (low + tonumber(sub(digest, 13, 24), 16)) % 281474976710656
  end
  return string.format('%.0f.%.0f.%d', high, low, #parts)
end
local bodies = {
  string = function(key)
    local value = call('GETRANGE', key, '0', last_byte)
    if #value > longest then return false end
    if sub(value, 1, 4) == 'HYLL' then return sub(value, 1, 8) .. sub(value, 17) end
    return value
  end,
  list = function(key)
    local members = call('LRANGE', key, '0', last_member)
    return #members <= small and pack(members)
  end,
  set = function(key)
    return call('SCARD', key) <= small and unordered(call('SMEMBERS', key))
  end,
  zset = function(key)
    local members = call('ZRANGE', key, '0', last_member, 'WITHSCORES')
    if scores then
      for i = 2, #members, 2 do members[i] = string.format('%.17g', tonumber(members[i])) end
    end
    return #members <= 2 * small and pack(members)
  end,
  hash = function(key)
    if fields or call('HLEN', key) > small then return false end
    local flat, fields_ = call('HGETALL', key), {}
    for i = 1, #flat, 2 do
      fields_[(i + 1) / 2] = #flat[i] .. ':' .. flat[i] .. flat[i + 1]
    end
    return unordered(fields_)
  end,
}
local function record(key)
  local kind = call('TYPE', key).ok
  if kind == 'none' or key == mark then return nil end
  local ends, body = expiry(key), bodies[kind] and bodies[kind](key)
  if ends == -2 then return nil end
  if not body then return kind, ends, false end
  return kind, ends, sha(#key .. ':' .. key .. kind .. body)
end
local function sealed(base, ends)
  if ends < 0 then return base end
  return sha(base .. math.floor(ends / quantum))
end
"""
"""ARGV: cursor, count, knows expiry, small, longest string, fields expire, orders by bytes, quantum of expiry in ms, mark,
scores are worded anew.
The cached count in the head of a HyperLogLog is left out: reading it changes it."""

SUMS = RECORDS + """
local page = call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local out, large, n = {}, {}, 0
for _, key in ipairs(page[2]) do
  local kind, ends, base = record(key)
  if kind and base then
    n = n + 1
    out[n] = sealed(base, ends)
  elseif kind then
    large[#large + 1], large[#large + 2], large[#large + 3] = key, kind, string.format('%.0f', ends)
  end
end
return {page[1], concat(out), large}
"""
LISTED = RECORDS + """
local wanted = {}
for bucket in string.gmatch(ARGV[11], '%x+') do wanted[bucket] = true end
local page = call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local out = {}
for _, key in ipairs(page[2]) do
  local kind, ends, base = record(key)
  if kind and (not base or wanted[sub(sealed(base, ends), 1, 3)]) then
    out[#out + 1] = {key, kind, string.format('%.0f', ends), base or ''}
  end
end
return {page[1], out}
"""
NAMED = RECORDS + """
local out = {}
for i, key in ipairs(KEYS) do
  local kind, ends, base = record(key)
  out[i] = kind and {key, kind, string.format('%.0f', ends), base or ''} or {key, 'none', '-2', ''}
end
return out
"""


@dataclass(frozen=True)
class Rules:
    """What both servers can do, so that the same value gives the same digest. ``quantum``: of moments of expiry, in ms. ``scores``: the servers
    word the same score differently (``1.1`` from 7.2, ``1.1000000000000001`` before)."""

    bytewise: bool
    fields: bool
    counters: bool
    quantum: int
    mark: str
    scores: bool = False


@dataclass(frozen=True)
class Record:
    """One key: ``base`` is the digest of what it holds, without its expiry; ``ends`` in ms since 1970, -1 never."""

    kind: str
    ends: int
    base: str

    @property
    def exists(self) -> bool:
        return self.kind != "none"

    def sealed(self, quantum: int) -> str:
        """The digest with the expiry, as the script inside Redis makes it."""
        if self.ends < 0:
            return self.base
        return hashlib.sha1(f"{self.base}{self.ends // quantum:.14g}".encode(), usedforsecurity=False).hexdigest()


class Reader:
    """One database of one server, read under the common rules."""

    def __init__(self, redis: Connection, rules: Rules, absolute: bool, field_times: bool) -> None:
        self._redis, self._rules, self._absolute, self._field_times = redis, rules, absolute, field_times

    def sums(self, count: int) -> Iterator[bytes]:
        """Digests of all keys, :data:`RECORD` hexadecimal digits each, joined; page by page."""
        cursor = b"0"
        self._redis.send(self._request(SUMS, cursor, count))
        while True:
            cursor, digests, large = self._redis.answer("EVAL")
            if not large and cursor != b"0":
                # The server works on the next page while this one is counted.
                self._redis.send(self._request(SUMS, cursor, count))
            yield digests
            for place in range(0, len(large), 3):
                if record := self._pieces(large[place], large[place + 1], int(large[place + 2])):
                    yield record.sealed(self._rules.quantum).encode()
            if cursor == b"0":
                return
            if large:
                self._redis.send(self._request(SUMS, cursor, count))

    def listed(self, count: int, buckets: set[str]) -> Iterator[tuple[bytes, Record]]:
        """Keys whose digests are in the given buckets."""
        cursor, wanted = b"0", ",".join(sorted(buckets)).encode()
        while True:
            self._redis.send(self._request(LISTED, cursor, count, wanted))
            cursor, rows = self._redis.answer("EVAL")
            for key, kind, ends, base in rows:
                record = self._record(key, kind, ends, base)
                if record and record.sealed(self._rules.quantum)[:BUCKET] in buckets:
                    yield key, record
            if cursor == b"0":
                return

    def named(self, keys: list[bytes]) -> dict[bytes, Record]:
        """These keys as they are now."""
        words = self._words(b"0", 0)
        rows = self._redis.ask("EVAL", NAMED, str(len(keys)), *keys, *words)
        return {key: self._record(key, kind, ends, base) or Record("none", -2, "") for key, kind, ends, base in rows}

    def _record(self, key: bytes, kind: bytes, ends: bytes, base: bytes) -> Record | None:
        if base or kind == b"none":
            return Record(kind.decode(), int(ends), base.decode())
        return self._pieces(key, kind, int(ends))

    def _request(self, script: str, cursor: bytes, count: int, *more: bytes) -> bytes:
        return encoded(("EVAL", script, "0", *self._words(cursor, count), *more))

    def _words(self, cursor: bytes, count: int) -> list[bytes]:
        rules = self._rules
        flags = [b"1" if flag else b"0" for flag in (self._absolute, rules.fields, rules.bytewise, rules.scores)]
        sizes = [b"%d" % number for number in (SMALL, STRING, rules.quantum)]
        return [cursor, b"%d" % count, flags[0], sizes[0], sizes[1], flags[1], flags[2], sizes[2], rules.mark.encode(), flags[3]]

    # Piece by piece

    def _pieces(self, key: bytes, kind: bytes, ends: int) -> Record | None:
        readers: dict[bytes, Callable[[bytes], str]] = {
            b"string": self._string,
            b"list": lambda name: self._ranked("LRANGE", name),
            b"zset": lambda name: self._ranked("ZRANGE", name, "WITHSCORES"),
            b"set": lambda name: self._scanned("SSCAN", "SCARD", name),
            b"hash": lambda name: self._scanned("HSCAN", "HLEN", name),
            b"stream": lambda name: stream_digest(self._redis, name, self._rules.counters),
        }
        if kind not in readers:
            body = hashlib.sha1(self._redis.ask("DUMP", key) or b"", usedforsecurity=False).hexdigest()
        else:
            try:
                body = readers[kind](key)
            except RedisError as error:
                if "no such key" in str(error) or "WRONGTYPE" in str(error):
                    return None
                raise
        digest = hashlib.sha1(b"%d:%s:%s:large:%s" % (len(key), key, kind, body.encode()), usedforsecurity=False)
        return Record(kind.decode(), ends, digest.hexdigest())

    def _string(self, key: bytes) -> str:
        digest, start = hashlib.sha1(usedforsecurity=False), 0
        while piece := self._redis.ask("GETRANGE", key, str(start), str(start + (1 << 20) - 1)):
            digest.update(piece)
            start += len(piece)
        return digest.hexdigest()

    def _ranked(self, command: str, key: bytes, *more: str) -> str:
        digest, start = hashlib.sha1(usedforsecurity=False), 0
        while members := self._redis.ask(command, key, str(start), str(start + PIECE - 1), *more):
            if more and self._rules.scores:
                members[1::2] = map(score, members[1::2])
            for member in members:
                digest.update(b"%d:" % len(member) + member)
            start += PIECE
        return digest.hexdigest()

    def _scanned(self, command: str, size: str, key: bytes) -> str:
        """Members come in any order, and rarely one twice; then the count tells, and they are read again."""
        width = 2 if command == "HSCAN" else 1
        for __ in range(TRIES):
            total, seen, cursor = 0, 0, b"0"
            while True:
                cursor, flat = self._redis.ask(command, key, cursor, "COUNT", str(PIECE))
                times = self._field_ends(key, flat[::2]) if width == 2 else []
                for place in range(0, len(flat), width):
                    part = b":".join(b"%d:%s" % (len(each), each) for each in flat[place : place + width])
                    if times and times[place // 2] > 0:
                        part += b":%d" % times[place // 2]
                    total += int.from_bytes(hashlib.sha1(part, usedforsecurity=False).digest(), "big")
                    seen += 1
                if cursor == b"0":
                    break
            if seen == self._redis.ask(size, key):
                break
        return f"{total % 2**160:x}.{seen}"

    def _field_ends(self, key: bytes, fields: list[bytes]) -> list[int]:
        if not (self._field_times and self._rules.fields and fields):
            return []
        return self._redis.ask("HPEXPIRETIME", key, "FIELDS", str(len(fields)), *fields)


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
    """What makes a stream, part by part: ``("entry", id, fields)``, ``("counter", name, value)``, ``("group", …)`` …"""
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
