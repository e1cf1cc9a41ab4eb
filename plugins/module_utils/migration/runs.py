# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runs there were, which operation may follow which, and how long their steps took."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .given import differing
from .journal import RUN, Journal


ACTIVATE, OPEN = "activate", "open"
"""Steps by which the native side gets its data under its name, and begins to write."""
WINDOW = "window"
FOLLOWS, UNFOLLOW = frozenset({"follow", WINDOW}), "unfollow"
"""Steps after which one side follows the other, and the one that gives that up and removes the copies."""
COPIES = FOLLOWS | {ACTIVATE}
"""Steps after which the native side has data of its own to compare."""
MIGRATE, CUT_OVER, ROLLBACK, RESTORE = "migrate", "cut_over", "rollback", "restore"
MOVES = (MIGRATE, CUT_OVER)
"""Operations by which groups become native: by stopping, copying and starting, or in a window."""
DEPENDS = frozenset({"close", "follow"})
"""Steps from which on the data that move depend on what the run is given."""
ALL = "all"
GIVEN = {"group": "migration_group", "backup": "backup"}
"""By input of a run the variable that a play is given it by."""


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

    @property
    def group(self) -> str:
        """The migration group that moves, or all."""
        return str(self.inputs.get("group", ALL))

    @property
    def command(self) -> str:
        """What goes on with it."""
        return command(self.operation, self.inputs)


def command(operation: str, inputs: Mapping[str, Any]) -> str:
    """The whole command of an operation."""
    given = [f"-e {name}={inputs[key]}" for key, name in GIVEN.items() if inputs.get(key, ALL) != ALL]
    return " ".join([f"ansible-playbook cryptobot.native.{operation}", *given])


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

    A rollback takes the place of an unfinished migration or cutover of the same group. :class:`RunRefused` where what
    is unfinished is in the way, or was begun with other inputs.
    """
    unfinished = {run.operation: run for run in runs(journal) if not run.outcome}
    first = "It goes on where it stopped by {}; then " + command(operation, inputs)
    if operation in (*MOVES, ROLLBACK) and (restore := unfinished.get(RESTORE)):
        raise RunRefused(f"The restore {restore.id} is not finished. {first.format(restore.command)}")
    if operation in MOVES and (rollback := unfinished.get(ROLLBACK)):
        raise RunRefused(f"The rollback {rollback.id} is not finished. {first.format(rollback.command)}")
    moves = [unfinished[name] for name in MOVES if name in unfinished]
    if operation in MOVES and (others := [run for run in moves if run.operation != operation]):
        raise RunRefused(_unfinished(others[0], operation, inputs))
    if there := unfinished.get(operation):
        begun = {key: value for key, value in there.inputs.items() if key != "operation"}
        if begun != dict(inputs):
            back = f", or go back: {command(ROLLBACK, begun)}" if operation in MOVES else ""
            raise RunRefused(
                f"The run {there.id} of {operation} is not finished and was begun with {_words(begun)}, not with "
                f"{_words(inputs)}. Finish it with the same values: {there.command}{back}"
            )
        return there.id
    if operation == ROLLBACK:
        # What another group has half-done would be left with neither side serving it.
        if others := [run for run in moves if run.group != inputs.get("group", ALL)]:
            raise RunRefused(_unfinished(others[0], operation, inputs))
        for move in moves:
            journal.close_run(move.id, "abandoned for a rollback")
    return str(journal.run_id(start=True, operation=operation, inputs=inputs))


def go_on_with(journal: Journal, run: str, now: Mapping[str, str], changed: bool = False) -> None:
    """Keep what a run is given now. :class:`RunRefused` where its data depend on another one, unless that is meant."""
    lines = [line for line in journal.lines() if line["run"] == run]
    known = [line["progress"]["given"] for line in lines if line["step"] == RUN and "given" in line.get("progress", {})]
    before = known[-1] if known else {}
    begun = any(line["step"] in DEPENDS and line["phase"] == "begin" for line in lines)
    there = next(each for each in runs(journal) if each.id == run)
    if begun and not changed and (names := differing(before, now)):
        raise RunRefused(
            f"The run {run} of {there.operation} goes on with another inventory or vault than it was begun with: "
            f"{', '.join(names)}. Go on with what it was begun with: {there.command}; where the change is meant: "
            f"{there.command} -e migration_changed=true; or go back: {command(ROLLBACK, there.inputs)}"
        )
    if now and now != before:
        journal.note(run, {"given": dict(now)})


def _unfinished(run: Run, operation: str, inputs: Mapping[str, Any]) -> str:
    return (
        f"The run {run.id} of {run.operation} is not finished. Finish it, {run.command}, or go back with it, "
        f"{command(ROLLBACK, run.inputs)}; then {command(operation, inputs)}"
    )


def opened(journal: Journal, group: str = ALL) -> str:
    """The migration by which the native side writes this group, or may have begun to, or any of ``all``; empty where
    Docker has all data of it."""
    known = {run.id: run for run in runs(journal)}
    found: dict[str, str] = {}
    for line in journal.lines():
        run = known.get(line["run"])
        if run is None or not _concerns(run, group):
            continue
        if (line["step"], line["phase"], run.operation) == (OPEN, "begin", MIGRATE):
            found[run.group] = run.id
        elif (line["step"], line["phase"], run.operation, run.outcome) == (RUN, "done", ROLLBACK, "done"):
            found = {} if run.group in (ALL, group) else {name: id_ for name, id_ in found.items() if name != run.group}
    return list(found.values())[-1] if found else ""


def _concerns(run: Run, group: str) -> bool:
    return ALL in (group, run.group) or run.group == group


def way(journal: Journal, group: str) -> str:
    """How this group has last gone to the native side, or tried to, and so how it comes back: an operation of MOVES."""
    moves = [run.operation for run in runs(journal) if run.operation in MOVES and run.inputs.get("group") == group]
    return moves[-1] if moves else MIGRATE


def copied(journal: Journal) -> list[str]:
    """The migration groups, or all, of which a run has brought data into its place on the native side."""
    return _done(journal, COPIES)


def following(journal: Journal) -> list[str]:
    """Those of which either side's data follow the other's."""
    return _done(journal, FOLLOWS)


def _done(journal: Journal, steps: Collection[str]) -> list[str]:
    groups = {run.id: run.group for run in runs(journal)}
    made: set[str] = set()
    for line in journal.lines():
        group = groups.get(line["run"]) if line["phase"] == "done" else None
        if group and line["step"] in steps:
            made.add(group)
        elif group and line["step"] == UNFOLLOW:
            made.discard(group)
    return sorted(made)


def superseded(journal: Journal, current: str, group: str = ALL) -> bool:
    """Whether what earlier runs have left of this group on the native side is known to be old: Docker has, or had, all
    data since."""
    mine = {run.id: run for run in runs(journal) if _concerns(run, group) and run.id != current}
    begun = {line["run"] for line in journal.lines() if line["phase"] == "begin" and line["step"] == ACTIVATE}
    return bool(begun & set(mine) or _led_back(journal, mine)) and opened(journal, group) in ("", current)


def _led_back(journal: Journal, among: Mapping[str, Run]) -> bool:
    """Whether what changed sides in a window has come back by one, each group of it."""
    last: dict[str, str] = {}
    for line in journal.lines():
        run = among.get(line["run"])
        if run and (line["step"], line["phase"]) == (WINDOW, "done"):
            last = {} if run.group == ALL else last
            last[run.group] = run.operation
    return bool(last) and set(last.values()) == {ROLLBACK}


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
