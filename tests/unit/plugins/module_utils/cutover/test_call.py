"""From the options of the module to what a window means to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import call

UNITS = [
    {"name": "cryptobot-orders-web@1.service", "process": "orders-web", "slot": "a"},
    {"name": "cryptobot-orders-web@2.service", "process": "orders-web", "slot": "b"},
]


def options(folder: Path, **more: Any) -> dict[str, Any]:
    given = {
        "to": "native", "groups": ["first"], "held": [], "doors": [], "servers": {}, "reached": {}, "databases": [], "caches": [],
        "trees": [], "containers": ["orders"], "units": UNITS, "borrowers": [], "outlets": ["first"], "every_method": False,
        "sides": str(folder), "project": "shop", "directory": str(folder), "master": str(folder / "master.sock"),
    }  # fmt: skip
    return {**given, **more}


@pytest.mark.parametrize(("slots", "started"), [({}, 0), ({"orders-web": "b"}, 1), ({"other-web": "b"}, 0)])
def test_the_live_slot_starts_and_all_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slots: dict[str, str], started: int
) -> None:
    monkeypatch.setattr(call, "read_slots", lambda: slots)
    intent = call.Call(options(tmp_path)).intent
    assert intent.solo.units == (UNITS[started]["name"],) and intent.solo.slots == tuple(each["name"] for each in UNITS)
    assert intent.every_method and intent.outlets == ("first",)


def test_containers_without_their_project_are_refused(tmp_path: Path) -> None:
    with pytest.raises(call.CutoverError, match="project: …"):
        call.Call(options(tmp_path, project=""))
