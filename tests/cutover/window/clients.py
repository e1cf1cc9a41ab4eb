"""Writers and readers at a public door that never retry: every answer is a line of the log, until SIGTERM.

  clients.py PORT LOG [--writers 8] [--readers 2] [--writes N] [--reads N] [--name quick]

Half of them open a connection for each request. ``--writes`` and ``--reads`` are rates a second, all together; without
one each waits a moment after every answer, or not at all with ``--closed``. A line: start, end, w or r, status (0:
none), id, what was said.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scenarios"))

from load import Client  # noqa: E402

TIMEOUT = 25
LATE = 1.0
"""Seconds that a client makes up for at most, when it was held."""


@dataclass(frozen=True)
class Kind:
    """``pause``: seconds after an answer; ``rate``: requests a second of one client, instead, where there is one."""

    letter: str
    method: str
    path: str
    pause: float
    rate: float = 0.0


class Caller:
    """One client, which asks one thing after the other."""

    def __init__(self, port: int, log: int, name: str, kind: Kind, keep: bool) -> None:
        self._client = Client(f"http://127.0.0.1:{port}", keep, TIMEOUT)
        self._log, self._name, self._kind = log, name, kind

    async def run(self, stop: asyncio.Event, first: float) -> None:
        """``first``: seconds until the first request, so that not all begin at once."""
        kind, number, due = self._kind, 0, time.monotonic() + first
        while not stop.is_set():
            if kind.rate:
                await asyncio.sleep(due - time.monotonic())
                due = max(due + 1 / kind.rate, time.monotonic() - LATE)
            number += 1
            await self._one(f"{self._name}-{number}")
            if not kind.rate:
                await asyncio.sleep(kind.pause)
        self._client.close()

    async def _one(self, row: str) -> None:
        kind, client, start = self._kind, self._client, time.time()
        try:
            if client.streams and client.streams[0].at_eof():
                # The client below would just make another one; here a door that closes unasked has failed.
                raise ConnectionResetError("the connection that was kept is closed")
            body = row.encode() if kind.method == "POST" else b""
            status, answer = await client.request(kind.method, kind.path, [], body)
            said = answer.decode(errors="replace")
        except Exception as error:
            client.close()
            status, said = 0, repr(error)
        said = " ".join(said.split())[:220]
        line = f"{start:.6f}\t{time.time():.6f}\t{kind.letter}\t{status}\t{row}\t{said}\n"
        os.write(self._log, line.encode())


async def serve(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    log = os.open(given.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    running = []
    for letter, method, path, pause, count, rate in (
        ("w", "POST", "/order", 0.04, given.writers, given.writes),
        ("r", "GET", "/count", 0.06, given.readers, given.reads),
    ):
        kind = Kind(letter, method, path, 0.0 if given.closed else pause, rate / count if count else 0.0)
        for number in range(count):
            name = f"{given.name}{os.getpid()}-{letter}{number}"
            first = number / rate if rate else 0.0
            running.append(Caller(given.port, log, name, kind, number % 2 == 0).run(stop, first))
    await asyncio.gather(*running)


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
    asyncio.run(serve(options.parse_args()))


if __name__ == "__main__":
    main()
