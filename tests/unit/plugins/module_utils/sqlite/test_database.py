# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.sqlite import compare, database


def made(path: Path, *statements: str) -> bytes:
    connection = sqlite3.connect(path)
    for statement in ("CREATE TABLE a (id INTEGER PRIMARY KEY, b)", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()
    return os.fsencode(path)


def left_over(folder: Path) -> bytes:
    """A database whose rows are in a log that nobody has open, as after a kill."""
    path = folder / "live.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, b)")
    connection.executemany("INSERT INTO a (b) VALUES (?)", ((n,) for n in range(500)))
    connection.commit()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{path}{suffix}", folder / f"killed.db{suffix}")
    connection.close()
    return os.fsencode(folder / "killed.db")


def test_a_database_is_known_by_its_header(tmp_path):
    path = made(tmp_path / "a.db")
    (tmp_path / "text").write_bytes(b"SQLite format 3, they say".ljust(1024))
    assert database.is_database(path, os.path.getsize(path))
    assert not database.is_database(os.fsencode(tmp_path / "text"), 1024)
    assert not database.is_database(path, 100)


def test_a_log_that_was_left_over_is_read_and_stays(tmp_path):
    source = left_over(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in ("killed.db", "killed.db-wal")}
    database.copy(source, os.fsencode(tmp_path / "copy.db"))
    with sqlite3.connect(tmp_path / "copy.db") as connection:
        assert connection.execute("SELECT count(*) FROM a").fetchone() == (500,)
    connection.close()
    assert database.logged(os.fsencode(tmp_path / "copy.db"))
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert not (tmp_path / "killed.db-shm").exists()


def test_a_copy_replaces_what_was_there_with_its_log(tmp_path):
    source, target = made(tmp_path / "a.db", "INSERT INTO a (b) VALUES (1)"), left_over(tmp_path)
    database.copy(source, target)
    assert compare.compare(source, target).differences == ()
    assert not (tmp_path / "killed.db-wal").exists()


def test_what_is_no_database_is_a_sentence(tmp_path):
    path = tmp_path / "broken.db"
    path.write_bytes(database.HEADER.ljust(4096, b"\xff"))
    with pytest.raises(database.SqliteError, match="can't be copied"):
        database.copy(os.fsencode(path), os.fsencode(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()


def test_kinds_of_values_are_told_apart(tmp_path):
    ours = made(tmp_path / "a.db", "INSERT INTO a VALUES (1, 1), (2, 'x'), (3, NULL), (4, 1.5)")
    theirs = made(tmp_path / "b.db", "INSERT INTO a VALUES (1, 1.0), (2, x'78'), (3, ''), (4, 1.50)")
    found = compare.compare(ours, theirs)
    assert [(each.key, each.columns) for each in found.differences] == [(f"id {n}", ("b",)) for n in (1, 2, 3)]


def test_texts_that_are_not_utf8_are_compared(tmp_path):
    ours = made(tmp_path / "a.db", "INSERT INTO a VALUES (1, CAST(x'ff00' AS TEXT))")
    theirs = made(tmp_path / "b.db", "INSERT INTO a VALUES (1, CAST(x'ff01' AS TEXT))")
    assert compare.compare(ours, ours).differences == ()
    assert [each.columns for each in compare.compare(ours, theirs).differences] == [("b",)]


def test_many_differences_are_counted(tmp_path):
    ours = made(tmp_path / "a.db")
    rows = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO a SELECT i, i FROM n"
    )
    theirs = made(tmp_path / "b.db", rows)
    found = compare.compare(ours, theirs).differences
    assert len(found) == compare.MOST + 1
    assert found[-1].text == "50 more rows of a differ."
