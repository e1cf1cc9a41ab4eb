# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream copied as it is: entries under their ids, counters, groups, consumers, and who was given what and has not
answered yet, also where the entry itself was deleted meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .client import Connection, RedisError, refusal, refused

PIECE = 500
PENDING = """
local now = redis.call('TIME')
local page = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], '+', ARGV[3])
local at = now[1] * 1000 + math.floor(now[2] / 1000)
local out = {}
for _, each in ipairs(page) do
  out[#out + 1] = {each[1], each[2], string.format('%.0f', at - each[3]), each[4]}
end
return out
"""
"""Pending entries of a group with the moment of their delivery; a script sees one moment from begin to end."""


@dataclass(frozen=True)
class Pending:
    id: bytes
    consumer: bytes
    delivered: bytes
    count: int


def order(identifier: bytes) -> tuple[int, int]:
    """Ids in the order of the stream."""
    time, __, number = identifier.partition(b"-")
    return int(time), int(number or 0)


def after(identifier: bytes) -> bytes:
    """The least id behind another one."""
    time, number = order(identifier)
    return b"%d-%d" % (time, number + 1) if number < 2**64 - 1 else b"%d-0" % (time + 1)


def entries(redis: Connection, key: bytes) -> Iterator[list[Any]]:
    """Pages of ``[id, [field, value, …]]``."""
    start = b"-"
    while page := redis.ask("XRANGE", key, start, "+", "COUNT", str(PIECE)):
        yield page
        start = after(page[-1][0])


def pending(redis: Connection, key: bytes, group: bytes) -> Iterator[Pending]:
    """What a group's consumers were given and have not acknowledged, in the order of ids."""
    start = b"-"
    while page := _pending_page(redis, key, group, start):
        yield from page
        start = after(page[-1].id)


def _pending_page(redis: Connection, key: bytes, group: bytes, start: bytes) -> list[Pending]:
    try:
        return [Pending(*each) for each in redis.ask("EVAL", PENDING, "1", key, group, start, str(PIECE))]
    except RedisError as error:
        if not refused(error):
            raise
    # Without scripts the moment is a little off.
    seconds, micros = redis.ask("TIME")
    now = int(seconds) * 1000 + int(micros) // 1000
    rows = redis.ask("XPENDING", key, group, start, "+", str(PIECE))
    return [Pending(identifier, consumer, b"%d" % (now - idle), count) for identifier, consumer, idle, count in rows]


def properties(found: list[Any]) -> dict[str, Any]:
    """Name and value of what ``XINFO`` lists flat."""
    return {name.decode(): value for name, value in zip(found[::2], found[1::2], strict=True)}


def copy(source: Connection, target: Connection, key: bytes, counters: bool) -> None:
    """``counters``: both sides know entries-added and the like (from 7.0). The key must not be there yet."""
    stream = properties(source.ask("XINFO", "STREAM", key))
    groups = [properties(each) for each in source.ask("XINFO", "GROUPS", key)]
    given = {group["name"]: list(pending(source, key, group["name"])) for group in groups}
    stand_ins = _copy_entries(source, target, key, {each.id for all_ in given.values() for each in all_})
    last = stream["last-generated-id"]
    if not stream["length"] and not stand_ins:
        _must(
            target, [["XGROUP", "CREATE", key, "cryptobot", "$", "MKSTREAM"], ["XGROUP", "DESTROY", key, "cryptobot"]]
        )
    for group in groups:
        name = group["name"]
        read = ["ENTRIESREAD", str(group["entries-read"])] if counters and group.get("entries-read") is not None else []
        _must(target, [["XGROUP", "CREATE", key, name, group["last-delivered-id"], *read]])
        consumers = [properties(each)["name"] for each in source.ask("XINFO", "CONSUMERS", key, name)]
        _must(target, [["XGROUP", "CREATECONSUMER", key, name, consumer] for consumer in consumers])
        claims = [
            [
                "XCLAIM",
                key,
                name,
                each.consumer,
                "0",
                each.id,
                "TIME",
                each.delivered,
                "RETRYCOUNT",
                str(each.count),
                "FORCE",
                "JUSTID",
            ]
            for each in given[name]
        ]
        for place in range(0, len(claims), PIECE):
            _must(target, claims[place : place + PIECE])
    for place in range(0, len(stand_ins), PIECE):
        _must(target, [["XDEL", key, *stand_ins[place : place + PIECE]]])
    known = (
        ["ENTRIESADDED", str(stream["entries-added"]), "MAXDELETEDID", stream["max-deleted-entry-id"]]
        if counters
        else []
    )
    _must(target, [["XSETID", key, last, *known]])


def _copy_entries(source: Connection, target: Connection, key: bytes, wanted: set[bytes]) -> list[bytes]:
    """Adds the entries and, in their places, stand-ins for deleted ones that are pending still; the ids of these."""
    left = sorted(wanted, key=order)
    place, stand_ins = 0, []

    def until(identifier: bytes | None) -> Iterator[list[Any]]:
        nonlocal place
        while place < len(left) and (identifier is None or order(left[place]) <= order(identifier)):
            if left[place] != identifier:
                stand_ins.append(left[place])
                yield ["XADD", key, left[place], "deleted", ""]
            place += 1

    for page in entries(source, key):
        commands = []
        for identifier, fields in page:
            commands += [*until(identifier), ["XADD", key, identifier, *fields]]
        _must(target, commands)
    _must(target, list(until(None)))
    return stand_ins


def _must(target: Connection, commands: list[list[Any]]) -> None:
    for answer in target.many(commands):
        if isinstance(answer, RedisError):
            raise refusal(answer, "a part of a stream")
