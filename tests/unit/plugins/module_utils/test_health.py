"""Many targets at once, growing pauses, and a sentence for what is sick."""

from __future__ import annotations

import itertools
import socket

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils import health
from ansible_collections.cryptobot.native.plugins.module_utils.health import Target, TargetError, judge_unit, sentence, wait, wait_for_all
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.probe import Seen
from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import State


def test_pauses_grow_to_a_bound() -> None:
    assert list(itertools.islice(health.pauses(), 7)) == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


class Clock:
    def __init__(self) -> None:
        self.now, self.slept = 0.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 2))
        self.now += seconds


def test_it_asks_until_healthy() -> None:
    clock, answers = Clock(), iter([Seen(False, "503"), Seen(False, "503"), Seen(True, "200")])
    answer = wait("a", lambda: next(answers), until=10, clock=clock, sleep=clock.sleep)
    assert (answer.healthy, answer.saw, answer.attempts, clock.slept) == (True, "200", 3, [0.2, 0.4])


def test_the_deadline_is_kept_and_the_last_look_is_at_its_end() -> None:
    clock = Clock()
    answer = wait("a", lambda: Seen(False, "refused"), until=1.0, clock=clock, sleep=clock.sleep)
    assert (answer.healthy, answer.attempts, clock.now) == (False, 4, 1.0)


@pytest.mark.parametrize(
    ("state", "healthy", "said"),
    [
        (State("loaded", "active", "running"), True, "active"),
        (State("loaded", "active", "exited"), False, "its process has ended"),
        (State("loaded", "inactive", "dead", result="success"), False, "its process has ended"),
        (State("loaded", "failed", "failed", result="exit-code"), False, "result exit-code"),
        (State("loaded", "activating", "start", result="success", status="waiting for auth"), False, "waiting for auth"),
        (State(), False, "no such unit"),
    ],
)
def test_units(state: State, healthy: bool, said: str) -> None:
    seen = judge_unit(state)
    assert seen.healthy is healthy
    assert said in seen.saw


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        (Target("a"), "exactly one of url, tcp, unit, celery and command, not none"),
        (Target("a", url="http://x", tcp="y:1"), "not url and tcp"),
        (Target("a", url="127.0.0.1:80"), "should begin with http"),
        (Target("a", tcp="6379"), "should be host:port"),
    ],
)
def test_faulty_targets_stop_before_anything_is_asked(target: Target, complaint: str) -> None:
    with pytest.raises(TargetError, match=complaint):
        wait_for_all([target], 0)


def test_all_at_once_in_the_given_order() -> None:
    with socket.socket() as open_port:
        open_port.bind(("127.0.0.1", 0))
        open_port.listen()
        targets = [Target("closed", tcp="127.0.0.1:1"), Target("open", tcp="127.0.0.1:%d" % open_port.getsockname()[1])]
        answers = wait_for_all(targets, 0)
    assert [(answer.name, answer.healthy) for answer in answers] == [("closed", False), ("open", True)]
    assert "1 of 2 targets were not healthy within 0 s:\n  closed: connection refused (asked 1 times)" in sentence(answers, 0)
