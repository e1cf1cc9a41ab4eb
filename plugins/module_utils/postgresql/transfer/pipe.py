# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`COPY … TO STDOUT` of one server led into `COPY … FROM STDIN` of another, message for message.

Both directions of COPY use the same CopyData messages (PostgreSQL manual, "Message Formats"), so what the source sends is
passed on as it is, and no row is taken apart here. psycopg2 makes the sessions; between two of its statements a session's
socket is idle, and the COPY runs over it by the simple query protocol: Query, CopyOutResponse or CopyInResponse,
CopyData …, CopyDone, CommandComplete, ReadyForQuery.
"""

from __future__ import annotations

import os
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

CHUNK = 1 << 18
SOURCE_SECONDS, TARGET_SECONDS = 90.0, 300.0
"""No byte for so long means that the line is cut or a side hangs. Keepalives, which not every network lets through, notice it
earlier. A source only reads; a target may wait for its disk."""

ENCODINGS = {"UTF8": "utf-8", "SQLASCII": "latin-1", "SQL_ASCII": "latin-1"}

_COPY_DONE = b"c\0\0\0\x04"
_END = re.compile(re.escape(_COPY_DONE) + rb"C\0\0\0.COPY (\d+)\0Z\0\0\0\x05[TI]\Z", re.DOTALL)
_READY = b"Z\0\0\0\x05"
_LAST = 64
"""Bytes: no shorter than all that follows the data."""
_KEPT = 8192
"""Bytes kept back while more may come: no shorter than an error with its details."""


class CopyError(RuntimeError):
    """A COPY that did not arrive whole. ``side`` is ``source`` or ``target``; ``code`` the SQLSTATE where there is one."""

    def __init__(self, side: str, text: str, code: str = "") -> None:
        super().__init__(text)
        self.side, self.code = side, code


class Line:
    """The socket of an idle psycopg2 session without TLS, for as long as one COPY runs."""

    def __init__(self, connection: Any, side: str, silence: float) -> None:
        self.side, self._silence = side, silence
        self.socket = socket.socket(fileno=os.dup(connection.fileno()))
        self.socket.settimeout(silence)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *__: object) -> None:
        self.socket.close()

    def ask(self, statement: bytes, expected: bytes) -> bytes:
        """Sends a statement; gives what follows the answer of the ``expected`` kind."""
        self.send(b"Q" + struct.pack("!I", len(statement) + 5) + statement + b"\0")
        return self.until(expected)[1]

    def until(self, expected: bytes) -> tuple[bytes, bytes]:
        """The next message of a kind, and what has been received after it; an error is raised as such."""
        received = b""
        while True:
            received += self.receive()
            while len(received) >= 5 and len(received) > (size := struct.unpack_from("!I", received, 1)[0]):
                message, received = received[: size + 1], received[size + 1 :]
                if message[:1] == b"E":
                    raise CopyError(self.side, *_said(message))
                if message[:1] == expected:
                    return message, received

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise CopyError(self.side, f"the {self.side} took nothing for {self._silence:.0f} seconds") from None
        except OSError as error:
            raise self._broken(error) from None

    def receive(self) -> bytes:
        try:
            data = self.socket.recv(CHUNK)
        except TimeoutError:
            raise CopyError(self.side, f"the {self.side} sent nothing for {self._silence:.0f} seconds") from None
        except OSError as error:
            raise self._broken(error) from None
        if not data:
            raise CopyError(self.side, f"the {self.side} closed the connection", "08006")
        return data

    def answered(self, timeout: float = 0) -> bool:
        return bool(select.select([self.socket], [], [], timeout)[0])

    def rows(self) -> int:
        """What the target counted, once CopyDone was sent."""
        complete, rest = self.until(b"C")
        if not rest:
            self.until(b"Z")
        return int(complete[5:-1].split()[-1])

    def _broken(self, error: OSError) -> CopyError:
        return CopyError(self.side, f"the line to the {self.side} broke: {error.strerror or error}", "08006")


def copy(
    source: Any,
    read: str,
    target: Any,
    write: str,
    progress: Callable[[int], None] | None = None,
    encoding: str = "UTF8",
) -> int:
    """Runs one COPY in two idle sessions; gives the number of rows, which both servers counted alike.

    ``progress`` gets the bytes of each chunk. After a failure both sessions must be closed.
    """
    codec = ENCODINGS.get(encoding, "utf-8")
    with Line(source, "source", SOURCE_SECONDS) as reader, Line(target, "target", TARGET_SECONDS) as writer:
        writer.ask(write.encode(codec), b"G")
        sent = _pass_on(reader, writer, reader.ask(read.encode(codec), b"H"), progress)
        arrived = writer.rows()
    if sent != arrived:
        raise CopyError("target", f"the source sent {sent} rows, the target counted {arrived}")
    return sent


def _pass_on(reader: Line, writer: Line, received: bytes, progress: Callable[[int], None] | None) -> int:
    """Passes messages on up to and with CopyDone; gives the rows that the source counted.

    The end is known by the last bytes received. They could, by a freak, be part of a row: so what follows CopyDone is kept
    back until a server speaks, and only at a true end the first to do so is the target.
    """
    if progress:
        progress(len(received))
    while True:
        if received[-6:-1] == _READY:
            if end := _END.search(received, max(0, len(received) - _LAST)):
                after = end.start() + len(_COPY_DONE)
                writer.send(received[:after])
                received = received[after:]
                ready = select.select([reader.socket, writer.socket], [], [], TARGET_SECONDS)[0]
                if reader.socket not in ready:
                    return int(end[1])
            elif failed := _error_at_end(received):
                raise CopyError("source", *_said(failed))
        ahead = len(received) - _KEPT
        if ahead > 0:
            writer.send(received[:ahead])
            received = received[ahead:]
        if writer.answered():
            writer.until(b"Z")
        more = reader.receive()
        if progress:
            progress(len(more))
        received += more


def _error_at_end(received: bytes) -> bytes:
    """The ErrorResponse right before the last ReadyForQuery."""
    end = len(received) - 6
    for start in range(max(0, end - _KEPT), end - 5):
        if received[start : start + 1] == b"E" and struct.unpack_from("!I", received, start + 1)[0] == end - start - 1:
            return received[start:end]
    return b""


def _said(message: bytes) -> tuple[str, str]:
    """Text and SQLSTATE of an ErrorResponse. Its context is left out: that quotes rows."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in message[5:].split(b"\0") if part}
    return fields.get(b"M", "the server gave no reason"), fields.get(b"C", "")


def drain(source: Any, read: str, progress: Callable[[int], None], until: float) -> int | None:
    """Reads a COPY and throws it away, to measure; its rows, or None where ``until`` (monotonic) came first. The session must
    then be closed."""
    with Line(source, "source", SOURCE_SECONDS) as reader:
        received = reader.ask(read.encode(), b"H")
        while True:
            progress(len(received))
            tail = received[-_KEPT:]
            if end := _END.search(tail, max(0, len(tail) - _LAST)):
                return int(end[1])
            if time.monotonic() > until:
                return None
            received = tail[-_LAST:] + reader.receive()
