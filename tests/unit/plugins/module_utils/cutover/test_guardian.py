"""The guardian decides when the line ends, is silent, or was never there; and not while a controller is at work."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import guardian as subject
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import CutoverError, Decided
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.heartbeat import Heartbeat
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intents

from .test_intent import INTENT

LISTENS = "00010000"
"""Among the flags of a socket in /proc/net/unix."""


class Stage:
    def __init__(self, folder: Path) -> None:
        self.intents, self.path, self.recovered = Intents(folder), folder / "run" / "guardian.sock", []

    def start(self) -> None:
        guardian = subject.Guardian(self.intents, self.path, self.recover)
        threading.Thread(target=guardian.run, daemon=True).start()
        until = time.monotonic() + 5
        while not self.listening() and time.monotonic() < until:
            time.sleep(0.01)

    def listening(self) -> bool:
        """It is there a moment before it listens."""
        sockets = (line.split() for line in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines())
        return any(words[3] == LISTENS for words in sockets if words[-1] == str(self.path))

    def recover(self, given_up: bool) -> None:
        self.recovered.append(given_up)
        self.intents.remove()

    def wait(self) -> list[bool]:
        until = time.monotonic() + 10
        while self.intents.path.exists() and time.monotonic() < until:
            time.sleep(0.01)
        return self.recovered


@pytest.fixture
def stage() -> Iterator[Stage]:
    # A socket's path must be short.
    with tempfile.TemporaryDirectory() as folder:
        yield Stage(Path(folder))


@pytest.fixture
def line(stage: Stage) -> Heartbeat:
    stage.start()
    found = Heartbeat(stage.path)
    found.begin()
    stage.intents.write(INTENT)
    return found


def test_a_window_that_is_done_is_left_alone(stage: Stage, line: Heartbeat) -> None:
    line.alive()
    stage.intents.remove()
    line.done()
    again = Heartbeat(stage.path)
    again.begin()
    again.alive()
    assert stage.recovered == []


def test_the_end_of_the_line_decides(stage: Stage, line: Heartbeat) -> None:
    line.close()
    assert stage.wait() == [False]


def test_who_gives_up_may_live(stage: Stage, line: Heartbeat) -> None:
    line.give_up()
    assert stage.wait() == [True]


def test_silence_decides_and_who_comes_late_finds_nobody(stage: Stage, line: Heartbeat) -> None:
    line._stop.set()
    assert stage.wait() == [False]
    with pytest.raises(Decided):
        for __ in range(20):
            line.alive()
            time.sleep(0.01)


def test_the_heart_beats_by_itself(stage: Stage) -> None:
    stage.path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(stage.path))
        other.listen(1)

        def beats() -> bytes:
            line, __ = other.accept()
            line.send(subject.READY)
            return b"".join(line.recv(1) for __ in range(3))

        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(beats)
            Heartbeat(stage.path).begin()
            assert heard.result(20) == b"hhh"


def test_an_intent_that_is_found_at_the_start_decides(stage: Stage) -> None:
    stage.intents.write(INTENT)
    stage.start()
    assert stage.wait() == [False]


def test_an_intent_that_nobody_is_connected_for_decides(stage: Stage, line: Heartbeat) -> None:
    """Its controller was stopped before it, and went on when the guardian had closed its line."""
    line.close()
    stage.wait()
    stage.intents.write(INTENT)
    assert stage.wait() == [False, False]


def test_a_recovery_that_fails_is_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "AGAIN_SECONDS", 0.01)
    whole, failed = stage.recover, []

    def fail_once(given_up: bool) -> None:
        if not failed:
            failed.append(given_up)
            raise CutoverError("not yet")
        whole(given_up)

    stage.recover = fail_once
    stage.intents.write(INTENT)
    stage.start()
    assert stage.wait() == [False] and failed == [False]


def test_without_a_guardian_no_window_begins(stage: Stage) -> None:
    with pytest.raises(CutoverError, match=r"The guardian does not answer .* systemctl status cryptobot-cutover-guardian"):
        Heartbeat(stage.path).begin()
    with pytest.raises(Decided):
        Heartbeat(stage.path).alive()


def test_what_is_no_guardian_is_refused(stage: Stage) -> None:
    stage.path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(stage.path))
        other.listen(1)
        threading.Thread(target=lambda: other.accept()[0].close(), daemon=True).start()
        with pytest.raises(CutoverError, match="it closed the connection"):
            Heartbeat(stage.path).begin()
