"""When a migration runs, in which order, and what an operator reads when it fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.database_identity import identities
from ansible_collections.cryptobot.native.plugins.module_utils.database_migrations import (
    Database,
    Markers,
    Migration,
    MigrationError,
    chains,
    redacted,
    run_chains,
)


def migration(service: str, *databases: str, release: str = "r1", identity: str | None = "7.1") -> Migration:
    return Migration(service, release, tuple(Database(name, identity) for name in databases))


class Units:
    """Stands in for systemd: units in ``bad`` fail."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.ran: list[str] = []
        self._lock = threading.Lock()

    def run(self, unit: str) -> tuple[str, list[str]]:
        with self._lock:
            self.ran.append(unit.removeprefix("cryptobot-").removesuffix("-migrate.service"))
        if self.ran[-1] in self.bad:
            return "exit-code, exit status 1", ["connecting to postgresql://a:hunter2@db/a", 'relation "x" exists']
        return "success", []


@pytest.mark.parametrize(
    ("marker", "reason"),
    [
        (None, "never ran here"),
        ({"release": "r0", "databases": {"auth": "7.1"}}, "ran for release r0"),
        ({"release": "r1", "databases": {"auth": "7.2"}}, "another database than the present auth"),
        ({"release": "r1", "databases": {"auth": None}}, "another database"),
        ({"release": "r1", "databases": {}}, "another database"),
        ({"release": "r1", "databases": {"auth": "7.1"}}, None),
    ],
)
def test_when_it_is_needed(marker: dict | None, reason: str | None) -> None:
    said = migration("auth", "auth").reason(marker)
    assert said is None if reason is None else reason in str(said)


def test_a_database_that_cannot_be_asked_is_taken_for_the_same() -> None:
    assert migration("auth", "auth", identity=None).reason({"release": "r1", "databases": {"auth": "7.1"}}) is None


def test_who_shares_a_database_waits() -> None:
    given = [
        migration("a", "x"),
        migration("b", "y"),
        migration("c", "x", "z"),
        migration("d"),
        migration("e", "z", "y"),
        migration("f"),
    ]
    assert [[one.service for one in chain] for chain in chains(given)] == [["d"], ["a", "b", "c", "e"], ["f"]]


def test_a_failed_one_ends_its_chain_alone(tmp_path: Path) -> None:
    units, markers = Units("a"), Markers(tmp_path)
    with pytest.raises(MigrationError) as error:
        run_chains([migration("a", "x"), migration("b", "x"), migration("c", "y")], units, markers, {"a": "r0"})
    assert sorted(units.ran) == ["a", "c"]
    assert markers.read("a") is None and markers.read("c")["release"] == "r1"
    said = str(error.value)
    assert "release r0 stays live" in said and 'relation "x" exists' in said and "hunter2" not in said


def test_what_ran_is_noted(tmp_path: Path) -> None:
    markers = Markers(tmp_path / "markers")
    assert run_chains([migration("a", "x")], Units(), markers, {}) == ["a"]
    assert migration("a", "x").reason(markers.read("a")) is None


@pytest.mark.parametrize(
    "text", ["postgresql://auth:hunter2@db/auth", "password=hunter2", "SECRET_KEY: hunter2", "token = hunter2"]
)
def test_no_secret_is_quoted(text: str) -> None:
    assert "hunter2" not in redacted(text)


def test_which_database_it_is(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite").touch()
    stores = {
        "auth": {"kind": "postgresql", "database": "auth", "host": "h", "port": 5432},
        "trade": {"kind": "postgresql", "database": "trade_db", "host": "h", "port": 5432},
        "far": {"kind": "postgresql", "database": "far", "host": "other", "port": 5432},
        "results": {"kind": "sqlite", "file": str(tmp_path / "r.sqlite")},
        "none": {"kind": "sqlite", "file": str(tmp_path / "none.sqlite")},
        "redis": {"kind": "redis"},
    }
    asked: list[int] = []

    def ask(port: int) -> str:
        asked.append(port)
        return "postgres 73.5\nauth 73.16400\n"

    found = identities(stores, "h", ask)
    assert found == {
        "auth": "73.16400",
        "trade": "absent",
        "far": None,
        "results": str((tmp_path / "r.sqlite").stat().st_ino),
        "none": "absent",
    }
    assert asked == [5432]
    assert identities({"auth": stores["auth"]}, "h", lambda port: None) == {"auth": None}
