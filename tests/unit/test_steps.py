"""What playbooks do at every run, also where the journal has it as done: somebody may have undone it since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted(path.relative_to(ROOT) for path in (ROOT / "playbooks").rglob("*.yml"))


def steps(playbook: Path) -> Iterator[dict[str, Any]]:
    """Its tasks that do a journaled step."""
    for play in yaml.safe_load((ROOT / playbook).read_text(encoding="utf-8")):
        for task in play.get("tasks", []):
            if (task.get("ansible.builtin.include_role") or {}).get("tasks_from") == "step":
                yield task


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=str)
def test_what_must_stand_still_is_stopped_at_every_run(playbook: Path) -> None:
    for task in steps(playbook):
        if task["vars"]["migration_step"] in ("stop", "solo"):
            assert task["vars"].get("migration_step_always") is True, task["name"]


@pytest.mark.parametrize("name", ["migrate", "parts/carry_back", "restore"])
def test_docker_is_stopped_before_its_data_is_read_or_replaced(name: str) -> None:
    order = [task["vars"]["migration_step"] for task in steps(Path(f"playbooks/{name}.yml"))]
    assert order.index("stop") < min(order.index(step) for step in ("copy", "carry", "restore") if step in order)


@pytest.mark.parametrize(("name", "end"), [("parts/carry_back", "return"), ("restore", "serve")])
def test_what_serves_again_is_not_stopped(name: str, end: str) -> None:
    (stop,) = [task for task in steps(Path(f"playbooks/{name}.yml")) if task["vars"]["migration_step"] == "stop"]
    assert f"'{end}' not in ansible_facts['cryptobot_migration'].finished" in str(stop["when"])
