"""Runs on one side alone: keeps what it is told in a SQLite database and, a file each, in a directory.

It leaves a tick in the database five times a second, which tells where it ran, and that there was one of it.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
import time
from pathlib import Path

from serving import Answers, serve

SIDE = "native" if "STATE_DIRECTORY" in os.environ else "docker"
NOTES = Path(os.environ["NOTES"])
LAST = "SELECT id FROM rows ORDER BY n DESC LIMIT 1"
MADE = (
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, id TEXT NOT NULL, side TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ticks (at REAL NOT NULL, side TEXT NOT NULL)",
)
busy = threading.Lock()
book = sqlite3.connect(os.environ["BOOK"], timeout=10, check_same_thread=False, isolation_level=None)


def asked(statement: str, *values: object) -> list[tuple]:
    with busy:
        return book.execute(statement, values).fetchall()


def tick() -> None:
    while True:
        asked("INSERT INTO ticks VALUES (?, ?)", time.time(), SIDE)
        time.sleep(0.2)


def keep(row: str) -> dict:
    asked("INSERT INTO rows (id, side) VALUES (?, ?)", row, SIDE)
    with open(NOTES / row, "x", encoding="ascii") as file:
        file.write(SIDE)
    return {"id": row, "side": SIDE}


def whole() -> dict:
    rows, ticks = asked("SELECT id FROM rows"), asked("SELECT at, side FROM ticks ORDER BY at")
    return {"rows": [row for (row,) in rows], "ticks": ticks, "notes": sorted(os.listdir(NOTES))}


class Handler(Answers):
    def do_GET(self) -> None:
        paths = {
            "/health/live": lambda: {"status": "ok"},
            "/health/ready": lambda: {"status": "ok", "answer": asked("SELECT 1")[0][0]},
            "/all": whole,
        }
        self.tried(paths.get(self.path, lambda: {"side": SIDE, "service": "papers", "last": asked(LAST)}))

    def do_POST(self) -> None:
        row = self.told()
        self.tried(lambda: keep(row))


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *__: sys.exit(0))
    for statement in MADE:
        asked(statement)
    threading.Thread(target=tick, daemon=True).start()
    try:
        serve(Handler)
    finally:
        with busy:
            book.close()


if __name__ == "__main__":
    main()
