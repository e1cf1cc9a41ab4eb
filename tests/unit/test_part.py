"""A part of the shipped catalogue is a catalogue without a fault."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / part) for part in ("scenarios", "hosts", "unit/plugins/plugin_utils")]

import catalogue_cases  # noqa: E402
import part  # noqa: E402
import stack  # noqa: E402

FILE = (ROOT / "examples" / "cryptobot" / "docker-compose.yml").read_text(encoding="utf-8")


def test_the_whole_needs_no_patch() -> None:
    assert part.patches(part.services(yaml.safe_load(FILE)["services"])) == {}


def test_a_part_has_no_fault() -> None:
    left = part.services(stack.DATA.services(FILE))
    assert set(part.shipped()["services"]) - set(left) == stack.DATA.without
    findings, resolved = catalogue_cases.check(catalogue_cases.inventory_variables() | part.patches(left))
    assert findings == []
    assert set(resolved["services"]) == set(left)
    assert {store["kind"] for store in resolved["datastores"].values()} == {"postgresql", "redis", "directory", "sqlite"}


def test_the_scenario_of_sides_has_the_part_that_its_project_is() -> None:
    given = yaml.safe_load((ROOT / "molecule" / "sides" / "part" / "group_vars" / "cryptobot.yml").read_text(encoding="utf-8"))
    wanted = part.patches(part.services(stack.DATA.services(FILE)))
    assert {name: given[name] for name in wanted} == wanted
