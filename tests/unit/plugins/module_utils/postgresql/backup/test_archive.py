from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.backup import contents, restore, save


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A whole archive of one database."""
    folder = tmp_path / "auth_db"
    folder.mkdir()
    (folder / "toc.dat").write_bytes(b"table of contents")
    (folder / "1.dat.gz").write_bytes(b"rows" * 100)
    (tmp_path / save.ROLES).write_text("CREATE ROLE auth_user;\n")
    manifest = {
        "version": 1,
        "server": {"pg_dump": 15},
        "databases": {"auth_db": {"files": contents.describe(folder), "tables": {"public.users": [7, "ff"]}}},
        "roles": contents.describe_file(tmp_path / save.ROLES),
    }
    (tmp_path / save.MANIFEST).write_text(json.dumps(manifest))
    return tmp_path


def refused(archive: Path) -> str:
    with pytest.raises(save.BackupError) as error:
        save.read(archive)
    return str(error.value)


def test_a_whole_archive_is_read(archive: Path) -> None:
    assert save.read(archive)["databases"]["auth_db"]["tables"] == {"public.users": [7, "ff"]}


def test_one_without_its_last_file_was_not_finished(archive: Path) -> None:
    (archive / save.MANIFEST).unlink()
    assert "was not finished" in refused(archive)


def test_an_empty_one_is_refused(tmp_path: Path) -> None:
    assert "no whole archive" in refused(tmp_path)
    (tmp_path / save.MANIFEST).write_text('{"databases": {}}')
    assert "holds no database" in refused(tmp_path)


def test_a_manifest_that_was_cut_off_is_refused(archive: Path) -> None:
    path = archive / save.MANIFEST
    path.write_text(path.read_text()[:40])
    assert "cannot be read" in refused(archive)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "399 bytes and should have 400"),
        (lambda path: path.write_bytes(b"Rows" + path.read_bytes()[4:]), "another content"),
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.with_name("2.dat.gz").touch(), "does not belong"),
    ],
)
def test_a_damaged_file_is_named(archive: Path, damage, said: str) -> None:
    damage(archive / "auth_db" / "1.dat.gz")
    text = refused(archive)
    assert said in text
    assert "Nothing was restored" in text


def test_changed_roles_are_named(archive: Path) -> None:
    (archive / save.ROLES).write_text("CREATE ROLE other_user;\n")
    assert save.ROLES in refused(archive)


def test_only_settings_that_an_older_server_does_not_know_are_passed_over() -> None:
    known = (
        'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"'
    )
    real = 'pg_restore: error: could not execute query: ERROR:  relation "users" already exists'
    assert restore.complaints(f"{known}\nCommand was: SET transaction_timeout = 0;\n") == []
    assert restore.complaints(f"{known}\n{real}\n") == [real]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("4087; 0 0 DATABASE PROPERTIES - auth_db auth_user", True),
        ("4086; 0 0 ACL - DATABASE auth_db auth_user", True),
        ("4085; 0 0 COMMENT - DATABASE auth_db auth_user", True),
        ("4084; 1262 16385 DATABASE - auth_db auth_user", False),
        ("4089; 0 0 ACL - SCHEMA zoo auth_user", False),
    ],
)
def test_what_belongs_to_the_database_itself_is_chosen(line: str, wanted: bool) -> None:
    assert bool(restore.PROPERTY.match(line)) is wanted
