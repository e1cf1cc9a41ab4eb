# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of failures: how often in a row a unit ended badly, and how long its next start is put off.

systemd's own start limit knows neither a growing delay nor a reset by health. Each unit keeps the book in its runtime
directory, which outlives restarts and goes with a stop.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

GIVE_UP = 78
"""Exit status of a start past the limit (``EX_CONFIG``); the unit names it in ``RestartPreventExitStatus=``."""


@dataclass(frozen=True)
class Failures:
    """`last` is the time of the latest one, in seconds of CLOCK_BOOTTIME (it does not jump with the wall clock)."""

    count: int = 0
    last: float = 0.0


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def delay(count: int, longest: float) -> float:
    """Seconds before the start that follows failure `count`: 0, 1, 2, 4, … up to `longest`."""
    return 0.0 if count < 2 else min(2.0 ** (count - 2), longest)


def counted(before: Failures, at: float, ready_since: float | None, stable_after: float) -> Failures:
    """One more failure; it is the first of a new row when the unit had been healthy for `stable_after` seconds."""
    stable = ready_since is not None and at - ready_since >= stable_after
    return Failures(1 if stable else before.count + 1, at)


def is_failure(environment: Mapping[str, str], stop_was_asked: bool) -> bool:
    """What `ExecStopPost=` is told. A service that ends by itself has failed, even with exit status 0."""
    return environment.get("SERVICE_RESULT") != "success" or not stop_was_asked


class Book:
    def __init__(self, directory: str) -> None:
        self._failures = os.path.join(directory, "failures.json")
        self._ready = os.path.join(directory, "ready")

    @classmethod
    def of_this_unit(cls) -> Book:
        return cls(os.environ["RUNTIME_DIRECTORY"].split(":")[0])

    def read(self) -> Failures:
        try:
            with open(self._failures, encoding="utf-8") as file:
                return Failures(**json.load(file))
        except (FileNotFoundError, ValueError, TypeError):
            return Failures()

    def add(self, stable_after: float) -> Failures:
        failures = counted(self.read(), now(), self._ready_since(), stable_after)
        self._write(self._failures, json.dumps(asdict(failures)))
        return failures

    def clear(self) -> None:
        for path in (self._failures, self._ready):
            if os.path.exists(path):
                os.unlink(path)

    def mark_starting(self) -> None:
        if os.path.exists(self._ready):
            os.unlink(self._ready)

    def mark_ready(self) -> None:
        self._write(self._ready, repr(now()))

    def _ready_since(self) -> float | None:
        try:
            with open(self._ready, encoding="utf-8") as file:
                return float(file.read())
        except (FileNotFoundError, ValueError):
            return None

    @staticmethod
    def _write(path: str, text: str) -> None:
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)
