"""Every planted difference in a copied SQLite database is found and named exactly, and nothing else is.

pytest tests/plants/sqlite

As root: a small disk is mounted.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.sqlite import compare, database

SEED = Path(__file__).resolve().parents[2] / "seed" / "sqlite.py"
ROWS = 500
PLANTS = {
    "row deleted": ("DELETE FROM results WHERE id = 7", "results", "id 7", (), "is missing on the target"),
    "row added": (
        "INSERT INTO results (id, name) VALUES (9999, 'more')",
        "results",
        "id 9999",
        (),
        "is on the target only",
    ),
    "last digit": (
        "UPDATE results SET value = 1.1000000000000003 WHERE id = 11",
        "results",
        "id 11",
        ("value",),
        "differs in value",
    ),
    "1 becomes 1.0": (
        "UPDATE results SET amount = 1.0 WHERE id = 14",
        "results",
        "id 14",
        ("amount",),
        "differs in amount",
    ),
    "text becomes a blob": (
        "UPDATE results SET amount = x'31' WHERE id = 16",
        "results",
        "id 16",
        ("amount",),
        "differs in amount",
    ),
    "nothing becomes empty": (
        "UPDATE results SET amount = '' WHERE id = 18",
        "results",
        "id 18",
        ("amount",),
        "differs in amount",
    ),
    "two values swapped": (
        "UPDATE results SET name = CASE id WHEN 30 THEN 'run-31' ELSE 'run-30' END WHERE id IN (30, 31)",
        "results",
        "id 30",
        ("name",),
        "differs in name",
    ),
    "without row numbers": (
        "UPDATE pairs SET price = price + 0.25 WHERE symbol = 'ABC' AND year = 3",
        "pairs",
        "symbol ABC, year 3",
        ("price",),
        "differs in price",
    ),
    "without a key": ("UPDATE keyless SET b = 1 WHERE _rowid_ = 20", "keyless", "rowid 20", ("b",), "differs in b"),
    "odd names": (
        'UPDATE "od""d name" SET "a b" = \'xy\'',
        'od"d name',
        "rowid 1",
        ("a b", "doubled"),
        "differs in a b",
    ),
    "index": ("DROP INDEX by_name", "by_name", "", (), "index by_name is missing"),
    "view": ("DROP VIEW large", "large", "", (), "view large is missing"),
    "trigger": (
        "DROP TRIGGER kept; CREATE TRIGGER kept AFTER DELETE ON pairs BEGIN SELECT 1; END",
        "kept",
        "",
        (),
        "another definition",
    ),
    "table": ("CREATE TABLE extra (a)", "extra", "", (), "table extra is on the target only"),
    "sequence": (
        "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'results'",
        "sqlite_sequence",
        "rowid 1",
        ("seq",),
        "seq",
    ),
    "version": ("PRAGMA user_version = 8", "user_version", "", (), "user_version is 7 in the source and 8"),
    "journal": ("PRAGMA journal_mode = DELETE", "journal_mode", "", (), "write-ahead log in the source"),
}
ALSO = {("results", "id 31")}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("sqlite") / "results.db"
    subprocess.run([sys.executable, SEED, path, "--rows", str(ROWS)], check=True, stdout=subprocess.DEVNULL)
    return os.fsencode(path)


@pytest.fixture(scope="module")
def harvest(source, tmp_path_factory) -> tuple[compare.Result, compare.Result]:
    target = tmp_path_factory.mktemp("target") / "results.db"
    database.copy(source, os.fsencode(target))
    before = compare.compare(source, os.fsencode(target))
    with sqlite3.connect(target) as connection:
        for statements, *__ in PLANTS.values():
            connection.executescript(statements)
    connection.close()
    return before, compare.compare(source, os.fsencode(target))


def test_commits_in_the_log_alone_are_copied(source, harvest):
    plain = os.fsdecode(source) + ".plain"
    shutil.copyfile(source, plain)
    with sqlite3.connect(plain) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (0,)
    connection.close()
    os.unlink(plain)
    assert harvest[0].differences == ()
    assert harvest[0].rows > ROWS


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_is_named(harvest, name):
    __, what, key, columns, text = PLANTS[name]
    found = [each for each in harvest[1].differences if (each.object, each.key) == (what, key)]
    assert [each.columns for each in found] == [columns]
    assert text in found[0].text


def test_nothing_else_is_named(harvest):
    expected = {(what, key) for __, what, key, *__ in PLANTS.values()} | ALSO
    assert {(each.object, each.key) for each in harvest[1].differences} == expected


def test_no_value_is_shown(harvest):
    assert "run-" not in "".join(each.text for each in harvest[1].differences)


def test_nothing_is_left_beside_the_source(source, harvest):
    """The log stays as it was; the index of the log is the killed program's."""
    folder = Path(os.fsdecode(source)).parent
    assert sorted(path.name for path in folder.iterdir()) == ["results.db", "results.db-shm", "results.db-wal"]


def test_a_database_that_is_in_use_is_copied_as_of_one_moment(tmp_path):
    path = tmp_path / "live.db"
    writer = subprocess.Popen([sys.executable, SEED, path, "--open", "30"], stdout=subprocess.PIPE)
    try:
        assert b"in the log alone" in writer.stdout.readline()
        before = Path(f"{path}-wal").read_bytes()
        database.copy(os.fsencode(path), os.fsencode(tmp_path / "copy.db"))
        assert compare.compare(os.fsencode(path), os.fsencode(tmp_path / "copy.db")).differences == ()
        assert Path(f"{path}-wal").read_bytes() == before
    finally:
        writer.kill()
        writer.wait()


def test_a_damaged_database_is_refused(tmp_path, source):
    path = tmp_path / "damaged.db"
    database.copy(source, os.fsencode(path))
    with path.open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(database.SqliteError, match="damaged|malformed"):
        database.copy(os.fsencode(path), os.fsencode(tmp_path / "copy.db"))
    assert not (tmp_path / "copy.db").exists()


def test_a_disk_that_fills_up_leaves_nothing_half(tmp_path, source):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", disk, "-o"]
    subprocess.run([*mount, "size=32k"], check=True)
    try:
        with pytest.raises(database.SqliteError, match="copy.db: database or disk is full. Make room and run this again"):
            database.copy(source, os.fsencode(disk / "copy.db"))
        assert list(disk.iterdir()) == []
        subprocess.run([*mount, "remount,size=8m"], check=True)
        database.copy(source, os.fsencode(disk / "copy.db"))
        assert compare.compare(source, os.fsencode(disk / "copy.db")).differences == ()
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_locked_database_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    path = tmp_path / "locked.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("CREATE TABLE a (b)")
        connection.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with pytest.raises(database.SqliteError, match="locked"):
            # Locks of one process do not stand against itself, so another one looks.
            _copied_elsewhere(path, tmp_path / "copy.db")
        assert time.monotonic() - started < 20
    connection.close()


def _copied_elsewhere(path: Path, target: Path) -> None:
    code = (
        "import os, sys; from ansible_collections.cryptobot.native.plugins.module_utils.sqlite import database\n"
        "database.BUSY_SECONDS = 0.2\n"
        "try:\n    database.copy(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]))\n"
        "except database.SqliteError as error:\n    sys.exit(str(error))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, path, target], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise database.SqliteError(done.stderr)
