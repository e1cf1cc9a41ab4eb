from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import revisions, schemas
from ansible_collections.cryptobot.native.plugins.module_utils.migration.revisions import Schema, Scripts

AUTH = Scripts("auth", "auth", ("auth",), ("0001", "0002"), ("0002",))
API = Scripts("trading-api", "trading_api", ("trading",), ("a1",), ("a1",))
LOOP = Scripts("orchestrator", "orchestrator", ("trading",), ("b1", "b2"), ("b2",))
ALEMBIC = "[alembic]\nscript_location = %(here)s/migrations\n"


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def service(**more: object) -> dict[str, object]:
    return {"identifier": "auth", "source": "services/auth", "uses": {"auth": {}, "other": {"readonly": True}}, **more}


def test_what_a_release_knows_is_read_from_its_scripts(tmp_path: Path) -> None:
    folder = tmp_path / "services" / "auth"
    script(folder / "migrations" / "versions", "0001_users", "revision = '0001'\ndown_revision = None\n")
    script(
        folder / "migrations" / "versions", "0002_keys", "revision: str = '0002'\ndown_revision: str | None = '0001'\n"
    )
    script(folder / "migrations" / "versions", "broken", "revision = (\n")
    script(folder / "migrations" / "versions", "raises", "import nothing\nrevision = name()\n")
    (folder / "alembic.ini").write_text(ALEMBIC)
    services = {"auth": service(migration={"command": ["alembic", "upgrade", "head"]}), "data": service(migration=None)}
    (found,) = revisions.wanted(services, tmp_path)
    assert found == Scripts("auth", "auth", ("auth",), ("0001", "0002"), ("0002",))
    assert Scripts(**revisions.packed([found])[0]) == found


def test_a_merge_follows_two_and_places_may_be_several(tmp_path: Path) -> None:
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = x\nversion_locations = one:%(here)s/two\n")
    script(tmp_path / "one", "a", "revision = 'a'\ndown_revision = None\n")
    script(tmp_path / "one", "b", "revision = 'b'\ndown_revision = 'a'\n")
    script(tmp_path / "two", "c", "revision = 'c'\ndown_revision = 'a'\n")
    services = {"auth": service(source="", migration={"command": ["/opt/venv/bin/alembic", "upgrade", "head"]})}
    assert revisions.wanted(services, tmp_path)[0].heads == ("b", "c")
    script(tmp_path / "two", "m", "revision = 'm'\ndown_revision = ('b', 'c')\n")
    assert revisions.wanted(services, tmp_path)[0].heads == ("m",)


def test_no_scripts_are_no_opinion(tmp_path: Path) -> None:
    assert revisions.wanted({"auth": service(migration={"command": ["alembic", "upgrade", "head"]})}, tmp_path) == []


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"alembic_version": ["0002"]}, []),
        ({"alembic_version_auth": ["0003"]}, [("blocking", "schema-unknown")]),
        ({"alembic_version": ["0001"]}, [("decision", "schema-behind")]),
        ({}, [("decision", "schema-unversioned")]),
    ],
)
def test_data_and_release_must_fit(versions: dict[str, list[str]], expected: list[tuple[str, str]]) -> None:
    found = revisions.findings([Schema("auth", "auth_db", versions)], [AUTH, API])
    assert [(each.severity, each.code) for each in found] == expected
    assert all("auth_db" in each.text and each.remedy and each.object == "auth" for each in found)


def test_an_empty_database_waits_for_its_schema() -> None:
    assert revisions.findings([Schema("auth", "auth_db", {}, empty=True)], [AUTH]) == []


def test_services_that_share_a_database_are_told_apart() -> None:
    right = Schema(
        "trading", "trading_db", {"alembic_version_trading_api": ["a1"], "alembic_version_orchestrator": ["b2"]}
    )
    assert revisions.findings([right], [API, LOOP]) == []
    # The revision of one is not known because the other knows it.
    wrong = Schema(
        "trading", "trading_db", {"alembic_version_trading_api": ["b2"], "alembic_version_orchestrator": ["b2"]}
    )
    (finding,) = revisions.findings([wrong], [API, LOOP])
    assert "does not know" in finding.text and "trading-api" in finding.text
    # One table for both.
    assert revisions.findings([Schema("trading", "trading_db", {"alembic_version": ["a1", "b2"]})], [API, LOOP]) == []


def test_a_database_in_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "results.sqlite")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE alembic_version_backtest (version_num TEXT)")
    connection.execute("CREATE TABLE alembic_version_note (text TEXT)")
    connection.execute("INSERT INTO alembic_version_backtest VALUES ('0007')")
    connection.commit()
    store = {"datastore": "results", "source": {"path": str(tmp_path)}, "file": "another-name.sqlite"}
    scripts = [Scripts("backtest", "backtest", ("results",), ("0007",), ("0007",))]
    (schema,) = schemas.read([], [store], scripts)
    assert schema.versions == {"alembic_version_backtest": ["0007"]}
    assert revisions.findings([schema], scripts) == []
    connection.close()


def test_without_the_driver_no_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check mode on a host where nothing is installed yet."""
    server = {"source": {"local": {}}, "databases": [{"datastore": "trade", "source": "trade_db"}]}
    monkeypatch.setattr(schemas.endpoints, "psycopg2", None)
    assert schemas.read([server], [], [revisions.Scripts("trade", "trade", ("trade",), ("1",), ("1",))]) == []
