from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import backups

PARTS = [{"part": "postgresql-postgres", "kind": "postgresql", "datastores": ["auth"]}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A backup whose one part is finished."""
    path = backups.folder(tmp_path, "20260102T030405")
    (path / "postgresql-postgres").mkdir(parents=True)
    (path / "postgresql-postgres" / backups.MANIFEST).write_text('{"databases": {}}')
    return path


def test_a_backup_counts_when_its_last_file_is_there(path: Path) -> None:
    assert backups.available(path.parent.parent) == []
    with pytest.raises(backups.BackupRefused, match="was not finished"):
        backups.check(path)
    content = backups.complete(path, "cryptobot", PARTS)
    assert backups.check(path) == content
    assert backups.available(path.parent.parent) == [path.name]
    assert "auth" in "\n".join(backups.lines(content, path))


def test_a_part_that_is_not_finished_leaves_no_backup(path: Path) -> None:
    with pytest.raises(backups.BackupRefused, match="redis was not finished"):
        backups.complete(path, "cryptobot", [*PARTS, {"part": "redis", "kind": "redis", "datastores": ["redis"]}])
    assert backups.available(path.parent.parent) == []


def test_a_changed_part_is_named(path: Path) -> None:
    backups.complete(path, "cryptobot", PARTS)
    (path / "postgresql-postgres" / backups.MANIFEST).write_text("{}")
    with pytest.raises(backups.BackupRefused, match="postgresql-postgres is missing or is not what was saved"):
        backups.check(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"parts": []}'])
def test_an_empty_or_truncated_file_is_refused(path: Path, text: str) -> None:
    (path / backups.FILE).write_text(text)
    with pytest.raises(backups.BackupRefused):
        backups.check(path)


@pytest.mark.parametrize(("name", "says"), [("formula", "digests by formula 9"), ("version", "is one of version 9")])
def test_one_of_another_version_is_refused(path: Path, name: str, says: str) -> None:
    content = backups.complete(path, "cryptobot", PARTS)
    (path / backups.FILE).write_text(json.dumps({**content, name: 9}))
    with pytest.raises(backups.BackupRefused, match=f"{says}, and .* Restore it with the version that saved it"):
        backups.check(path)


def test_one_that_is_not_there_names_those_that_are(path: Path) -> None:
    backups.complete(path, "cryptobot", PARTS)
    with pytest.raises(backups.BackupRefused, match="does not exist.*20260102T030405"):
        backups.check(backups.folder(path.parent.parent, "other"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc"])
def test_an_id_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(backups.BackupRefused):
        backups.folder(tmp_path, name)
