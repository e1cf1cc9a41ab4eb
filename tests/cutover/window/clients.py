"""Writers and readers at a public door that never retry: every answer is a line of the log, until SIGTERM.

  clients.py PORT LOG [--writers 8] [--readers 2] [--writes N] [--reads N] [--closed] [--name quick]

Half of them open a connection for each request. ``--writes`` and ``--reads`` are rates a second, all together; without
one each waits a moment after every answer, or not at all with ``--closed``. A line: start, end, w or r, status (0:
none), id, what was said.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import threading
import time
from dataclasses import dataclass

TIMEOUT = 25
LATE = 1.0
"""Seconds that a client makes up for at most, when it was held."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Door:
    """HTTP as far as it is needed here: its clients share the processors with what they measure."""

    def __init__(self, port: int, seconds: float = TIMEOUT) -> None:
        self._port, self._seconds = port, seconds
        self._socket: socket.socket | None = None

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        """Status and text. Raises OSError, also where a connection that was kept is closed by then without a word:
        a worker that ends says so with its last answer.
        """
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        data = self._more(b"")
        while (end := data.find(b"\r\n\r\n")) < 0:
            data = self._more(data)
        length = _LENGTH.search(data, 0, end + 2)
        whole = end + 4 + (int(length[1]) if length else 0)
        while len(data) < whole:
            data = self._more(data)
        if _CLOSES.search(data, 0, end + 2):
            self.close()
        return int(data.split(b" ", 2)[1]), data[end + 4 : whole].decode(errors="replace")

    def _more(self, data: bytes) -> bytes:
        assert self._socket
        if not (more := self._socket.recv(65536)):
            raise ConnectionResetError("closed without an answer")
        return data + more

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None


@dataclass(frozen=True)
class Kind:
    """``pause``: seconds after an answer; ``rate``: requests a second of one client, instead, where there is one."""

    letter: str
    method: str
    path: str
    pause: float
    rate: float = 0.0


class Caller(threading.Thread):
    """One client, which asks one thing after the other. ``first``: seconds until it begins: not all do at once."""

    def __init__(
        self, port: int, log: int, name: str, kind: Kind, keep: bool, first: float, stop: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._door, self._log, self._title, self._kind = Door(port), log, name, kind
        self._keep, self._due, self._stopped = keep, time.monotonic() + first, stop

    def run(self) -> None:
        kind, number = self._kind, 0
        while not self._stopped.is_set():
            if kind.rate:
                time.sleep(max(0.0, self._due - time.monotonic()))
                self._due = max(self._due + 1 / kind.rate, time.monotonic() - LATE)
            number += 1
            self._one(f"{self._title}-{number}")
            if not kind.rate:
                time.sleep(kind.pause)
        self._door.close()

    def _one(self, row: str) -> None:
        kind, start = self._kind, time.time()
        try:
            status, said = self._door.ask(kind.method, kind.path, row.encode() if kind.method == "POST" else b"")
        except Exception as error:
            status, said = 0, repr(error)
        if not self._keep or status == 0:
            self._door.close()
        said = " ".join(said.split())[:220]
        line = f"{start:.6f}\t{time.time():.6f}\t{kind.letter}\t{status}\t{row}\t{said}\n"
        os.write(self._log, line.encode())


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("port", type=int)
    options.add_argument("log")
    options.add_argument("--writers", type=int, default=8)
    options.add_argument("--readers", type=int, default=2)
    options.add_argument("--writes", type=float, default=0.0)
    options.add_argument("--reads", type=float, default=0.0)
    options.add_argument("--closed", action="store_true")
    options.add_argument("--name", default="")
    given = options.parse_args()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *__: stop.set())
    log = os.open(given.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    callers = []
    for letter, method, path, pause, count, rate in (
        ("w", "POST", "/order", 0.04, given.writers, given.writes),
        ("r", "GET", "/count", 0.06, given.readers, given.reads),
    ):
        kind = Kind(letter, method, path, 0.0 if given.closed else pause, rate / count if count else 0.0)
        for number in range(count):
            name = f"{given.name}{os.getpid()}-{letter}{number}"
            first = number / rate if rate else 0.0
            callers.append(Caller(given.port, log, name, kind, number % 2 == 0, first, stop))
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()


if __name__ == "__main__":
    main()
