# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of failures: how often in a row a unit ended badly, and how long its next start is put off.

systemd's own start limit knows neither a growing delay nor a reset by health. The unit's ``ExecStopPost=`` writes its last
end (seconds since boot, microseconds since boot of the program's exit or 0, result, exit status) to a file that only root
may write; each start enters it in the book, which lies in the runtime directory, outlives restarts and goes with a stop.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import NamedTuple

GIVE_UP = 78
"""Exit status of a start past the limit (``EX_CONFIG``); the unit names it in ``RestartPreventExitStatus=``."""
PASSED_OVER = "exec-condition"
"""Result of a start that a condition of the unit did not let begin: nothing ran, so nothing failed."""
ENDED = "/run/cryptobot-ended"
GROWTH = 1.9


class Failures(NamedTuple):
    """`last` is the time of the latest end that was entered, in seconds since boot (it does not jump with the wall clock).

    `paused` is how long it really was from the failure before to the end of its delay.
    """

    count: int = 0
    last: float = 0.0
    paused: float = 0.0


class End(NamedTuple):
    at: float
    result: str
    status: str


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def delay(failures: Failures, longest: float) -> float:
    """Seconds from the last failure to the next start: 0, 1, 2, 4, … up to `longest`.

    On a busy machine a start alone takes longer than the first delays. So that they grow in time and not on paper
    only, each is at least `GROWTH` times what the one before really took.
    """
    if failures.count < 2:
        return 0.0
    least = 2.0 ** (failures.count - 2)
    return min(max(least, GROWTH * failures.paused if failures.count > 2 else 0.0), longest)


def parse_end(text: str) -> End | None:
    """The program's exit where the manager knows it: until the unit's end is written a busy machine lets a second pass."""
    words = text.split()
    if len(words) < 3:
        return None
    written, exited = float(words[0]), float(words[1]) / 1e6
    return End(exited if 0 < exited <= written else written, words[2], words[3] if len(words) > 3 else "")


def counted(before: Failures, end: End, ready_since: float | None, stable_after: float, stop_was_asked: Callable[[], bool]) -> Failures:
    """The book after this end. A row of failures ends with a stop or restart that somebody asked for, and with `stable_after` seconds of health.

    A service that ends by itself has failed, even with exit status 0.
    """
    if end.result == PASSED_OVER:
        return before._replace(last=end.at)
    if end.status == str(GIVE_UP) or (end.result == "success" and stop_was_asked()):
        return Failures(0, end.at)
    stable = ready_since is not None and end.at - ready_since >= stable_after
    return Failures(1, end.at) if stable else Failures(before.count + 1, end.at, before.paused)


class Book:
    def __init__(self, directory: str, ended: str) -> None:
        self._failures, self._ready = (os.path.join(directory, name) for name in ("failures.json", "ready"))
        self._ended = ended

    @classmethod
    def of(cls, unit: str) -> Book:
        return cls(os.environ["RUNTIME_DIRECTORY"].split(":")[0], os.path.join(ENDED, unit))

    def open(self, stable_after: float, stop_was_asked: Callable[[], bool]) -> Failures:
        """The failures so far, with the last end entered: what a start has to know."""
        failures, end, ready = self._failures_so_far(), parse_end(self._read(self._ended)), self._read(self._ready)
        if end and end.at > failures.last:
            failures = counted(failures, end, float(ready) if ready else None, stable_after, stop_was_asked)
            self._write(self._failures, json.dumps(failures._asdict()))
        self._remove(self._ready)
        return failures

    def clear(self) -> None:
        self._remove(self._failures, self._ready)

    def mark_paused(self, failures: Failures) -> None:
        self._write(self._failures, json.dumps(failures._replace(paused=now() - failures.last)._asdict()))

    def mark_ready(self) -> None:
        self._write(self._ready, repr(now()))

    def _failures_so_far(self) -> Failures:
        try:
            return Failures(**json.loads(self._read(self._failures) or "{}"))
        except (ValueError, TypeError):
            return Failures()

    @staticmethod
    def _read(path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError):
            return ""

    @staticmethod
    def _write(path: str, text: str) -> None:
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)

    @staticmethod
    def _remove(*paths: str) -> None:
        for path in paths:
            if os.path.exists(path):
                os.unlink(path)
