# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way by which a window and its recovery change anything outside their own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..migration import faults

Result = TypeVar("Result")


def nothing() -> None:
    """For whoever need not ask."""


class Effects:
    """``alive`` tells the guardian, and raises when that has gone; ``own`` raises where another one has decided.

    Both are asked before each effect, ``own`` right before it: whoever was stopped in between must not go on.
    """

    def __init__(
        self, alive: Callable[[], None] = nothing, own: Callable[[], None] = nothing, prefix: str = ""
    ) -> None:
        self._alive, self._own, self._prefix = alive, own, prefix
        self._lock = threading.Lock()
        self._first: float | None = None
        self.steps: dict[str, dict[str, float]] = {}
        """By effect, in the order of their ends: when it began, counted from the first one, and how long it took."""

    def __call__(self, name: str, work: Callable[[], Result]) -> Result:
        """Do one thing, with a point for faults before and after it."""
        name = self._prefix + name
        self._alive()
        faults.point(f"before:{name}")
        self._own()
        began = time.monotonic()
        if self._first is None:
            self._first = began
        with faults.effect(name):
            result = work()
        with self._lock:
            self.steps[name] = {"at": round(began - self._first, 4), "seconds": round(time.monotonic() - began, 4)}
        faults.point(f"after:{name}")
        return result

    def at_once(self, effects: Mapping[str, Callable[[], object]]) -> None:
        """Things that do not depend on each other, in parallel; the first error is raised when all have ended."""
        if not effects:
            return
        with ThreadPoolExecutor(len(effects)) as pool:
            running = [pool.submit(self, name, work) for name, work in effects.items()]
        for one in running:
            one.result()
