"""Migrations under a lock: once, and undone where one fails."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.database_migrations import Markers
from ansible_collections.cryptobot.native.plugins.module_utils.release import dropin
from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.migrate import Migrator, Step, differences
from ansible_collections.cryptobot.native.plugins.module_utils.release.schema import Revision, Scripts

UNIT = "[Service]\nExecStart=launch --in /opt/cryptobot/{0}/next/source -- ../venv/bin/alembic upgrade head\n"


@dataclass
class Database:
    name: str
    at: tuple[str, ...] = ("1",)
    text: list[str] = field(default_factory=lambda: ["CREATE TABLE a"])
    locks: list[str] = field(default_factory=list)

    def versions(self, identifier: str) -> tuple[str, ...]:
        return self.at

    def schema(self) -> list[str]:
        return list(self.text)

    @contextlib.contextmanager
    def locked(self):
        self.locks.append("taken")
        yield
        self.locks.append("given back")


class Units:
    """A unit of a service in ``bad`` goes as far as that says, and fails; a downgrade is a unit with a drop-in."""

    def __init__(self, databases: dict[str, Database], dropins: Path, bad: dict[str, tuple[str, ...]] | None = None, back: bool = True) -> None:
        self.databases, self.dropins, self.bad, self.back = databases, dropins, bad or {}, back
        self.ran: list[str] = []

    def run(self, unit: str) -> tuple[str, list[str]]:
        service = unit.removeprefix("cryptobot-").removesuffix("-migrate.service")
        path = dropin.path_of(unit, self.dropins)
        assert self.databases[service].locks[-1] == "taken"
        if path.exists():
            target = path.read_text().split()[-1]
            self.ran.append(f"{service} back to {target}")
            if self.back:
                self.databases[service].at, self.databases[service].text = (target,), ["CREATE TABLE a"]
            return ("success", []) if self.back else ("exit-code", ["no way"])
        self.ran.append(service)
        self.databases[service].at = self.bad.get(service, ("2",))
        self.databases[service].text.append("CREATE TABLE b")
        return ("exit-code, exit status 1", ["password=x", "boom"]) if service in self.bad else ("success", [])

    def reload(self) -> None:
        pass


@pytest.fixture
def databases() -> dict[str, Database]:
    return {"auth": Database("auth"), "trade": Database("trade")}


def step(database: Database, undoable: bool = True) -> Step:
    scripts = Scripts({"1": Revision("1", ()), "2": Revision("2", ("1",), undoable=undoable)})
    return Step(database.name, database.name, "r2", "r1", [database], scripts, ["1"], {database.name: "7.1"})


def migrator(tmp_path: Path, databases: dict[str, Database], **more) -> tuple[Migrator, Units, Markers]:
    for name in databases:
        (tmp_path / f"cryptobot-{name}-migrate.service").write_text(UNIT.format(name))
    units, markers = Units(databases, tmp_path / "run", **more), Markers(tmp_path / "markers")
    return Migrator(units, markers, tmp_path, tmp_path / "run"), units, markers


def test_what_is_pending_runs_once_and_under_a_lock(tmp_path: Path, databases) -> None:
    work, units, markers = migrator(tmp_path, databases)
    given = [step(each) for each in databases.values()]
    assert work.run(given) == ["auth", "trade"]
    assert units.ran == ["auth", "trade"]
    assert databases["auth"].locks == ["taken", "given back"]
    assert markers.read("auth")["release"] == "r2"
    assert work.run([step(each) for each in databases.values()]) == [] and units.ran == ["auth", "trade"]


def test_one_that_fails_takes_the_others_back(tmp_path: Path, databases) -> None:
    work, units, markers = migrator(tmp_path, databases, bad={"trade": ("2",)})
    with pytest.raises(ReleaseError) as caught:
        work.run([step(each) for each in databases.values()])
    assert units.ran == ["auth", "trade", "trade back to 1", "auth back to 1"]
    said = str(caught.value)
    assert said.startswith("trade: its migration to release r2 failed (exit-code, exit status 1). It was undone")
    assert "boom" in said and "password=***" in said and "Release r1 stays live" in said
    assert markers.read("auth") is None and {each.at for each in databases.values()} == {("1",)}


def test_a_transaction_that_was_rolled_back_needs_no_downgrade(tmp_path: Path, databases) -> None:
    work, units, _markers = migrator(tmp_path, databases, bad={"auth": ("1",)})
    databases["auth"].text = []
    with pytest.raises(ReleaseError, match="CREATE TABLE b"):
        work.run([step(databases["auth"])])
    assert units.ran == ["auth"], "what is left beside the revision is named, not guessed at"


def test_what_cannot_be_led_back_is_said(tmp_path: Path, databases) -> None:
    work, _units, _markers = migrator(tmp_path, databases, bad={"auth": ("2",)}, back=False)
    with pytest.raises(ReleaseError, match=r"NOT everything is as before: auth: alembic downgrade 1 failed \(exit-code\).*no way"):
        work.run([step(databases["auth"])])


def test_undoing_leads_back_what_had_succeeded(tmp_path: Path, databases) -> None:
    work, units, _markers = migrator(tmp_path, databases)
    given = [step(databases["auth"])]
    work.run(given)
    assert work.undo(given) == []
    assert units.ran == ["auth", "auth back to 1"] and databases["auth"].at == ("1",)


def test_another_command_than_alembic_runs_once_a_release(tmp_path: Path, databases) -> None:
    work, units, _markers = migrator(tmp_path, databases)
    one = Step("auth", "auth", "r2", "r1", [databases["auth"]], None, None, {"auth": "7.1"})
    assert work.run([one]) == ["auth"] and work.run([one]) == [] and units.ran == ["auth"]


def test_differences() -> None:
    assert differences(["a", "b"], ["a", "c"]) == ["- b", "+ c"]
    assert differences(["a"], ["a"]) == []
