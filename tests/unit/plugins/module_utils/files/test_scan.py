# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files import rename
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError, Place
from ansible_collections.cryptobot.native.plugins.module_utils.files.scan import findings, renames, scan
from ansible_collections.cryptobot.native.plugins.module_utils.files.tree import walk

NOTHING = {"replace": False, "ours": False, "reverse": False}


def place(path: Path) -> Place:
    return Place(str(path), path.name)


def database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()


def test_entries_come_in_the_order_of_names(tmp_path):
    for name in ("b", "a", "a.x", "a-x", "c"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "z").touch()
    os.link(tmp_path / "a" / "z", tmp_path / "c" / "y")
    entries = list(walk(str(tmp_path)))
    assert [each.path for each in entries] == [b"a", b"a/z", b"a-x", b"a.x", b"b", b"c", b"c/y"]
    assert [each.order for each in entries] == sorted(each.order for each in entries)
    assert entries[-1].linked == b"a/z"
    assert entries[1].linked == b""


def test_what_is_there_is_counted(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 1000)
    os.link(tmp_path / "a", tmp_path / "b")
    database(tmp_path / "results.db")
    found = scan(place(tmp_path), True)
    size = (tmp_path / "results.db").stat().st_size
    assert (found.files, found.bytes) == (3, 1000 + size)
    assert [each.path for each in found.databases] == [b"results.db"]
    assert b"results.db-wal" in found.skip
    assert scan(place(tmp_path), False).databases == ()


def test_a_missing_directory_is_a_sentence(tmp_path):
    with pytest.raises(FilesError, match="is no directory"):
        scan(place(tmp_path / "none"), True)


def test_one_database_gets_the_name_that_is_expected(tmp_path):
    database(tmp_path / "results.db")
    names, found = renames(scan(place(tmp_path), True), "native.sqlite", None, False, "x")
    assert (names, found) == ({b"results.db": b"native.sqlite"}, [])
    database(tmp_path / "second.db")
    names, found = renames(scan(place(tmp_path), True), "native.sqlite", None, False, "x")
    assert (names, [each.code for each in found]) == ({}, ["sqlite-several"])
    names, found = renames(scan(place(tmp_path), True), "second.db", None, False, "x")
    assert (names, found) == ({}, [])


def test_on_the_way_back_it_gets_the_name_in_the_volume(tmp_path):
    (tmp_path / "native").mkdir()
    (tmp_path / "volume").mkdir()
    database(tmp_path / "native" / "native.sqlite")
    database(tmp_path / "volume" / "results.db")
    here, there = scan(place(tmp_path / "native"), True), scan(place(tmp_path / "volume"), True)
    assert renames(here, "native.sqlite", there, True, "x")[0] == {b"native.sqlite": b"results.db"}
    assert renames(here, "native.sqlite", here, True, "x")[0] == {}


def codes(source: Path, target: Path, **wish) -> list[str]:
    found = findings(place(source), place(target), scan(place(source), True), Ownership(), {**NOTHING, **wish}, 0)
    return [each.code for each in found]


def test_what_stands_against_a_copy(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    assert codes(source, target) == []
    assert codes(source, source) == ["files-same"]
    target.mkdir()
    assert codes(source, target) == []
    (target / "mine").touch()
    assert codes(source, target) == ["files-target-not-empty"]
    assert codes(source, target, replace=True) == []
    (tmp_path / "target.incoming").mkdir()
    assert codes(source, target, replace=True) == ["files-incoming-taken"]
    assert codes(source, target, replace=True, ours=True) == []
    (tmp_path / "file").touch()
    assert codes(source, tmp_path / "file") == ["files-target-kind"]


def test_room_is_looked_at_before(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 50_000})())
    found = findings(
        place(tmp_path), Place("/nowhere/else", "else"), scan(place(tmp_path), True), Ownership(), NOTHING, 0
    )
    assert [each.code for each in found] == ["files-disk"]


def test_directories_change_places(tmp_path):
    incoming, path, before = (tmp_path / name for name in ("a.incoming", "a", "a.before"))
    for folder in (incoming, path):
        folder.mkdir()
        (folder / folder.name).touch()
    rename.into_place(str(incoming), str(path), str(before))
    assert sorted(os.listdir(tmp_path)) == ["a", "a.before"]
    assert os.listdir(path) == ["a.incoming"]
    assert os.listdir(before) == ["a"]


def test_an_empty_directory_is_not_kept(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a.incoming").mkdir(mode=0o750)
    rename.into_place(str(tmp_path / "a.incoming"), str(tmp_path / "a"), str(tmp_path / "a.before"))
    assert os.listdir(tmp_path) == ["a"]
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o750
