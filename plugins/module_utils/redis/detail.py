# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exactly differs in one key: which members, fields, scores, positions, entries, groups."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..migration import words
from .canonical import Rules, score, stream_parts
from .client import Connection

LARGEST = 50_000
"""Members up to which they are compared one by one."""
MOST = 5


@dataclass(frozen=True)
class Details:
    """``columns`` are what a program reads, ``texts`` the same for people."""

    columns: tuple[str, ...]
    texts: tuple[str, ...]


def shown(name: bytes, longest: int = 200) -> str:
    """A name as text: what is no letter as an escape."""
    text = words.escaped(name)
    return text if len(text) <= longest else f"{text[:longest]}…"


def differing(
    source: Connection, target: Connection, key: bytes, kind: str, rules: Rules, show_values: bool
) -> Details:
    """Both sides have the key with this type, and other content."""
    sizes = {"string": "STRLEN", "list": "LLEN", "set": "SCARD", "zset": "ZCARD", "hash": "HLEN", "stream": "XLEN"}
    if kind not in sizes:
        return Details(("value",), ("has another value",))
    numbers = [redis.ask(sizes[kind], key) for redis in (source, target)]
    value = shown if show_values else _digest
    if kind == "string":
        return _string(source, target, key, numbers, value)
    if max(numbers) > LARGEST:
        return Details(
            ("value",), (f"has other content ({numbers[0]} members in the source, {numbers[1]} on the target)",)
        )
    if kind == "list":
        return _list(source, target, key, numbers, value)
    ours, theirs = (_members(redis, key, kind, rules) for redis in (source, target))
    return _mapping(ours, theirs, WORDS[kind], value if kind == "hash" else shown)


WORDS = {"set": "member", "zset": "member", "hash": "field", "stream": "part"}


def _digest(value: bytes) -> str:
    return f"#{hashlib.sha1(value, usedforsecurity=False).hexdigest()[:8]}"


def _members(redis: Connection, key: bytes, kind: str, rules: Rules) -> dict[Any, bytes]:
    match kind:
        case "set":
            return dict.fromkeys(redis.ask("SMEMBERS", key), b"")
        case "zset":
            flat = redis.ask("ZRANGE", key, "0", "-1", "WITHSCORES")
            return dict(zip(flat[::2], map(score, flat[1::2]), strict=True))
        case "hash":
            flat = redis.ask("HGETALL", key)
            found = dict(zip(flat[::2], flat[1::2], strict=True))
            return {name: content + _field_end(redis, key, name, rules) for name, content in found.items()}
        case _:
            parts = stream_parts(redis, key, rules.counters)
            return {_part_name(part): repr(part[2:]).encode() for part in parts}


def _field_end(redis: Connection, key: bytes, name: bytes, rules: Rules) -> bytes:
    if not rules.fields:
        return b""
    return b" until %d" % redis.ask("HPEXPIRETIME", key, "FIELDS", "1", name)[0]


def _part_name(part: tuple[Any, ...]) -> bytes:
    """``entry 1-0``, ``group workers``, ``pending entry 1-0 of workers`` …"""
    kind = part[0].encode()
    if kind in (b"entry", b"group"):
        return kind + b" " + part[1]
    if kind == b"counter":
        return part[1].encode()
    if kind == b"consumer":
        return b"consumer " + part[2] + b" of " + part[1]
    return b"pending entry " + part[2] + b" of " + part[1]


def _string(
    source: Connection, target: Connection, key: bytes, lengths: list[int], value: Callable[[bytes], str]
) -> Details:
    start, step = 0, 1 << 20
    while True:
        ours, theirs = (redis.ask("GETRANGE", key, str(start), str(start + step - 1)) for redis in (source, target))
        if ours != theirs or not ours:
            break
        start += step
    at = start + next(
        (n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), min(len(ours), len(theirs))
    )
    length = "" if lengths[0] == lengths[1] else f", {lengths[0]} bytes in the source and {lengths[1]} on the target"
    values = f" ({value(ours)} → {value(theirs)})" if max(lengths) <= step else ""
    return Details(("value",), (f"differs from byte {at} on{length}{values}",))


def _list(
    source: Connection, target: Connection, key: bytes, lengths: list[int], value: Callable[[bytes], str]
) -> Details:
    ours, theirs = (redis.ask("LRANGE", key, "0", "-1") for redis in (source, target))
    places = [n for n, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]]
    texts = [f"item {n} differs ({value(ours[n])} → {value(theirs[n])})" for n in places[:MOST]]
    if len(places) > MOST:
        texts.append(f"{len(places) - MOST} more items differ")
    if lengths[0] != lengths[1]:
        texts.append(f"has {lengths[0]} items in the source and {lengths[1]} on the target")
    return Details(
        tuple(str(n) for n in places[:MOST]) or ("length",), tuple(texts) or ("changes while it is looked at",)
    )


def _mapping(
    ours: Mapping[bytes, bytes], theirs: Mapping[bytes, bytes], word: str, value: Callable[[bytes], str]
) -> Details:
    lost = sorted(set(ours) - set(theirs))
    added = sorted(set(theirs) - set(ours))
    other = sorted(name for name in set(ours) & set(theirs) if ours[name] != theirs[name])
    word = "" if word == "part" else f"{word} "
    texts = [f"{word}{shown(name)} is missing on the target" for name in lost[:MOST]]
    texts += [f"{word}{shown(name)} is on the target only" for name in added[:MOST]]
    texts += [f"{word}{shown(name)} differs ({value(ours[name])} → {value(theirs[name])})" for name in other[:MOST]]
    more = sum(max(0, len(each) - MOST) for each in (lost, added, other))
    texts += [f"{more} more differ"] if more else []
    columns = [shown(name) for names in (lost, added, other) for name in names[:MOST]]
    return Details(tuple(columns) or ("value",), tuple(texts) or ("changes while it is looked at",))
