# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal tells of steps besides the one at work."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .journal import Journal


def begun_after(journal: Journal, run: str, step: str, other: str) -> bool:
    """Whether a step has begun since another one of the run was last done: a rerun must not do the other one again."""
    for line in reversed(journal.lines()):
        if line["run"] != run:
            continue
        if line["step"] == step and line["phase"] == "begin":
            return True
        if line["step"] == other and line["phase"] == "done":
            return False
    return False


def cut_off(journal: Journal, run: str, step: str) -> bool:
    """Whether the last attempt at a step has neither ended well nor failed: its process was killed."""
    for line in reversed(journal.lines()):
        if line["run"] == run and line["step"] == step:
            return line["phase"] in ("begin", "progress")
    return False


def unfinished(
    journal: Journal, kinds: Collection[str], datastore: str, target: str, ends: Collection[str]
) -> dict[str, Any] | None:
    """What the last copy of a datastore to this target began to write, if no step of a verb in ``ends`` has finished since."""
    for line in reversed(journal.lines()):
        verb, __, rest = str(line["step"]).partition(":")
        kind, __, name = rest.partition(":")
        if name != datastore or kind not in kinds:
            continue
        if line["phase"] == "done" and verb in ends:
            return None
        progress = line.get("progress") or {}
        if "writing" in progress and progress["target"] == target:
            return dict(progress)
    return None
