"""A service with a database, in a container or natively: keeps a row, and has the other service keep it, too.

With a Redis it also appends the row's id to a list there and counts it, in one transaction. Where it knows a service of
papers it passes on to it what is to be noted.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import select
import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg2

from serving import Answers, serve

SERVICE = os.environ["SERVICE"]
TABLE = os.environ.get("TABLE", "rows")
SIDE = "native" if "STATE_DIRECTORY" in os.environ else "docker"


class Pool:
    """Things that are used again; one that broke is thrown away with its request."""

    def __init__(self, make, usable=lambda thing: True) -> None:
        self._make, self._usable, self._free = make, usable, queue.LifoQueue()

    @contextmanager
    def one(self):
        try:
            thing = self._free.get_nowait()
        except queue.Empty:
            thing = self._make()
        if not self._usable(thing):
            thing.close()
            thing = self._make()
        try:
            yield thing
        except BaseException:
            thing.close()
            raise
        self._free.put(thing)


def unbroken(connection) -> bool:
    """As pools look before they use one again: nothing has come by itself, an end neither."""
    line = getattr(connection, "sock", connection)
    return line is None or not select.select([line], [], [], 0)[0]


class Redis:
    """As much of its protocol as is needed here."""

    def __init__(self) -> None:
        url = urlsplit(os.environ["REDIS_URL"])
        path = os.environ.get("REDIS_PASSWORD_FILE")
        with open(path, encoding="utf-8") if path else contextlib.nullcontext() as file:
            password = file.read().strip() if file else url.password
        self.sock = socket.create_connection((url.hostname, url.port or 6379), timeout=5)
        self.file = self.sock.makefile("rb")
        self.call("AUTH", *([url.username] if url.username else []), password)

    def call(self, *words: str):
        parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
        self.sock.sendall(f"*{len(words)}\r\n{''.join(parts)}".encode())
        return self.answer()

    def answer(self):
        kind, text = (line := self.file.readline().decode())[:1], line[1:].strip()
        if kind == "-" or not kind:
            raise OSError(text or "Redis ended the connection")
        if kind == "*":
            return [self.answer() for __ in range(int(text))]
        if kind == "$":
            return self.file.read(int(text) + 2)[:-2].decode() if int(text) >= 0 else None
        return text

    def close(self) -> None:
        self.sock.close()


LAST = f"SELECT n FROM {TABLE} ORDER BY n DESC LIMIT 1"
databases = Pool(lambda: psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=3), unbroken)
caches = Pool(Redis, unbroken)


def pool_of(url: str) -> Pool:
    place = urlsplit(url)
    return Pool(lambda: http.client.HTTPConnection(place.hostname, place.port or 80, timeout=20), unbroken)


calls = {name: pool_of(os.environ[name]) for name in ("OTHER_URL", "PAPERS_URL") if name in os.environ}


def asked(statement: str, *values: str) -> list:
    with databases.one() as connection:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows = cursor.fetchall()
        connection.commit()
        return rows


def call(method: str, path: str, body: str | None = None, whom: str = "OTHER_URL") -> dict:
    with calls[whom].one() as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} of {connection.host}: {answer.status} {said[:160]!r}")
        return json.loads(said)


class Handler(Answers):
    def do_GET(self) -> None:
        paths = {
            "/health/live": lambda: {"status": "ok"},
            "/health/ready": lambda: {"status": "ok", "answer": asked("SELECT 1")[0][0]},
            "/who": lambda: {"side": SIDE, "service": SERVICE, "last": asked(LAST)},
            "/both": lambda: {"side": SIDE, "other": call("GET", "/who")},
        }
        self.tried(paths.get(self.path, paths["/who"]))

    def do_POST(self) -> None:
        row = self.told()
        if self.path == "/notes":
            self.tried(lambda: call("POST", "/notes", json.dumps({"id": row}), "PAPERS_URL"))
        else:
            self.tried(lambda: self.keep(row))

    def keep(self, row: str) -> dict:
        asked(f"INSERT INTO {TABLE} (id, side) VALUES (%s, %s) RETURNING n", row, SIDE)
        if "REDIS_URL" in os.environ:
            with caches.one() as redis:
                redis.call("MULTI")
                redis.call("RPUSH", "orders:rows", row)
                redis.call("INCR", "orders:count")
                redis.call("EXEC")
        if self.path == "/orders":
            call("POST", "/entries", json.dumps({"id": row}))
        return {"id": row, "side": SIDE}


if __name__ == "__main__":
    serve(Handler)
