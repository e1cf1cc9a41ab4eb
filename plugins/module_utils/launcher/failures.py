# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of failures: how often in a row a unit ended badly, and how long its next start is put off.

systemd's own start limit knows neither a growing delay nor a reset by health. The unit's ``ExecStopPost=`` appends a line
for each end (`ENDED`: seconds since boot, result, exit status) to a file in the runtime directory, which outlives restarts
and goes with a stop; each start reads it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

GIVE_UP = 78
"""Exit status of a start past the limit (``EX_CONFIG``); the unit names it in ``RestartPreventExitStatus=``."""
ENDED = "ended"


class Failures(NamedTuple):
    """`last` is the time of the latest one, in seconds since boot (it does not jump with the wall clock)."""

    count: int = 0
    last: float = 0.0


class End(NamedTuple):
    at: float
    result: str
    status: str


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def delay(count: int, longest: float) -> float:
    """Seconds before the start that follows failure `count`: 0, 1, 2, 4, … up to `longest`."""
    return 0.0 if count < 2 else min(2.0 ** (count - 2), longest)


def parse_ends(text: str) -> list[End]:
    words = (line.split() for line in text.splitlines())
    return [End(float(line[0]), line[1], line[2] if len(line) > 2 else "") for line in words if len(line) > 1]


def counted(before: Failures, ends: Iterable[End], ready_since: float | None, stable_after: float, stop_was_asked: Callable[[], bool]) -> Failures:
    """The book after these ends. A row of failures ends with a stop or restart that somebody asked for, and with `stable_after` seconds of health.

    A service that ends by itself has failed, even with exit status 0.
    """
    for end in ends:
        if end.status == str(GIVE_UP) or (end.result == "success" and stop_was_asked()):
            before = Failures()
            continue
        stable = ready_since is not None and end.at - ready_since >= stable_after
        before = Failures(1 if stable else before.count + 1, end.at)
    return before


class Book:
    def __init__(self, directory: str) -> None:
        self._failures, self._ready, self._ended = (os.path.join(directory, name) for name in ("failures.json", "ready", ENDED))

    @classmethod
    def of_this_unit(cls) -> Book:
        return cls(os.environ["RUNTIME_DIRECTORY"].split(":")[0])

    def open(self, stable_after: float, stop_was_asked: Callable[[], bool]) -> Failures:
        """What a start has to know: the failures so far. The ends that were appended are entered."""
        ends = parse_ends(self._read(self._ended))
        ready = self._read(self._ready)
        failures = counted(self._failures_so_far(), ends, float(ready) if ready else None, stable_after, stop_was_asked)
        if ends:
            self._write(self._failures, json.dumps(failures._asdict()))
        self._remove(self._ended, self._ready)
        return failures

    def clear(self) -> None:
        self._remove(self._failures, self._ready, self._ended)

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
        except FileNotFoundError:
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
