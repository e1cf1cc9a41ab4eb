"""What runs on one side alone, and has a directory and a SQLite file: rows that are written to both before it answers.

  jobs.py <port> <its folder> <the lock of all of them>

Whoever starts while another one runs says so in `<lock>.broken`, which must never be there.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import threading
import time
from pathlib import Path

from service import Handler, Server

LOG, TABLE = "files/log", "notebook/jobs.db"


class Jobs(Handler):
    """Both below one folder."""

    folder: Path
    one = threading.Lock()

    def routes(self):
        return {b"/file": self.file}

    def file(self, row: str) -> None:
        with self.one:
            with open(self.folder / LOG, "a", encoding="utf-8") as log:
                log.write(f"{row}\n")
            database = sqlite3.connect(self.folder / TABLE, timeout=5)
            try:
                database.execute("PRAGMA synchronous = OFF")
                with database:
                    database.execute("INSERT INTO jobs VALUES (?)", (row,))
            finally:
                database.close()


def prepare(folder: Path) -> None:
    """A folder before anything was written."""
    for name in (LOG, TABLE):
        (folder / name).parent.mkdir(parents=True)
    (folder / LOG).touch()
    database = sqlite3.connect(folder / TABLE)
    database.execute("CREATE TABLE jobs (id text)")
    database.commit()
    database.close()


def rows(folder: Path) -> dict[str, list[str]]:
    """What is there, by file."""
    database = sqlite3.connect(f"file:{folder / TABLE}?mode=ro", uri=True)
    try:
        there = [row for (row,) in database.execute("SELECT id FROM jobs")]
    finally:
        database.close()
    return {"log": (folder / LOG).read_text(encoding="utf-8").split(), "jobs": there}


def main() -> None:
    port, folder, lock = sys.argv[1:]
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with open(f"{lock}.broken", "a", encoding="utf-8") as broken:
            broken.write(f"{time.time():.3f} {folder}\n")
    Jobs.folder = Path(folder)
    Server(("127.0.0.1", int(port)), Jobs).serve_forever()


if __name__ == "__main__":
    main()
