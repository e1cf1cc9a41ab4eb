#!/usr/bin/env python3
"""A bounded load that never retries: what failed, by reason, and which writes were acknowledged. Standard library only.

    load.py --seconds 20 --clients 8 --rate 200 --read http://127.0.0.1:8000/health/live \
            --write http://127.0.0.1:8000/rows --body '{"id": "%ID%"}' --header 'Authorization: Bearer …'

Half of the clients keep their connection, half make a new one for each request; every other request is a write. A request
fails when it is refused, cut off, too late, or answered with a status of 500 or more (or any that --ok does not name).
A SIGTERM ends it early, after what is under way.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import signal
import sys
import time
import uuid
from urllib.parse import urlsplit


class Client:
    """One connection, used again where `keep` says so."""

    def __init__(self, url: str, keep: bool, timeout: float, longest: float) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self.keep, self.timeout, self.longest = keep, timeout, longest
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.opened = 0.0

    async def request(self, method: str, url: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        return await asyncio.wait_for(self._request(method, url, headers, body), self.timeout)

    async def _request(self, method: str, url: str, headers: list[str], body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if self.streams and self.streams[0].at_eof():
            self.close()  # the server has said that it is over: that is no failure, since nothing was sent
        if time.monotonic() - self.opened > self.longest:
            self.close()
        if not self.streams:
            self.streams, self.opened = await asyncio.open_connection(self.host, self.port), time.monotonic()
        reader, writer = self.streams
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", f"Connection: {'keep-alive' if self.keep else 'close'}", *headers]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        first = await reader.readline()
        if not first:
            raise ConnectionAbortedError  # what the proxy does on a kept connection when the server has gone: the client may try again
        status = int(first.split()[1])
        length, close, chunked = 0, not self.keep, False
        while (line := (await reader.readline()).decode().strip()) != "":
            name, __, value = line.lower().partition(":")
            if name == "content-length":
                length = int(value)
            elif name == "transfer-encoding":
                chunked = "chunked" in value
            elif name == "connection" and "close" in value:
                close = True
        answer = await self._chunks(reader) if chunked else await reader.readexactly(length)
        if close:
            self.close()
        return status, answer

    @staticmethod
    async def _chunks(reader: asyncio.StreamReader) -> bytes:
        whole = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            whole += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return whole

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
        self.streams = None


class Load:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.results: collections.Counter[str] = collections.Counter()
        self.acknowledged: list[str] = []
        self.unknown: list[str] = []
        self.failures: list[dict[str, object]] = []
        self.slowest = 0.0
        self.tickets = itertools.count()
        self.began = time.monotonic()
        self.over = False

    def end(self) -> None:
        self.over = True

    async def run(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.end)
        await asyncio.gather(*(self._client(number) for number in range(self.options.clients)))

    async def _client(self, number: int) -> None:
        options = self.options
        client = Client(options.read or options.write, number % 2 == 0, options.timeout, options.longest)
        while True:
            ticket = next(self.tickets)
            due = ticket / options.rate
            if due < options.seconds:
                await asyncio.sleep(max(0.0, self.began + due - time.monotonic()))
            if due >= options.seconds or self.over:
                client.close()
                return
            await self._one(client, write=bool(options.write) and (not options.read or ticket % 2 == 1))

    async def _one(self, client: Client, write: bool) -> None:
        options, identity = self.options, str(uuid.uuid4())
        method, url = ("POST", options.write) if write else ("GET", options.read)
        body = options.body.replace("%ID%", identity).encode() if write else b""
        headers = [header.replace("%ID%", identity) for header in options.header]
        began, answer = time.monotonic(), b""
        try:
            status, answer = await client.request(method, url, headers, body)
            outcome = "ok" if status in options.ok else f"status {status}"
        except Exception as error:
            client.close()
            outcome = type(error).__name__
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        self.results[f"{method} {outcome}"] += 1
        if outcome == "ok" and write:
            self.acknowledged.append(str(json.loads(answer)[options.answer]) if options.answer else identity)
        elif outcome != "ok":
            if write:
                self.unknown.append(identity)
            if len(self.failures) < 50:
                at = time.strftime("%H:%M:%S", time.gmtime()) + f".{int(time.time() * 1000) % 1000:03d}"
                self.failures.append({"at": at, "method": method, "outcome": outcome, "seconds": round(took, 3), "kept": client.keep})

    def report(self) -> dict[str, object]:
        total = sum(self.results.values())
        ok = sum(count for name, count in self.results.items() if name.endswith(" ok"))
        return {
            "requests": total, "failed": total - ok, "results": dict(self.results), "slowest": round(self.slowest, 3),
            "seconds": round(time.monotonic() - self.began, 1), "failures": self.failures,
            "acknowledged": self.acknowledged, "unknown": self.unknown,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--read", default="")
    parser.add_argument("--write", default="")
    parser.add_argument("--body", default='{"id": "%ID%"}', help="of a write; %%ID%% is new each time")
    parser.add_argument("--answer", default="", help="field of the answer that names the row; else the id that was sent does")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--ok", type=lambda text: {int(word) for word in text.split(",")}, default={200, 201, 202, 204})
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rate", type=float, default=200, help="requests a second, all clients together, at most")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--timeout", type=float, default=30)
    parser.add_argument("--longest", type=float, default=20, help="seconds after which a kept connection is made anew")
    load = Load(parser.parse_args())
    asyncio.run(load.run())
    json.dump(load.report(), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
