# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan is made of: one change of one thing, with what it was and what it becomes.

The same list of changes is shown by check mode and by a diff, carried out by a real run, and kept in the host's record
of state, so that the three can't disagree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .state import StateRecord

AT_BOOT = " at boot"
"""Ends the target of a change of whether a unit starts with its host."""


@dataclass(frozen=True)
class Change:
    """One change. ``was`` and ``is_`` are JSON values (``None``: not there) that never hold a secret."""

    kind: str
    target: str
    was: Any
    is_: Any
    commands: tuple[tuple[str, ...], ...] = ()
    """What makes the change, in argv form; empty where something else than programs makes it."""
    action: str = field(default="", kw_only=True)
    """What happens to it in one word, where that is more than that it comes, changes or goes: ``start``, ``mask``."""
    unknown: str = field(default="", kw_only=True)
    """What of it can't be told before it is made, and until when."""

    @property
    def title(self) -> str:
        return f"{self.kind} {self.target}"

    @property
    def does(self) -> str:
        """``action``, or ``add``, ``change`` or ``remove``."""
        return self.action or ("add" if self.was is None else "remove" if self.is_ is None else "change")


def as_text(value: Any) -> str:
    """A value as one line of a diff; what is not there shows as nothing at all."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def as_diff(changes: Iterable[Change], header: str) -> dict[str, str]:
    """The ``diff`` of a module's result: a line a thing, before and after; a thing that is not there has no line."""
    sides: dict[str, list[str]] = {"before": [], "after": []}
    for change in changes:
        for side, value in (("before", change.was), ("after", change.is_)):
            if value is not None:
                sides[side].append(f"{change.title}: {as_text(value)}\n")
    return {
        "before_header": header,
        "after_header": header,
        "before": "".join(sides["before"]),
        "after": "".join(sides["after"]),
    }


def as_plan(changes: Iterable[Change]) -> list[dict[str, str]]:
    """The ``plan`` of a module's result, one form for all modules: ``kind``, ``target``, ``action``, and ``unknown`` where
    something of it can't be told ahead. It says of what a host is made of, so a unit has its name however its change is titled."""
    listed = []
    for change in changes:
        entry = {"kind": change.kind, "target": change.target.removesuffix(AT_BOOT), "action": change.does}
        listed.append({**entry, "unknown": change.unknown} if change.unknown else entry)
    return listed


def summaries(changes: Sequence[Change]) -> list[str]:
    """The titles of what changes, for a module's result."""
    return [change.title for change in changes]


def apply(changes: Iterable[Change], run: Callable[[tuple[str, ...]], Any], record: StateRecord) -> None:
    """Write each change down and carry it out by ``run``, in this order: of one that is killed in between the record knows."""
    for change in changes:
        record.append(change.kind, change.target, change.was, change.is_)
        for command in change.commands:
            run(command)
