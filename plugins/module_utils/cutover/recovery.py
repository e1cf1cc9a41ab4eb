# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends a window whose controller is gone or gave up: one decision from the coordinator's row for everything.

It may be killed at any of its steps: the next one goes on, for each step names its epoch or may be repeated.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ..migration import lock
from ..router.maps import Files, RouterError, locked
from ..router.traffic import Traffic
from . import coordinator
from .effects import Effects
from .errors import passes
from .finish import Finish
from .hold import Hold, say
from .intent import RECOVERY_LOCK, Intent, Intents
from .processes import Processes
from .stores import made

Result = TypeVar("Result")
MakeTraffic = Callable[[Sequence[str], Callable[[], None]], Traffic]
PREFIX = "recovery:"
LOCK_SECONDS, GONE_SECONDS = 0.5, 2.0
LONGEST_PAUSE = 1.0


def recover(intents: Intents, make: MakeTraffic, given_up: bool = False) -> str:
    """Decide about the window that is under way, and bring that about; `finish`, `abort`, or empty where there is none.

    ``given_up``: whether the controller has said that it does nothing more, so that it may live and tell.
    Waits for what does not answer, holding the doors meanwhile. Raises Stale, and what else nobody can wait for.
    """
    with _alone(intents.directory):
        intent = intents.read()
        return Recovery(intents, intent, make, given_up).run() if intent else ""


class Recovery:
    """Of one window."""

    def __init__(self, intents: Intents, intent: Intent, make: MakeTraffic, given_up: bool) -> None:
        self._intents, self.intent, self._given_up = intents, intent, given_up
        self._pairs = made(intent, f"recovery {intent.id}", intents.directory)
        self._holding, self._moving = (make(groups, _nobody) for groups in (intent.held, intent.groups))
        self.effects = Effects(prefix=PREFIX)
        self._processes = Processes(intent, intents.directory, self._moving)
        self._hold = Hold(self._holding, intent, Files(intents.directory))

    def run(self) -> str:
        intent, began = self.intent, time.monotonic()
        say(f"The window {intent.id} towards {intent.target} is left: deciding.")
        if not self._given_up:
            self.effects("end_controller", self._end_controller)
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self._intents.directory, LOCK_SECONDS))
            except RouterError as error:
                say(f"{error} Going on without it.", 4)
            stack.enter_context(self._hold)
            # A disk may be full: the doors are held until it takes this.
            self._until_done("decided", lambda: self._intents.write(replace(intent, decided=True)))
            self.effects("end_sessions", self._end_sessions)
            how = self._decide()
            say(f"The window {intent.id}: {how}, {time.monotonic() - began:.2f} s after it was left.")
            (self._finish if how == coordinator.FINISH else self._abort)()
        side = intent.target if how == coordinator.FINISH else intent.source
        say(f"The window {intent.id} has ended: {side} writes.")
        for pair in self._pairs:
            pair.forget()
        return how

    # Nobody else

    def _end_controller(self) -> None:
        found = self.intent.controller
        pid, began = int(found.get("pid", 0)), found.get("started")
        if found.get("boot") != lock.boot_id() or pid == os.getpid() or not lock.alive(pid, began):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + GONE_SECONDS
        while lock.alive(pid, began) and time.monotonic() < until:
            time.sleep(0.002)

    def _end_sessions(self) -> None:
        """On every server that answers; on one that does not they can't be told apart from none."""
        done: set[tuple[str, int]] = set()
        for pair in self._pairs:
            try:
                pair.end_sessions(self.intent.id, done)
            except Exception as error:
                if not passes(error):
                    raise
                pair.forget()

    # The decision

    def _decide(self) -> str:
        first, told = self._pairs[0], False
        while True:
            try:
                return self.effects("decide", lambda: coordinator.decide(first.fence("source"), self.intent.epoch))
            except Exception as error:
                if not passes(error):
                    raise
                if not told:
                    say(f"The coordinator can't be read, so nothing is decided yet: {error}", 4)
                told = True
            first.forget()
            if self._any_open():
                return coordinator.FINISH
            time.sleep(0.1)
            with suppress(Exception):
                # Its sessions could live on where they could not be ended before.
                self.effects("end_sessions", self._end_sessions)

    def _any_open(self) -> bool:
        for pair in self._pairs:
            try:
                if pair.is_open():
                    return True
            except Exception as error:
                if not passes(error):
                    raise
                pair.forget()
        return False

    # Both ways

    def _finish(self) -> None:
        finish = Finish(
            self.intent, self._intents, self._pairs, self._holding, self._moving, self._processes, self._hold
        )
        for text in finish.forward(self._until_done):
            say(f"ALARM: {text}", 2)
        finish.afterwards(self._until_done, {"by": "recovery"})

    def _abort(self) -> None:
        for pair in self._pairs[1:]:
            self._until_done(f"reopen:{pair.datastore}", pair.reopen)
        for text in self._until_done("start_again", self._processes.again) if self._processes else ():
            say(f"ALARM: {text}", 2)
        self._hold.end()
        self._until_done("release", self._holding.release)
        for pair in self._pairs:
            name = pair.datastore
            self._until_done(f"follow_on:{name}", pair.follow_on)
            self._until_done(f"disarm:{name}", pair.disarm)
            self._until_done(f"drop_reverse:{name}", pair.drop_reverse)
        ended = {"by": "recovery"}
        self._until_done("ended", lambda: self._intents.ended(self.intent, coordinator.ABORT, ended))
        self._until_done("clear_intent", self._intents.remove)

    def _until_done(self, name: str, work: Callable[[], Result]) -> Result:
        """One effect, again and again while what it needs does not answer."""
        pause, told = 0.05, ""
        while True:
            try:
                return self.effects(name, work)
            except Exception as error:
                if not passes(error):
                    raise
                if str(error) != told:
                    say(f"{name}: {error} Trying again.", 4)
                told = str(error)
            for pair in self._pairs:
                pair.forget()
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)


def _nobody() -> None:
    """The recovery owns the edge."""


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One recovery at a time; the kernel frees it when its process ends."""
    descriptor = os.open(directory / RECOVERY_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
