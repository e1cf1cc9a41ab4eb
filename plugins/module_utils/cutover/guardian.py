# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``cutover-guardian``: ends every window whose controller is gone, late, or gave up.

A service of the edge host, never a child of the controller, with which it would die. A controller connects, and sends a
byte every 100 ms and before each effect. When the line ends or is silent for :data:`SILENCE` seconds, and whenever an
intent is found that nobody is connected for, the recovery decides.
"""

from __future__ import annotations

import argparse
import select
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..launcher.haproxy import ask
from ..router.containers import Door
from ..router.maps import DIRECTORY, Files
from ..router.traffic import Routed, Traffic
from ..router.workers import MASTER, Router, Workers
from .errors import CutoverError
from .heartbeat import DONE, GIVEN_UP, READY, SOCKET
from .intent import Intents
from .recovery import recover, say

SILENCE, LOOK_SECONDS = 0.8, 1.0
AGAIN_SECONDS = 5.0
"""Between two attempts where one has failed for good, which an alert tells of."""


class Guardian:
    """``recovered`` is called where a window has to be decided, with whether its controller has given it up."""

    def __init__(self, intents: Intents, path: Path, recovered: Callable[[bool], Any]) -> None:
        self._intents, self._path, self._recovered = intents, path, recovered

    def run(self) -> None:
        """Until it is stopped."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening:
            # Before anything is decided: a controller that comes meanwhile waits, and is told when it is free.
            listening.bind(str(self._path))
            self._path.chmod(0o600)
            listening.listen(4)
            listening.settimeout(LOOK_SECONDS)
            given_up = False
            while True:
                if self._intents.path.exists():
                    self._recover(given_up)
                given_up = False
                try:
                    line, __ = listening.accept()
                except TimeoutError:
                    # One that was stopped before its intent, and let go after its line was closed, leaves one behind.
                    continue
                with line:
                    given_up = self.watch(line)

    def watch(self, line: socket.socket) -> bool:
        """One controller, until it is done or gone; whether it has given up, and said so."""
        try:
            line.send(READY, socket.MSG_NOSIGNAL)
            while True:
                ready, __, __ = select.select([line], [], [], SILENCE)
                said = line.recv(4096) if ready else b""
                if DONE in said or GIVEN_UP in said:
                    return GIVEN_UP in said
                if not said:
                    say("The controller's line has ended." if ready else f"The controller was silent for {SILENCE} s.")
                    return False
        except OSError as error:
            say(f"The controller's line broke: {error}")
            return False

    def _recover(self, given_up: bool) -> None:
        while True:
            try:
                self._recovered(given_up)
                return
            except Exception as error:
                kind = "" if isinstance(error, CutoverError) else f"{type(error).__name__}: "
                say(f"ALARM: the window could not be ended: {kind}{error}", 2)
                time.sleep(AGAIN_SECONDS)


def traffic_maker(intents: Intents, workers: Workers) -> Callable[[Sequence[str], Callable[[], None]], Traffic]:
    """The router's part for the doors that the intent names."""
    router = Router(Files(intents.directory), workers)

    def make(groups: Sequence[str], own: Callable[[], None]) -> Traffic:
        intent = intents.read()
        doors = [Door(**door) for door in intent.doors] if intent else []
        return Traffic(groups, Routed(doors, router), own)

    return make


def main(arguments: Sequence[str]) -> int:
    """Runs until it is stopped."""
    options = argparse.ArgumentParser(prog="cutover-guardian", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--directory", type=Path, default=DIRECTORY)
    options.add_argument("--socket", type=Path, default=SOCKET)
    options.add_argument("--master", default=MASTER, help="socket of the router's master")
    given = options.parse_args(arguments)
    intents = Intents(given.directory)
    make = traffic_maker(intents, Workers(partial(asked, given.master)))
    Guardian(intents, given.socket, lambda given_up: recover(intents, make, given_up)).run()
    return 0


def asked(master: str, line: str) -> str:
    """One command for the router's master and its answer."""
    return ask(master, line, 5.0)
