"""A group that stands by: its native processes run while Docker serves, but for those of which there may be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils import health_targets
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import report
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.launcher import sides as condition
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.layout import layout
from ansible_collections.cryptobot.native.plugins.module_utils.units import catalogue as units
from ansible_collections.cryptobot.native.plugins.module_utils.units.migrations import migrations
from ansible_collections.cryptobot.native.plugins.module_utils.units.plan import Found, Wanted, after, plan
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import GROUPS, shipped

SMALL = {"migration_groups": ["supporting"], "datastores": {"auth": {}}, "services": {}}
COMPOSE = {"project": "cryptobot"}
UNIT = ["--group", "supporting", "--datastore", "auth"]


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    return resolve(
        validate(shipped()).usable, Inventory((Host("one", "10.0.0.1", frozenset(["cryptobot", *GROUPS])),)), {}
    )


@pytest.fixture
def standby(catalogue: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    return Sides.read(tmp_path, catalogue, COMPOSE).with_standby("critical", True).fact(catalogue)


def starts(directory: Path, *more: str) -> bool:
    return condition.main([*UNIT, *more, "--directory", str(directory)]) == 0


def test_it_is_recorded_and_taken_back(tmp_path: Path) -> None:
    before = Sides.read(tmp_path, SMALL, COMPOSE)
    made = before.with_standby("supporting", True)
    assert made.changes_from(before) == [("side", "standby supporting", "does not stand by", "stands by")]
    made.save()
    assert json.loads((tmp_path / "sides.json").read_text())["standby"] == ["supporting"]
    again = Sides.read(tmp_path, SMALL, COMPOSE)
    assert again == made and again.fact(SMALL)["standby"] == ["supporting"]
    again.with_standby("supporting", False).save()
    assert "standby" not in json.loads((tmp_path / "sides.json").read_text())


def test_it_lasts_through_a_change_of_sides_and_starts_all_the_while(tmp_path: Path) -> None:
    record = Sides.read(tmp_path, SMALL, COMPOSE).with_standby("supporting", True)
    record.save()
    assert starts(tmp_path) and not starts(tmp_path, "--exclusive")
    record = record.with_writer("auth", "none").with_writer("auth", "native").with_group("supporting", "native")
    record.save()
    assert starts(tmp_path) and starts(tmp_path, "--exclusive")
    assert Sides.read(tmp_path, SMALL, COMPOSE).standby == {"supporting"}


@pytest.mark.parametrize("stopped", ["group", "writer"])
def test_what_is_stopped_for_a_copy_does_not_stand_by(tmp_path: Path, stopped: str) -> None:
    record = Sides.read(tmp_path, SMALL, COMPOSE).with_standby("supporting", True)
    changed = record.with_group("supporting", "none") if stopped == "group" else record.with_writer("auth", "none")
    changed.save()
    assert not starts(tmp_path)


def test_without_it_nothing_starts(tmp_path: Path) -> None:
    Sides.read(tmp_path, SMALL, COMPOSE).save()
    assert not starts(tmp_path)


@pytest.mark.parametrize("standby", ['"supporting"', "{}", "7"])
def test_a_damaged_list_starts_nothing(tmp_path: Path, standby: str) -> None:
    text = '{"version": 1, "groups": {"supporting": "docker"}, "datastores": {}, "standby": ' + standby + "}"
    (tmp_path / "sides.json").write_text(text)
    assert not starts(tmp_path)


def test_its_units_run_but_for_those_that_may_not(catalogue: dict[str, Any], standby: dict[str, Any]) -> None:
    made = [one for one in units.units(catalogue, "one", None, standby)]
    groups = {name: service["migration_group"] for name, service in catalogue["services"].items()}
    mine = [one for one in made if groups[one["service"]] == "critical"]
    assert {one["side"] for one in made if one not in mine} == {"docker"}
    assert {one["side"] for one in mine if not one["exclusive"]} == {"standby"}
    exclusive = [one for one in mine if one["exclusive"]]
    assert exclusive and {one["side"] for one in exclusive} == {"docker"}
    assert all("--exclusive" in one["condition"] for one in exclusive)
    assert not any("--exclusive" in one["condition"] for one in mine if not one["exclusive"])


def test_its_databases_and_schemas_are_left_alone(catalogue: dict[str, Any], standby: dict[str, Any]) -> None:
    options = {"connection_limit": 40, "locale": "C.UTF-8", "extensions": {}}
    assert layout(catalogue, "one", {**options, "sides": standby})["databases"] == []
    assert all("--exclusive" in one["condition"] for one in migrations(catalogue, "one", standby))


@pytest.mark.parametrize("found", [Found(), Found("active", True, True), Found("failed", True, True)])
def test_it_is_started_and_kept(found: Found) -> None:
    wanted = Wanted("cryptobot-auth-web@1.service", "auth-web", side="standby")
    planned = plan([wanted], {wanted.name: found}, stop_away=True)
    assert [step.action for step in planned.steps] == ([] if found.running else ["start"]) and planned.stop == []
    assert all(
        is_ == {"active": True, "enabled": True} for is_ in after(planned, [wanted], {wanted.name: found}).values()
    )


def test_people_see_it(catalogue: dict[str, Any], standby: dict[str, Any]) -> None:
    text = report.view(catalogue, "services", standby)
    assert any(line.split() == ["critical", "docker,", "stands", "by"] for line in text)
    assert "stands by, Docker serves" in "\n".join(health_targets.table(catalogue, [], standby))
