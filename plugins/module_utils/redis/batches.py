# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hundreds of commands of one kind at a time, whose answers stay the bytes that came: two servers' answers are equal
where these bytes are, which costs nothing for each key. Only where they are not they are taken apart.

A key goes through here as a *name*: its length and itself, ``b"3\\r\\nabc"``, as it stands both in the server's
listing and in a command.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

from .client import Connection, RedisError

_REFUSED = re.compile(rb"\n-[A-Z]").search
"""Refusals begin with a word in capitals; so may a value, which is then looked at more closely."""


class Batches:
    """One connection. Behind each part of a request a word is asked for that no value holds, and so parts the answers."""

    def __init__(self, redis: Connection) -> None:
        word = secrets.token_hex(16).encode()
        self._redis, self._left, self._seen = redis, bytearray(), 0
        self._end = b"$%d\r\n%s\r\n" % (len(word), word)
        self._ask = b"*2\r\n$4\r\nECHO\r\n" + self._end

    def send(self, parts: Sequence[bytes]) -> None:
        """Commands, part by part; more may be sent before all answers are taken."""
        if parts:
            self._redis.send(b"".join([part + self._ask for part in parts]))

    def receive(self) -> bytes:
        """The answers to the next part."""
        while (at := self._left.find(self._end, self._seen)) < 0:
            self._seen = max(0, len(self._left) - len(self._end))
            self._left += self._redis.some()
        part = bytes(self._left[:at])
        del self._left[: at + len(self._end)]
        self._seen = 0
        return part


def name(key: bytes) -> bytes:
    return b"%d\r\n%s" % (len(key), key)


def key(of: bytes) -> bytes:
    return of.partition(b"\r\n")[2]


def each(names: Sequence[bytes], *commands: Sequence[str]) -> bytes:
    """These commands for each key, which is their last word."""
    heads = [_head(command) for command in commands]
    if len(heads) == 1:
        return heads[0] + (b"\r\n" + heads[0]).join(names) + b"\r\n"
    first, second = heads[0], b"\r\n" + heads[1]
    return b"".join([first + each_ + second + each_ + b"\r\n" for each_ in names])


def _head(command: Sequence[str]) -> bytes:
    return "".join([f"*{len(command) + 1}\r\n", *(f"${len(word)}\r\n{word}\r\n" for word in command), "$"]).encode()


def listed(answer: bytes) -> tuple[bytes, list[bytes]]:
    """The next cursor of a ``SCAN``, empty behind the last page, and its keys' names. Raises RedisError."""
    head = answer.split(b"\r\n", 4)
    if len(head) < 5 or head[0] != b"*2":
        raise _refusal(answer)
    cursor, count, rest = head[2].strip(b"0") and head[2], int(head[3][1:]), head[4]
    if not count:
        return cursor, []
    names = rest[1:-2].split(b"\r\n$")
    if len(names) != count:
        # A key holds the very bytes that part keys.
        names = [name(each_) for each_ in answers(answer)[0][1]]
    return cursor, names


def numbers(answer: bytes) -> list[int | None]:
    """Answers that are numbers; ``None`` for each of all others."""
    try:
        return list(map(int, answer[1:-2].split(b"\r\n:")))
    except ValueError:
        return [found if isinstance(found, int) else None for found in answers(answer)]


def refused(answer: bytes) -> bool:
    """Whether there may be a refusal among the answers."""
    return answer.startswith(b"-") or _REFUSED(answer) is not None


def answers(answer: bytes) -> list[Any]:
    """Answers as Python has them. Refusals stand in their places."""
    found, at = [], 0
    while at < len(answer):
        one, at = _answer(answer, at)
        found.append(one)
    return found


def _answer(answer: bytes, at: int) -> tuple[Any, int]:
    end = answer.index(b"\r\n", at)
    kind, said, at = answer[at : at + 1], answer[at + 1 : end], end + 2
    if kind == b"-":
        return RedisError(said.decode(errors="replace")), at
    if kind == b"+":
        return said, at
    if kind == b":":
        return int(said), at
    size = int(said)
    if size < 0:
        return None, at
    if kind == b"$":
        return answer[at : at + size], at + size + 2
    many = []
    for __ in range(size):
        one, at = _answer(answer, at)
        many.append(one)
    return many, at


def _refusal(answer: bytes) -> RedisError:
    found = answers(answer)
    return found[0] if found and isinstance(found[0], RedisError) else RedisError("Redis answered something else")
