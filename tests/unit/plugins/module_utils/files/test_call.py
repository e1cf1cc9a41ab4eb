# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States of a transfer: what is copied once, and what is brought up to date each time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files import call

SCANNED = SimpleNamespace(files=3, bytes=90)


@pytest.fixture
def transfer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Calls with a state; `did` is what was done, `fresh` whether nothing had been copied before."""

    def called(state: str, fresh: bool) -> tuple[dict[str, Any], list[str]]:
        did: list[str] = []

        class Transfer:
            def __init__(self, *__: object) -> None:
                pass

            def copied(self) -> tuple[bool, dict[str, Any]]:
                did.append("copied")
                return fresh, {"files": 1, "seconds": 0.1}

            def refresh(self) -> SimpleNamespace:
                did.append("refreshed")
                return SimpleNamespace(scanned=SCANNED)

        monkeypatch.setattr(call, "Transfer", Transfer)
        monkeypatch.setattr(call.rename, "whole", lambda path: did.append(f"on disk: {path}"))
        options = {"run": "r", "datastore": "bars", "directory": str(tmp_path), "source": {"path": "/s"}, "target": {"path": "/t"},
                   "ownership": {}, "reverse": False, "sqlite": True, "replace": True, "state": state}  # fmt: skip
        return call.transfer(options, False), did

    return called


def test_what_is_copied_already_is_brought_up_to_date(transfer) -> None:
    found, did = transfer("refreshed", fresh=False)
    assert did == ["copied", "refreshed", "on disk: /t.incoming"]
    assert found == {"changed": True, "files": 3, "bytes": 90, "seconds": 0.1}


@pytest.mark.parametrize(("state", "fresh"), [("refreshed", True), ("copied", True), ("copied", False)])
def test_one_copy_is_enough(transfer, state: str, fresh: bool) -> None:
    found, did = transfer(state, fresh)
    assert (found["changed"], found["files"], did) == (fresh, 1, ["copied"])
