# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis spoken over its socket in the few lines that this takes, so that a host needs no further package for it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Union

BUFFER = 1 << 18
PACKET_MARK = 0x63625243
"""On packets of ours, which a wall lets pass (wall.py)."""
Word = Union[str, bytes]


class RedisError(RuntimeError):
    """What Redis refused, in its own words; never what it was sent."""


class FullError(RedisError):
    """A server that takes no more data until it can write its file, and what to do; every write meets it, not a copy's alone."""

    def __init__(self, said: str) -> None:
        super().__init__(
            "The server can't write its file, and so takes no more data: most often its disk is full. See its log, make "
            f"room and run again ({said})"
        )


REFUSALS = ("NOPERM", "ERR unknown command", "ERR This Redis command is not allowed")


def refused(error: RedisError) -> bool:
    """Whether the server has the command for others, or for nobody."""
    return str(error).startswith(REFUSALS)


def refusal(answer: RedisError, what: str = "a key") -> RedisError:
    """Why a target does not take what it was sent, and what to do."""
    if isinstance(answer, FullError):
        return answer
    said = str(answer)
    if said.startswith("OOM"):
        return RedisError(
            "The target's memory limit (maxmemory) is reached in the middle of the copy. Raise redis_settings.maxmemory "
            "and run again"
        )
    if "payload version" in said or "Bad data format" in said:
        return RedisError(
            "The target does not know the source's serialised values, which come from a newer server or a module. "
            "Copy with way: typewise"
        )
    return RedisError(f"The target refused {what}: {said}")


class Connection:
    """One connection, by a path (unix socket) or by an address and a port."""

    def __init__(
        self, path: str | None = None, host: str = "127.0.0.1", port: int = 6379, timeout: float = 5, mark: int = 0
    ) -> None:
        """``mark``: what packets carry for this host's own rules, where we may set it."""
        self._where = where = path or f"{host}:{port}"
        try:
            self._socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
            if mark and not path:
                with suppress(PermissionError):
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            self._socket.settimeout(timeout)
            self._socket.connect(path or (host, port))
        except OSError as error:
            raise RedisError(f"Redis at {where} does not answer: {error.strerror or error}") from None
        if not path:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", BUFFER)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def call(self, *words: Word) -> Any:
        """One command and its answer: text, a number, ``None``, or a list of such. Raises :class:`RedisError`."""
        return _as_text(self.ask(*words))

    def ask(self, *words: Word) -> Any:
        """The same, but texts are the very bytes."""
        self.send(encoded(words))
        return self.answer(str(words[0]))

    def many(self, commands: Iterable[Sequence[Word]]) -> list[Any]:
        """Many commands at once and their answers in order, as bytes; a refusal stands in its place as an error."""
        requests = [encoded(words) for words in commands]
        self.send(b"".join(requests))
        return self.answers(len(requests))

    def together(self, commands: Iterable[Sequence[Word]]) -> list[Any]:
        """Many commands at once, each answer as :meth:`call` gives it. Raises RedisError for the first refusal."""
        found = self.many(commands)
        for each in found:
            if isinstance(each, RedisError):
                raise each
        return [_as_text(each) for each in found]

    def send(self, request: bytes) -> None:
        """Encoded commands, whose answers are fetched by :meth:`answer` or :meth:`answers`."""
        try:
            self._socket.sendall(request)
        except OSError as error:
            raise self._lost("", error) from None

    def answer(self, what: str = "a command") -> Any:
        """The next answer. Raises :class:`RedisError`, also where it is a refusal."""
        try:
            found = self._read()
        except OSError as error:
            raise self._lost(f" during {what}", error) from None
        if isinstance(found, RedisError):
            raise found
        return found

    def answers(self, count: int) -> list[Any]:
        """The next answers; refusals stand in their places."""
        try:
            return [self._read() for __ in range(count)]
        except OSError as error:
            raise self._lost("", error) from None

    def _lost(self, during: str = "", error: OSError | None = None) -> RedisError:
        how = f"went away{during} ({error.strerror or error})" if error else "closed the connection"
        return RedisError(f"Redis at {self._where} {how}. See whether it runs and is reached, and run again")

    def some(self) -> bytes:
        """What has arrived, as the server sent it; waits for at least something."""
        try:
            found = self._file.read1(BUFFER)
        except OSError as error:
            raise RedisError(f"Redis went away: {error.strerror or error}") from None
        if not found:
            raise RedisError("Redis closed the connection")
        return found

    def _read(self) -> Any:
        line = self._file.readline()
        if not line.endswith(b"\r\n"):
            # Half a line may look like a whole one, with another number.
            raise self._lost()
        kind = line[:1]
        if kind == b"$":
            size = int(line[1:])
            if size < 0:
                return None
            content = self._file.read(size + 2)
            if len(content) != size + 2:
                raise self._lost()
            return content[:-2]
        if kind == b":":
            return int(line[1:])
        if kind == b"+":
            return line[1:-2]
        if kind == b"*":
            size = int(line[1:])
            return None if size < 0 else [self._read() for __ in range(size)]
        if kind == b"-":
            said = line[1:].decode(errors="replace").rstrip("\r\n")
            return FullError(said) if said.startswith("MISCONF") else RedisError(said)
        raise RedisError(f"What answers at {self._where} does not speak as Redis does")


def encoded(words: Sequence[Word]) -> bytes:
    """A command as it goes over the wire."""
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)])


def _as_text(answer: Any) -> Any:
    if isinstance(answer, bytes):
        return answer.decode(errors="replace")
    if isinstance(answer, list):
        for each in answer:
            if isinstance(each, RedisError):
                raise each
        return [_as_text(each) for each in answer]
    return answer
