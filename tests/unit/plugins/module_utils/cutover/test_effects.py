"""Every effect asks first whether it may be made, and has a point before and after it."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover.effects import Effects
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import Decided
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    monkeypatch.setattr(faults, "point", seen.append)
    return seen


def refuse() -> None:
    raise Decided("it is not yours")


def test_order(points: list[str]) -> None:
    effects = Effects(lambda: points.append("alive"), lambda: points.append("own"), "recovery:")
    assert effects("flip", lambda: points.append("flip") or 3) == 3
    assert points == ["alive", "before:recovery:flip", "own", "flip", "after:recovery:flip"]
    assert list(effects.steps) == ["recovery:flip"]


def test_without_a_guardian_nothing_is_done(points: list[str]) -> None:
    with pytest.raises(Decided):
        Effects(alive=refuse)("flip", lambda: points.append("flip"))
    assert points == []


def test_who_lost_the_window_at_the_point_does_nothing(points: list[str]) -> None:
    """It may have been stopped there for a while."""
    with pytest.raises(Decided):
        Effects(own=refuse)("flip", lambda: points.append("flip"))
    assert points == ["before:flip"]


def test_what_fails_at_once_is_raised_when_all_have_ended(points: list[str]) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ValueError("one")

    effects = Effects()
    with pytest.raises(ValueError, match="one"):
        effects.at_once({"a": fail, "b": lambda: done.append("b")})
    assert done == ["b"] and list(effects.steps) == ["b"]
    effects.at_once({})
