"""One side's application: a write goes to `trade`, and calls `api` by the internal door before it is acknowledged.

  service.py <port> <trade's DSN> <api's DSN> <port of api's internal door>
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


class Handler(socketserver.StreamRequestHandler):
    """One connection, with HTTP as far as the router and the clients speak it."""

    disable_nagle_algorithm = True
    trade: Pool
    api: Pool
    inner = 0

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
        work = {b"/order": self.order, b"/call": self.call, b"/count": self.count}.get(words[1])
        try:
            status, said = 200, work(row) if work else None
        except Exception as error:
            status, said = 503, f"{type(error).__name__} {error}".splitlines()[0][:200]
        body = json.dumps({"said": said})
        head = f"HTTP/1.1 {status} {'OK' if status == 200 else 'Unavailable'}\r\nContent-Length: {len(body)}\r\n"
        self.wfile.write(f"{head}{'' if keep else 'Connection: close' + EOL}{EOL}{body}".encode())
        return keep

    def count(self, __: str) -> int:
        with self.trade.cursor() as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY n DESC LIMIT 1")
            return len(cursor.fetchall())

    def order(self, row: str) -> None:
        think(row, *((SLOW, SLOW) if row.startswith("slow") else (0.005, 0.02)))
        with self.trade.cursor() as cursor:
            cursor.execute("INSERT INTO orders (id) VALUES (%s)", (row,))
            cursor.execute("INSERT INTO journal (id) VALUES (%s)", (row,))
        inner = Door(self.inner, 15)
        try:
            status, said = inner.ask("POST", "/call", row.encode())
        finally:
            inner.close()
        if status != 200:
            raise RuntimeError(f"the inner call: {status} {said[:160]!r}")

    def call(self, row: str) -> None:
        think(row, 0.001, 0.005)
        with self.api.cursor() as cursor:
            cursor.execute("INSERT INTO calls (id) VALUES (%s)", (row,))
            cursor.execute("INSERT INTO notes (id) VALUES (%s)", (row,))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    port, trade, api, inner = sys.argv[1:]
    Handler.trade, Handler.api, Handler.inner = Pool(trade), Pool(api), int(inner)
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
