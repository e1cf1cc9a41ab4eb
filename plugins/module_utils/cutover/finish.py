# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps after the hand-over, which the controller makes once, and a recovery until they succeed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..migration import sides
from ..router.traffic import Traffic
from .coordinator import FINISH
from .hold import Hold
from .intent import Intent, Intents
from .processes import Processes
from .stores import Store

Effect = Callable[[str, Callable[[], Any]], Any]


class Finish:
    """``holding``: the router for all groups that wait; ``moving``: for those whose requests change sides."""

    def __init__(
        self,
        intent: Intent,
        intents: Intents,
        pairs: Sequence[Store],
        holding: Traffic,
        moving: Traffic,
        processes: Processes,
        hold: Hold,
    ) -> None:
        self._intent, self._intents, self._pairs = intent, intents, pairs
        self._holding, self._moving, self._processes, self._hold = holding, moving, processes, hold

    def forward(self, effect: Effect) -> list[str]:
        """Until requests go on; sentences about processes that do not run."""
        sick: list[str] = []
        for pair in self._pairs:
            effect(f"open:{pair.datastore}", pair.open)
        if self._processes:
            # Units start where the record says so.
            effect("record", lambda: record(self._intent))
        effect("flip", lambda: self._moving.flip(self._intent.target))
        if self._processes:
            # They may ask for the health of others by their doors, which lead to this side by now.
            sick = effect("start", self._processes.start)
        self._hold.end()
        effect("release", self._holding.release)
        return sick

    def afterwards(self, effect: Effect, more: Mapping[str, Any]) -> None:
        """The record of who writes; the way there gone, the way back begun; then the intent."""
        if not self._processes:
            effect("record", lambda: record(self._intent))
        for pair in self._pairs:
            effect(f"drop_forward:{pair.datastore}", pair.drop_forward)
            effect(f"follow_back:{pair.datastore}", pair.follow_back)
        effect("ended", lambda: self._intents.ended(self._intent, FINISH, more))
        effect("clear_intent", self._intents.remove)


def record(intent: Intent) -> None:
    """Who writes, as plays, units and boots read it on this host. Other hosts are told by the play."""
    if not intent.sides:
        return
    names = [store.datastore for store in intent.stores]
    found = sides.Sides.read(
        intent.sides, {"migration_groups": intent.groups, "datastores": dict.fromkeys(names)}, {"project": ""}
    )
    for name in names:
        if found.writer(name) != intent.target:
            found = found.with_writer(name, sides.NONE).with_writer(name, intent.target, intent.id)
    for group in intent.groups:
        found = found.with_group(group, intent.target)
    found.save()
