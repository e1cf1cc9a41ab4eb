#!/usr/bin/python3
"""Makes a SQLite database with a write-ahead log whose last commits are in the log alone, as a killed program leaves it.

  tests/seed/sqlite.py FILE [--rows 500] [--open SECONDS]

With --open the program stays there and holds the database open. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import time
from pathlib import Path

SCHEMA = """
PRAGMA page_size=4096;
PRAGMA journal_mode=WAL;
PRAGMA user_version=7;
PRAGMA application_id=1129466960;
CREATE TABLE IF NOT EXISTS results (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, value REAL, payload BLOB, amount);
CREATE TABLE IF NOT EXISTS pairs (symbol TEXT, year INT, price NUMERIC, PRIMARY KEY (symbol, year)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keyless (a, b, rowid TEXT);
CREATE TABLE IF NOT EXISTS "od""d name" ("a b" TEXT, doubled INT GENERATED ALWAYS AS (length("a b") * 2) STORED);
CREATE INDEX IF NOT EXISTS by_name ON results (name COLLATE NOCASE);
CREATE VIEW IF NOT EXISTS large AS SELECT * FROM results WHERE value > 100;
CREATE TRIGGER IF NOT EXISTS kept AFTER DELETE ON pairs BEGIN INSERT INTO keyless (a) VALUES (old.symbol); END;
"""


def fill(connection: sqlite3.Connection, rows: int) -> None:
    """Values of every storage class in columns that do not ask for one."""
    values = (1, 1.0, "1", b"1", None, 2**62, "größe")
    connection.executemany(
        "INSERT OR REPLACE INTO results (id, name, value, payload, amount) VALUES (?, ?, ?, ?, ?)",
        ((n, f"run-{n}", n * 0.1, bytes([n % 256]) * (n % 50), values[n % len(values)]) for n in range(1, rows + 1)),
    )
    symbols = ("BTC/EUR", "ETH/EUR", "ABC")
    connection.executemany(
        "INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)",
        ((symbols[n % 3], n // 3, n * 1.25) for n in range(min(rows, 3000))),
    )
    connection.executemany("INSERT INTO keyless VALUES (?, ?, ?)", ((n % 3, None, "hidden") for n in range(50)))
    connection.execute('INSERT INTO "od""d name" ("a b") VALUES (?)', ("x",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--open", type=float, default=0)
    chosen = parser.parse_args()
    connection = sqlite3.connect(chosen.file)
    connection.executescript(SCHEMA)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    with connection:
        fill(connection, chosen.rows)
    print(
        f"seeded {chosen.rows} rows, {os.path.getsize(f'{chosen.file}-wal')} bytes of them in the log alone", flush=True
    )
    if chosen.open:
        time.sleep(chosen.open)
    # No closing: that would bring the log into the file.
    os._exit(0)


if __name__ == "__main__":
    main()
