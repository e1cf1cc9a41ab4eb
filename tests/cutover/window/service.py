"""One side's application: a write goes to `trade`, and calls `api` by the internal door before it is acknowledged.

  service.py <port> <file>

The file names what an order is written to, in JSON: the databases that have its tables (`orders`, `calls` and
`entries`, DSNs), `cache`, a Redis, and the ports of the internal doors of api (`inner`) and of jobs. What is not named
is passed over.
"""

from __future__ import annotations

import json
import queue
import random
import select
import socketserver
import sys
import time
from contextlib import contextmanager, suppress

import psycopg2
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import Connection
from clients import Door

EOL = "\r\n"

SLOW = 0.6
"""Seconds that an order takes before it writes, when its id begins with `slow`; with `quick` it does so at once."""


def think(row: str, least: float, most: float) -> None:
    if not row.startswith("quick"):
        time.sleep(random.uniform(least, most))


class Pool:
    """Connections that are used again, but for those that their server has ended meanwhile; one that breaks is thrown
    away with its request."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._free = dsn, queue.LifoQueue()

    def __bool__(self) -> bool:
        return bool(self._dsn)

    @contextmanager
    def cursor(self):
        connection = self._taken()
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except BaseException:
            connection.close()
            raise
        self._free.put(connection)

    def _taken(self):
        with suppress(queue.Empty):
            while True:
                connection = self._free.get_nowait()
                if not select.select([connection], [], [], 0)[0]:
                    return connection
                # Nothing was asked: what there is to read is its end.
                connection.close()
        return psycopg2.connect(self._dsn, connect_timeout=3)


class Cache:
    """The same to a Redis."""

    def __init__(self, spec: dict) -> None:
        self._spec, self._free = spec, queue.LifoQueue()

    def __bool__(self) -> bool:
        return bool(self._spec)

    def call(self, *words: str):
        redis = self._taken()
        try:
            said = redis.call(*words)
        except BaseException:
            redis.__exit__()
            raise
        self._free.put(redis)
        return said

    def _taken(self) -> Connection:
        with suppress(queue.Empty):
            while True:
                redis = self._free.get_nowait()
                if not select.select([redis._socket], [], [], 0)[0]:
                    return redis
                redis.__exit__()
        redis = Connection(port=self._spec["port"], timeout=10)
        redis.call("AUTH", "default", self._spec["password"])
        return redis


class Handler(socketserver.StreamRequestHandler):
    """One connection, with HTTP as far as the router and the clients speak it."""

    disable_nagle_algorithm = True
    orders: Pool
    calls: Pool
    entries: Pool
    cache: Cache
    inner = jobs = 0

    def routes(self):
        return {b"/order": self.order, b"/call": self.call, b"/count": self.count}

    def handle(self) -> None:
        with suppress(ConnectionError):
            while self.once():
                pass

    def once(self) -> bool:
        """Whether another request may follow."""
        words = self.rfile.readline().split()
        if len(words) != 3:
            return False
        length, keep = 0, words[2] == b"HTTP/1.1"
        while (line := self.rfile.readline().strip().lower()) != b"":
            name, __, value = line.partition(b":")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                keep = keep and b"close" not in value
        row = self.rfile.read(length).decode()
        work = self.routes().get(words[1])
        try:
            status, said = 200, work(row) if work else None
        except Exception as error:
            status, said = 503, f"{type(error).__name__} {error}".splitlines()[0][:200]
        body = json.dumps({"said": said})
        head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Unavailable'}\r\nContent-Length: {len(body)}\r\n"
        self.wfile.write(f"{head}{'' if keep else 'Connection: close' + EOL}{EOL}{body}".encode())
        return keep

    def count(self, __: str) -> int:
        if not self.orders:
            return len(self.cache.call("LRANGE", "orders", "-1", "-1"))
        with self.orders.cursor() as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY n DESC LIMIT 1")
            return len(cursor.fetchall())

    def order(self, row: str) -> None:
        think(row, *((SLOW, SLOW) if row.startswith("slow") else (0.005, 0.02)))
        written(self.orders, "orders", "journal", row)
        written(self.entries, "entries", "sums", row)
        if self.cache:
            self.cache.call("RPUSH", "orders", row)
        asked(self.inner, "/call", row)
        if self.jobs:
            asked(self.jobs, "/file", row)

    def call(self, row: str) -> None:
        think(row, 0.001, 0.005)
        written(self.calls, "calls", "notes", row)


def written(pool: Pool, one: str, other: str, row: str) -> None:
    if pool:
        with pool.cursor() as cursor:
            cursor.execute(f"INSERT INTO {one} (id) VALUES (%s)", (row,))
            cursor.execute(f"INSERT INTO {other} (id) VALUES (%s)", (row,))


def asked(port: int, path: str, row: str) -> None:
    """By the internal door of another service."""
    inner = Door(port, 25)
    try:
        status, said = inner.ask("POST", path, row.encode())
    finally:
        inner.close()
    if status != 200:
        raise RuntimeError(f"the inner call {path}: {status} {said[:160]!r}")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    port, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        given = json.load(file)
    Handler.orders, Handler.calls = Pool(given.get("orders", "")), Pool(given.get("calls", ""))
    Handler.entries = Pool(given.get("entries", ""))
    Handler.cache, Handler.inner, Handler.jobs = Cache(given.get("cache", {})), given["inner"], given.get("jobs", 0)
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
