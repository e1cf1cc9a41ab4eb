# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runs there were, which operation may follow which, and how long their steps took."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .journal import RUN, Journal


ACTIVATE, OPEN = "activate", "open"
"""Steps by which the native side gets its data under its name, and begins to write."""
MIGRATE, CUT_OVER, ROLLBACK = "migrate", "cut_over", "rollback"
MOVES = (MIGRATE, CUT_OVER)
"""Operations by which groups become native: by stopping, copying and starting, or in a window."""


class RunRefused(Exception):
    """An operation may not begin now; the text says why and what to do first."""


@dataclass
class Timed:
    """A step of a run as the report shows it; ``seconds`` covers its attempts, not the time between them."""

    name: str
    begun: str
    ended: str = ""
    phase: str = "begin"
    attempts: int = 0
    seconds: float = 0.0
    error: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass
class Run:
    """A run; ``outcome`` is empty while it is unfinished."""

    id: str
    operation: str
    inputs: Mapping[str, Any]
    begun: str
    ended: str = ""
    outcome: str = ""
    evidence: dict[str, Any] = field(default_factory=dict)


def runs(journal: Journal) -> list[Run]:
    """All runs, oldest first."""
    found: dict[str, Run] = {}
    for line in journal.lines():
        if line["step"] != RUN:
            continue
        if line["phase"] == "begin":
            inputs = line["inputs"]
            found[line["run"]] = Run(line["run"], inputs["operation"], inputs, line["at"])
        elif line["phase"] == "done" and line["run"] in found:
            run = found[line["run"]]
            run.ended, run.evidence = line["at"], journal.evidence(line)
            run.outcome = str(run.evidence.get("outcome", "done"))
    return list(found.values())


def last(journal: Journal, operation: str) -> Run | None:
    """The last run of an operation."""
    return next((run for run in reversed(runs(journal)) if run.operation == operation), None)


def going_on(journal: Journal, run: str) -> None:
    """:class:`RunRefused` where this run has been ended, by its own play or by another one."""
    there = next((each for each in runs(journal) if each.id == run), None)
    if there and there.outcome:
        raise RunRefused(
            f"The run {run} of {there.operation} has ended ({there.outcome}), so this play must not go on with it. "
            f"Nothing was begun. Look with cryptobot.native.status who writes, then begin anew."
        )


def open_run(journal: Journal, operation: str, inputs: Mapping[str, Any]) -> str:
    """The unfinished run of an operation with these inputs, else a new one.

    A rollback takes the place of an unfinished migration or cutover. :class:`RunRefused` where an unfinished rollback,
    or the other way to the native side, is in the way, or the unfinished run was begun with other inputs.
    """
    unfinished = {run.operation: run for run in runs(journal) if not run.outcome}
    if operation in MOVES and (rollback := unfinished.get(ROLLBACK)):
        raise RunRefused(
            f"The rollback {rollback.id} is not finished. Run cryptobot.native.rollback again, which goes on where it "
            f"stopped; then {operation}."
        )
    others = [unfinished[name] for name in MOVES if name in unfinished and operation in MOVES and name != operation]
    if others:
        raise RunRefused(
            f"The run {others[0].id} of {others[0].operation} is not finished. Finish it, cryptobot.native."
            f"{others[0].operation}, or go back, cryptobot.native.rollback; then {operation}."
        )
    if there := unfinished.get(operation):
        begun = {key: value for key, value in there.inputs.items() if key != "operation"}
        if begun != dict(inputs):
            raise RunRefused(
                f"The run {there.id} of {operation} is not finished and was begun with {_words(begun)}, not with "
                f"{_words(inputs)}. Finish it with the same values, or go back with cryptobot.native.rollback."
            )
        return there.id
    for move in (unfinished[name] for name in MOVES if operation == ROLLBACK and name in unfinished):
        journal.close_run(move.id, "abandoned for a rollback")
    return str(journal.run_id(start=True, operation=operation, inputs=inputs))


def opened(journal: Journal) -> str:
    """The migration by which the native side writes, or may have begun to; empty where Docker has all data."""
    found = ""
    begun = {(line["run"], line["step"]) for line in journal.lines() if line["phase"] == "begin"}
    for run in runs(journal):
        if run.operation == "migrate" and (run.id, OPEN) in begun:
            found = run.id
        elif run.operation == "rollback" and run.outcome == "done":
            found = ""
    return found


def way(journal: Journal, group: str) -> str:
    """How this group has last gone to the native side, or tried to, and so how it comes back: an operation of MOVES."""
    moves = [run.operation for run in runs(journal) if run.operation in MOVES and run.inputs.get("group") == group]
    return moves[-1] if moves else MIGRATE


def activated(journal: Journal) -> bool:
    """Whether any run has brought data into its place on the native side."""
    return any(line["phase"] == "done" and line["step"] == ACTIVATE for line in journal.lines())


def superseded(journal: Journal, current: str) -> bool:
    """Whether what earlier runs have left on the native side is known to be old: Docker has, or had, all data since."""
    begun = {line["run"] for line in journal.lines() if line["phase"] == "begin" and line["step"] == ACTIVATE}
    return bool(begun - {current}) and opened(journal) in ("", current)


def timeline(lines: Sequence[Mapping[str, Any]], journal: Journal, run: str) -> list[Timed]:
    """The steps of a run in the order in which they began."""
    steps: dict[str, Timed] = {}
    began: dict[str, str] = {}
    for line in lines:
        name = line["step"]
        if line["run"] != run or name == RUN:
            continue
        step = steps.setdefault(name, Timed(name, line["at"]))
        if line["phase"] == "begin":
            began[name] = line["at"]
            step.attempts, step.phase, step.error = step.attempts + 1, "begin", ""
        elif line["phase"] in ("done", "failed"):
            step.phase, step.ended, step.error = line["phase"], line["at"], line.get("error", "")
            step.seconds += seconds_between(began.pop(name, line["at"]), line["at"])
            step.evidence = journal.evidence(line)
    return list(steps.values())


def seconds_between(first: str, second: str) -> float:
    """Seconds between two times of the journal; a clock that was set back gives 0."""
    parse = datetime.datetime.fromisoformat
    return max(0.0, round((parse(second) - parse(first)).total_seconds(), 3))


def _words(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(inputs.items())) or "no values"
