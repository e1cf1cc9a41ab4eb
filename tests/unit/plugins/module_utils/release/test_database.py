"""Revision and schema of the databases of a host."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release import database
from ansible_collections.cryptobot.native.plugins.module_utils.release.database import Postgresql, Sqlite, databases_of
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "results.sqlite"
    found = Sqlite("results", str(path))
    assert found.versions("auth") == () and found.schema() == [] and not path.exists()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version_auth (version_num text)")
        connection.execute("INSERT INTO alembic_version_auth VALUES ('0002')")
    assert found.versions("auth") == ("0002",)
    assert found.versions("trade") == ()
    assert found.schema() == ["CREATE TABLE alembic_version_auth (version_num text)"]


def test_which_databases_are_a_services_own() -> None:
    stores = {
        "b": {"kind": "postgresql", "database": "b_db", "port": 5433},
        "a": {"kind": "sqlite", "file": "/x"},
        "cache": {"kind": "redis"},
        "read": {"kind": "postgresql"},
    }
    uses = {"b": {}, "a": None, "cache": {}, "read": {"readonly": True}}
    assert databases_of({"uses": uses}, stores) == [Sqlite("a", "/x"), Postgresql("b", "b_db", 5433)]


@pytest.fixture
def answers(monkeypatch) -> list[subprocess.CompletedProcess[str]]:
    """What the programs of PostgreSQL say, one after the other."""
    given: list[subprocess.CompletedProcess[str]] = []
    monkeypatch.setattr(database.subprocess, "run", lambda *words, **options: given.pop(0))
    return given


def said(text: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], code, text if not code else "", text if code else "")


def test_a_service_that_shares_a_database_has_a_table_of_its_own(answers) -> None:
    answers += [said("public|alembic_version_trade\npublic|alembic_version_auth\n"), said("0003\n")]
    assert Postgresql("store", "store").versions("auth") == ("0003",)
    answers += [said("public|alembic_version_trade\n")]
    assert Postgresql("store", "store").versions("auth") == ()


def test_a_dump_is_the_same_for_the_same_schema(answers) -> None:
    answers += [said("-- Dumped\n\\restrict aB3\nCREATE TABLE a (\n    id integer\n);\n\n\\unrestrict aB3\n")]
    assert Postgresql("store", "store").schema() == ["CREATE TABLE a (", "    id integer", ");"]


def test_a_server_that_refuses_is_quoted(answers) -> None:
    answers += [said("psql: error: connection\n refused", 2)]
    with pytest.raises(ReleaseError, match="store: psql says: psql: error: connection refused"):
        Postgresql("store", "store").versions("auth")
