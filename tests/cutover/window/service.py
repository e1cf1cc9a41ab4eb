"""One side's application: a write goes to `trade`, and calls `api` by the internal door before it is acknowledged.

  service.py <port> <trade's DSN> <api's DSN> <URL of api's internal door>
"""

from __future__ import annotations

import http.client
import json
import queue
import random
import sys
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import psycopg2


SLOW = 0.6
"""Seconds that an order takes before it writes, when its id begins with `slow`; with `quick` it does so at once."""


def think(row: str, least: float, most: float) -> None:
    if not row.startswith("quick"):
        time.sleep(random.uniform(least, most))


class Pool:
    """Connections that are used again; one that broke is thrown away with its request."""

    def __init__(self, dsn: str) -> None:
        self._dsn, self._free = dsn, queue.LifoQueue()

    @contextmanager
    def cursor(self):
        try:
            connection = self._free.get_nowait()
        except queue.Empty:
            connection = psycopg2.connect(self._dsn, connect_timeout=3)
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except BaseException:
            connection.close()
            raise
        self._free.put(connection)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    trade: Pool
    api: Pool
    inner = ""

    def log_message(self, *__) -> None:
        """Silent."""

    def do_GET(self) -> None:
        if self.path == "/live":
            return self.answer(200, {})
        return self.tried(self.count)

    def do_POST(self) -> None:
        row = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.tried(lambda: self.order(row) if self.path == "/order" else self.call(row))

    def tried(self, work) -> None:
        try:
            status, said = 200, work()
        except Exception as error:
            status, said = 503, f"{type(error).__name__} {error}".splitlines()[0][:200]
        self.answer(status, {"said": said})

    def answer(self, status: int, content: dict) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def count(self) -> int:
        with self.trade.cursor() as cursor:
            cursor.execute("SELECT id FROM orders ORDER BY n DESC LIMIT 1")
            return len(cursor.fetchall())

    def order(self, row: str) -> None:
        think(row, *((SLOW, SLOW) if row.startswith("slow") else (0.005, 0.02)))
        with self.trade.cursor() as cursor:
            cursor.execute("INSERT INTO orders (id) VALUES (%s)", (row,))
            cursor.execute("INSERT INTO journal (id) VALUES (%s)", (row,))
        url = urlsplit(self.inner)
        inner = http.client.HTTPConnection(url.hostname, url.port, timeout=15)
        try:
            inner.request("POST", "/call", row)
            answer = inner.getresponse()
            said = answer.read()
        finally:
            inner.close()
        if answer.status != 200:
            raise RuntimeError(f"the inner call: {answer.status} {said[:160]!r}")

    def call(self, row: str) -> None:
        think(row, 0.001, 0.005)
        with self.api.cursor() as cursor:
            cursor.execute("INSERT INTO calls (id) VALUES (%s)", (row,))
            cursor.execute("INSERT INTO notes (id) VALUES (%s)", (row,))


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


def main() -> None:
    port, trade, api, Handler.inner = sys.argv[1:]
    Handler.trade, Handler.api = Pool(trade), Pool(api)
    Server(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
