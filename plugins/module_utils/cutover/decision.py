# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides a window in which no PostgreSQL database moves: a file beside the intent, in place of a fence's row.

It takes part as the first store of the window, by the same methods; of them only those that move the row do anything.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..migration.journal import write_whole
from ..postgresql.fence.definitions import CLOSED, HANDED_OVER, OPEN
from ..postgresql.fence.errors import FenceError, NotOurs
from ..postgresql.fence.row import FIRST_EPOCH, Row
from .intent import Intent

FILE, LOCK = "decision.json", "decision.lock"
NAME = "decision"


@dataclass(frozen=True)
class Place:
    """In place of a database; ``before``: the epoch that was seen."""

    datastore: str = NAME
    before: int = FIRST_EPOCH


class Decision:
    """The file in the router's folder. Every change is a compare-and-set under a lock that the kernel frees."""

    def __init__(self, intent: Intent, folder: Path | str) -> None:
        self.intent, self.database = intent, Place()
        self._folder = Path(folder)

    @property
    def datastore(self) -> str:
        return self.database.datastore

    def fence(self, end: str) -> Decision:
        """It is its own."""
        return self

    def row(self) -> Row:
        """What an earlier window handed over is where this one begins."""
        try:
            found = Row(**json.loads((self._folder / FILE).read_text(encoding="utf-8")))
            earlier = found.state == HANDED_OVER and found.epoch < self.intent.epoch
            return replace(found, state=OPEN) if earlier else found
        except FileNotFoundError:
            return Row(OPEN, FIRST_EPOCH)
        except (ValueError, TypeError):
            raise FenceError(
                f"{self._folder / FILE} is damaged, and it says which side writes. Look at both sides."
            ) from None

    def obstacles(self) -> tuple[list[str], tuple[int, ...]]:
        """None, and the epoch that it is at."""
        return [], (self.row().epoch,)

    # What moves it

    def prepare(self) -> None:
        """Open, below the window's epoch: what the last window has left ends here."""
        before = Row(OPEN, self.intent.epoch - 1)
        self._swap("begun", before, lambda row: row.epoch < self.intent.epoch)

    def close(self, grace: float, end: bool) -> None:
        at = self.intent.epoch
        self._swap("closed", Row(CLOSED, at), lambda row: _plain(row) == Row(OPEN, at - 1))

    def hand_over(self, epoch: int | None = None) -> None:
        at = self.intent.epoch
        self._swap("handed over", Row(HANDED_OVER, at), lambda row: _plain(row) == Row(CLOSED, at))

    def reopen(self, epoch: int | None = None) -> None:
        """Given up, at the next epoch. May be repeated."""
        after, at = Row(OPEN, self.intent.epoch + 1), self.intent.epoch
        fits = (after, Row(CLOSED, at))
        self._swap("reopened", after, lambda row: _plain(row) in fits or (row.state == OPEN and row.epoch < at))

    def _swap(self, what: str, after: Row, fits: Callable[[Row], bool]) -> None:
        with self._alone():
            row = self.row()
            if not fits(row):
                raise NotOurs(
                    f"{self._folder / FILE} was not {what} at epoch {after.epoch}: it is {row}. Nothing was changed."
                )
            new = Row(after.state, after.epoch, self.intent.id, self.intent.target)
            write_whole(self._folder / FILE, json.dumps(asdict(new), sort_keys=True) + "\n")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    # What a database has besides

    def is_open(self) -> bool:
        return False

    def end_sessions(self, name: str, done: set[Any]) -> None:
        """It has none."""

    def _nothing(self) -> None:
        """Nothing of it is copied or followed."""

    forget = arm = mark = wait_for_mark = copy_sequences = check = point = open = _nothing
    drop_forward = follow_back = follow_on = disarm = drop_reverse = _nothing


def _plain(row: Row) -> Row:
    return Row(row.state, row.epoch)
