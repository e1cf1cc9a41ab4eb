# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key copied in pieces, type by type: what is too large for one go, streams, and hashes whose fields expire."""

from __future__ import annotations

from collections.abc import Iterator

from . import streams
from .client import Connection, RedisError, refusal
from .facts import Facts

PIECE = 1000
BYTES = 1 << 20


class Pieces:
    """Copies single keys between two connections, each on its database."""

    def __init__(self, source: Connection, target: Connection, facts: Facts, target_facts: Facts) -> None:
        self._source, self._target = source, target
        self._facts, self._target_facts = facts, target_facts

    def copy(self, key: bytes) -> None:
        """Nothing happens where the key has expired meanwhile."""
        kind = self._source.ask("TYPE", key)
        if kind == b"none":
            return
        self._target.ask("DEL", key)
        if kind == b"stream":
            streams.copy(self._source, self._target, key, self._facts.at_least(7) and self._target_facts.at_least(7))
        else:
            for commands in self._commands(key, kind):
                for answer in self._target.many(commands):
                    if isinstance(answer, RedisError):
                        raise refusal(answer, f"a piece of a {kind.decode()}")
        left = self._source.ask("PTTL", key)
        if left > 0:
            self._target.ask("PEXPIREAT", key, b"%d" % self._ends(key, left))

    def _ends(self, key: bytes, left: int) -> int:
        if self._facts.at_least(7):
            return self._source.ask("PEXPIRETIME", key)
        seconds, micros = self._source.ask("TIME")
        return int(seconds) * 1000 + int(micros) // 1000 + left

    def _commands(self, key: bytes, kind: bytes) -> Iterator[list[list[bytes]]]:
        match kind:
            case b"string":
                yield from self._string(key)
            case b"list":
                length = self._source.ask("LLEN", key)
                for start in range(0, length, PIECE):
                    yield [[b"RPUSH", key, *self._source.ask("LRANGE", key, str(start), str(start + PIECE - 1))]]
            case b"set":
                for members in self._scanned(b"SSCAN", key):
                    yield [[b"SADD", key, *members]]
            case b"zset":
                for members in self._scanned(b"ZSCAN", key):
                    swapped = [
                        part for place in range(0, len(members), 2) for part in (members[place + 1], members[place])
                    ]
                    yield [[b"ZADD", key, *swapped]]
            case b"hash":
                expires = self._facts.at_least(7, 4)
                for members in self._scanned(b"HSCAN", key):
                    yield [[b"HSET", key, *members], *(self._expiring(key, members[::2]) if expires else ())]
            case _:
                raise RedisError(
                    f"A key of the type {kind.decode()} can't be copied to this target, which does not know the type"
                )

    def _string(self, key: bytes) -> Iterator[list[list[bytes]]]:
        length = self._source.ask("STRLEN", key)
        if not length:
            yield [[b"SET", key, b""]]
        for start in range(0, length, BYTES):
            yield [[b"APPEND", key, self._source.ask("GETRANGE", key, str(start), str(start + BYTES - 1))]]

    def _scanned(self, command: bytes, key: bytes) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, members = self._source.ask(command, key, cursor, b"COUNT", str(PIECE))
            for place in range(0, len(members), 2 * PIECE):
                yield members[place : place + 2 * PIECE]
            if cursor == b"0":
                return

    def _expiring(self, key: bytes, fields: list[bytes]) -> list[list[bytes]]:
        """Fields with a time of their own, which no server before 7.4 can keep."""
        times = self._source.ask(b"HPEXPIRETIME", key, b"FIELDS", str(len(fields)), *fields)
        wanted = [(name, ends) for name, ends in zip(fields, times, strict=True) if ends > 0]
        if wanted and not self._target_facts.at_least(7, 4):
            raise RedisError(
                f"A hash has fields that expire by themselves, which {self._target_facts.release} does not know"
            )
        return [[b"HPEXPIREAT", key, b"%d" % ends, b"FIELDS", b"1", name] for name, ends in wanted]
