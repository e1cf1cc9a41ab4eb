# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis spoken over its socket in the few lines that this takes, so that a host needs no further package for it."""

from __future__ import annotations

import socket
from typing import Any


class RedisError(RuntimeError):
    """What Redis refused, in its own words; never what it was sent."""


class Connection:
    """One connection, by a path (unix socket) or by an address and a port."""

    def __init__(self, path: str | None = None, host: str = "127.0.0.1", port: int = 6379, timeout: float = 5) -> None:
        where = path or f"{host}:{port}"
        try:
            self._socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
            self._socket.settimeout(timeout)
            self._socket.connect(path or (host, port))
        except OSError as error:
            raise RedisError(f"Redis at {where} does not answer: {error.strerror or error}") from None
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def call(self, *words: str) -> Any:
        """One command and its answer: text, a number, ``None``, or a list of such. Raises :class:`RedisError`."""
        encoded = [word.encode() for word in words]
        request = b"".join([b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)])
        try:
            self._socket.sendall(request)
            return self._answer()
        except OSError as error:
            raise RedisError(f"Redis went away during {words[0]}: {error.strerror or error}") from None

    def _answer(self) -> Any:
        line = self._file.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:].decode(errors="replace")
        if kind == b"-":
            raise RedisError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._file.read(int(rest) + 2)[:-2].decode(errors="replace")
        if kind == b"*":
            return None if rest == "-1" else [self._answer() for __ in range(int(rest))]
        raise RedisError("Redis closed the connection")
