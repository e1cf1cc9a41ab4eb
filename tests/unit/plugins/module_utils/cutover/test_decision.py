"""The file that decides where no database does: one of two who decide succeeds, and a late one never does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.cutover import coordinator
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.databases import Pair
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.decision import FILE, Decision
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import Stale
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intent
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.stores import made
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.errors import FenceError, NotOurs

INTENT = Intent("one", "docker", "native", 5, ("infrastructure",), ())


@pytest.fixture
def decision(tmp_path) -> Decision:
    return Decision(INTENT, tmp_path)


def begun(decision: Decision) -> Decision:
    decision.prepare()
    decision.close(0, False)
    return decision


def test_handed_over_is_finished(decision) -> None:
    assert decision.obstacles() == ([], (0,))
    begun(decision).hand_over()
    assert coordinator.decide(decision.fence("source"), 5) == coordinator.FINISH
    with pytest.raises(NotOurs):
        decision.reopen()


@pytest.mark.parametrize("closed", [True, False])
def test_taken_is_given_up_and_the_late_one_fails(decision, tmp_path, closed) -> None:
    late = Decision(INTENT, tmp_path)
    late.prepare()
    if closed:
        late.close(0, False)
    assert coordinator.decide(decision, 5) == coordinator.ABORT
    for step in (late.prepare, lambda: late.close(0, False), late.hand_over):
        with pytest.raises(NotOurs):
            step()
    assert coordinator.decide(decision, 5) == coordinator.ABORT


def test_window_before_anything_was_written_is_given_up(decision) -> None:
    assert coordinator.decide(decision, 5) == coordinator.ABORT


def test_next_window_that_dies_before_it_has_prepared_anything_is_given_up(decision, tmp_path) -> None:
    begun(decision).hand_over()
    intent = replace(INTENT, id="two", source="native", target="docker", epoch=6)
    assert coordinator.decide(Decision(intent, tmp_path), 6) == coordinator.ABORT
    with pytest.raises(NotOurs):
        Decision(intent, tmp_path).prepare()
    assert coordinator.decide(Decision(intent, tmp_path), 6) == coordinator.ABORT


def test_next_window_begins_where_the_last_one_ended(decision, tmp_path) -> None:
    begun(decision).hand_over()
    back = Decision(replace(INTENT, id="two", source="native", target="docker", epoch=6), tmp_path)
    assert back.obstacles() == ([], (5,))
    begun(back).hand_over()
    with pytest.raises(Stale):
        coordinator.decide(decision, 5)


def test_damage_is_said(decision, tmp_path) -> None:
    (tmp_path / FILE).write_text("{")
    with pytest.raises(FenceError, match="damaged"):
        decision.row()


def test_it_has_every_step_of_a_database(tmp_path) -> None:
    """And takes part only where there is none."""
    steps = {name for name in vars(Pair) if not name.startswith("_")} - {"endpoint", "session", "title"}
    assert steps <= set(dir(Decision))
    assert [type(each) for each in made(INTENT, "name", tmp_path)] == [Decision]
