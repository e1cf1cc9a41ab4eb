"""What the role preflight tells a host of the controller's clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

TASKS = Path(__file__).resolve().parents[3] / "roles" / "preflight" / "tasks" / "main.yml"


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    """The controller lives by the clock of this zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_the_time_does_not_depend_on_the_controllers_zone(zone: str) -> None:
    (look,) = [task for task in yaml.safe_load(TASKS.read_text()) if "cryptobot.native.preflight_info" in task]
    expression = look["cryptobot.native.preflight_info"]["controller_time"]
    said = Templar(DataLoader()).template(trust_as_template(expression))
    assert abs(float(said) - time.time()) < 5
