# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points at which a test may end a comparison."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import call


@pytest.mark.parametrize(
    ("whole", "points"),
    [
        (call.LONG_PAGES, ["verify:postgresql:auth:10%", "verify:postgresql:auth:50%", "verify:postgresql:auth:90%"]),
        (call.LONG_PAGES - 1, []),
    ],
)
def test_a_long_one_passes_points(monkeypatch, whole: int, points: list[str]) -> None:
    seen: list[str] = []
    monkeypatch.setattr(faults, "point", seen.append)
    reached = call._points("verify:postgresql:auth")
    for share in (5, 20, 60, 100):
        reached(whole * share // 100, whole)
    assert seen == points
