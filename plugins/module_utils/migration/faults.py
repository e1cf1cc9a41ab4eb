# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points at which a test can end the own process, so that what a crash leaves there is looked at and not imagined.

Nothing happens unless the file :data:`FILE` (CRYPTOBOT_FAULTS names another one) is there, belongs to root and is closed
to all others. A line of it is

- ``kill NAME``: the process that reaches the point NAME ends itself by SIGKILL, once (the line becomes ``killed NAME``)
- ``each NAME``: the same at every point that NAME fits, at each of them once (``killed POINT`` is appended)
- ``stop NAME``: it stops itself by SIGSTOP, once (``stopped NAME``)
- ``hold NAME``: it waits there until the line, now ``held NAME``, is gone, at most :data:`LONGEST_HOLD` seconds

An effect of a window that does several things has a point before and after each of them, too (:func:`part`).

NAME may hold ``*``. Each point that is reached is appended as ``at NAME``.
"""

from __future__ import annotations

import fnmatch
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

FILE = Path(os.environ.get("CRYPTOBOT_FAULTS") or "/run/cryptobot-faults")
LONGEST_HOLD = 600.0
DONE = {"kill": "killed", "stop": "stopped", "hold": "held"}
SHARES = (10, 50, 90)
"""Per cent of a long copy at which there is a point."""
Result = TypeVar("Result")
_under_way = threading.local()


def point(name: str) -> None:
    """Say that ``name`` has been reached."""
    lines = _lines()
    if lines is None:
        return
    _append(f"at {name}")
    for line in lines:
        verb, __, pattern = line.partition(" ")
        if not fnmatch.fnmatchcase(name, pattern):
            continue
        if verb == "each" and f"killed {name}" not in lines:
            _append(f"killed {name}")
            _signal(signal.SIGKILL)
        elif verb in DONE:
            _obey(verb, line)


@contextmanager
def effect(name: str) -> Iterator[None]:
    """What this thread does meanwhile belongs to the effect ``name``."""
    _under_way.name = name
    try:
        yield
    finally:
        _under_way.name = ""


def part(name: str, work: Callable[[], Result]) -> Result:
    """One of the things that an effect does, with points of its own; outside of an effect it has none."""
    if not (under_way := getattr(_under_way, "name", "")):
        return work()
    point(f"before:{under_way}.{name}")
    result = work()
    point(f"after:{under_way}.{name}")
    return result


class Shares:
    """Calls the points ``<step>:10%``, ``:50%`` and ``:90%`` of something that grows to ``whole``."""

    def __init__(self, step: str, whole: float) -> None:
        self._step, self._whole, self._left = step, whole, list(SHARES)

    def reached(self, amount: float) -> None:
        """So much is done by now."""
        while self._left and self._whole > 0 and amount * 100 >= self._left[0] * self._whole:
            point(f"{self._step}:{self._left.pop(0)}%")


def _lines() -> list[str] | None:
    try:
        status = FILE.stat()
        if status.st_uid != 0 or status.st_mode & 0o077:
            return None
        return FILE.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None


def _signal(number: int) -> None:
    """To this thread: sent to the process, it would let this thread run on for a moment."""
    signal.pthread_kill(threading.get_ident(), number)


def _append(line: str) -> None:
    with FILE.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def _obey(verb: str, line: str) -> None:
    done = DONE[verb] + line[len(verb) :]
    text = FILE.read_text(encoding="utf-8").splitlines()
    FILE.write_text("".join(f"{done if each == line else each}\n" for each in text), encoding="utf-8")
    if verb != "hold":
        _signal(signal.SIGKILL if verb == "kill" else signal.SIGSTOP)
        return
    until = time.monotonic() + LONGEST_HOLD
    while done in (_lines() or []) and time.monotonic() < until:
        time.sleep(0.05)
