"""What a killed initdb left is known from anything that may be somebody's."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.unfinished import halfway

LEFT = ("PG_VERSION", "base/1/1247", "base/5/1247", "global/1260", "pg_wal/000000010000000000000001")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory as a killed initdb leaves it."""
    path = tmp_path / "var/lib/postgresql/15/main"
    make(path, *LEFT)
    return path


def make(path: Path, *names: str) -> None:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).touch()


def test_what_initdb_left_is_found(tmp_path: Path, data: Path) -> None:
    assert halfway(["libc-bin", "postgresql-15"], tmp_path) == [data]


@pytest.mark.parametrize("packages", [[], ["postgresql-common", "postgresql-client-15"], ["postgresql-17"]])
def test_only_of_packages_that_are_not_configured(tmp_path: Path, data: Path, packages: list[str]) -> None:
    assert halfway(packages, tmp_path) == []


@pytest.mark.parametrize("name", ["postmaster.opts", "backup_label", "backup_label.old", "base/16384/1247", "base/70001/1247"])
def test_what_may_be_somebodys_is_left(tmp_path: Path, data: Path, name: str) -> None:
    make(data, name)
    assert halfway(["postgresql-15"], tmp_path) == []


def test_a_cluster_that_has_its_configuration_is_whole(tmp_path: Path, data: Path) -> None:
    make(tmp_path, "etc/postgresql/15/main/postgresql.conf")
    assert halfway(["postgresql-15"], tmp_path) == []
