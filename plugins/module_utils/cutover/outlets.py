# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one side alone may connect, as a store of a window, by the same methods as a database (databases.py).

Both sides are refused from the closing on; the hand-over decides which of them goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..router.outlets import Outlets
from .intent import Intent

NAME = "outlets"


@dataclass(frozen=True)
class Place:
    """In place of a database."""

    datastore: str = NAME
    before: int = 0


class OneSide:
    """The outlets of the groups that change sides."""

    def __init__(self, intent: Intent, folder: Path | str) -> None:
        self.intent, self.database = intent, Place()
        self._outlets = Outlets(folder)

    @property
    def datastore(self) -> str:
        return self.database.datastore

    def obstacles(self) -> tuple[list[str], tuple[int, ...]]:
        """Sentences; it has no epochs."""
        closed = self._outlets.read().closed
        open_ = [group for group in self.intent.outlets if self.intent.target not in closed.get(group, ())]
        said = (
            f"The {self.intent.target} side of {', '.join(open_)} may already connect where one side alone may (egress_fence). Run "
            "the play that changes sides again from its beginning."
        )
        return [said] if open_ else [], ()

    def close(self, grace: float, end: bool) -> None:
        self._outlets.close(self.intent.outlets, self.intent.source)

    def open(self) -> None:
        self._outlets.open(self.intent.outlets, self.intent.target)

    def reopen(self) -> None:
        self._outlets.open(self.intent.outlets, self.intent.source)

    # What a database has besides

    def is_open(self) -> bool:
        """It decides nothing."""
        return False

    def end_sessions(self, name: str, done: set[Any]) -> None:
        """It has none."""

    def _nothing(self) -> None:
        """Nothing of it is copied or followed."""

    forget = prepare = arm = mark = wait_for_mark = copy_sequences = check = point = _nothing
    drop_forward = follow_back = follow_on = disarm = drop_reverse = _nothing
