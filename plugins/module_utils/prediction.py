# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode foresees of a whole run, gathered from the plans that its tasks return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

WORDS = {
    "directory": ("directory", "directories"),
    "hold": ("hold of a package", "holds of packages"),
    "postgresql": ("object of PostgreSQL", "objects of PostgreSQL"),
    "redis": ("user of Redis", "users of Redis"),
}
"""For one and for more, where that is not the kind itself with an s."""
NEEDS_TASK = "it does not say what it changes"


class Prediction:
    """The plans by host, each thing once: two tasks that both want a directory foresee it both."""

    def __init__(self) -> None:
        self._hosts: dict[str, dict[tuple[str, str, str], str]] = {}

    def add(self, host: str, task: str, result: Mapping[str, Any]) -> None:
        """Take up the result of a task, or of each of its items."""
        known = self._hosts.setdefault(host, {})
        for one in result.get("results", [result]):
            for entry in _entries(task, one):
                known.setdefault((entry["kind"], entry["target"], entry["action"]), entry.get("unknown", ""))

    def lines(self, whole: bool) -> list[str]:
        """A line a host with counts; with ``whole`` a line for each thing after it."""
        said = []
        for host, known in sorted(self._hosts.items()):
            said.append(f"{host} would change: {_counted(kind for kind, __, __ in known) or 'nothing'}")
            if not whole:
                continue
            for (kind, target, action), unknown in known.items():
                said.append(f"  {action} {kind} {target}" + (f" (not known yet: {unknown})" if unknown else ""))
        return said


def _entries(task: str, result: Mapping[str, Any]) -> Iterator[Mapping[str, str]]:
    if "plan" in result and isinstance(result["plan"], list):
        yield from result["plan"]
    elif result.get("changed"):
        yield {"kind": "task", "target": task, "action": "run", "unknown": NEEDS_TASK}


def _counted(kinds: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{count} {WORDS.get(kind, (kind, f'{kind}s'))[count > 1]}" for kind, count in counts.items())
