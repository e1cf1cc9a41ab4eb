# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls by which a play frames its run and its steps in the journal."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from . import lock, runs
from .journal import Journal

FORESEEN = "check"
"""The run that check mode would begin."""


class Calls:
    """One call with the options of the module M(cryptobot.native.migration_journal)."""

    def __init__(self, options: Mapping[str, Any], check: bool) -> None:
        self._options, self._check = options, check
        self._journal = Journal(options["directory"])
        self._owner = lock.Owner(options["directory"])

    def do(self) -> dict[str, Any]:
        """The module's result."""
        return dict(getattr(self, self._options["state"])())

    def open(self) -> dict[str, Any]:
        """Take the host, then take up the run."""
        operation, inputs = self._options["operation"], self._options["inputs"]
        unfinished = self._journal.run_id(operation=operation)
        if self._check:
            known = self._known(unfinished or FORESEEN, unfinished is not None, inputs)
            return {"changed": unfinished is None, **known}
        there = self._owner.read()
        self._owner.take(
            self._options["controller"], operation, dead=self._options["dead"], force=self._options["takeover"]
        )
        try:
            run = runs.open_run(self._journal, operation, inputs)
            runs.go_on_with(self._journal, run, self._options["given"], self._options["changed"])
        except runs.RunRefused:
            if not there:
                self._owner.release(self._options["controller"])
            raise
        return {"changed": run != unfinished, **self._known(run, run == unfinished, inputs)}

    def anew(self) -> dict[str, Any]:
        """Leave the run for a new one with the same inputs, in which no step is finished."""
        run = self._options["run"]
        there = next(each for each in runs.runs(self._journal) if each.id == run)
        if self._check:
            return {"changed": True, **self._known(FORESEEN, False, there.inputs)}
        self._journal.close_run(run, "begun anew")
        inputs = {key: value for key, value in there.inputs.items() if key != "operation"}
        fresh = str(self._journal.run_id(start=True, operation=there.operation, inputs=inputs))
        runs.go_on_with(self._journal, fresh, self._options["given"])
        return {"changed": True, **self._known(fresh, False, inputs)}

    def begun(self) -> dict[str, Any]:
        """Begin a step, unless it is done."""
        run, step, inputs = (self._options[key] for key in ("run", "step", "inputs"))
        evidence = self._journal.done(run, step, inputs)
        if evidence is not None:
            return {"changed": False, "finished": True, "evidence": evidence, "run": run}
        if not self._check:
            self._alive()
            self._journal.begin(run, step, inputs)
        return {"changed": False, "finished": False, "evidence": {}, "run": run}

    def done(self) -> dict[str, Any]:
        """End a step."""
        if not self._check:
            self._alive()
            run, step = self._options["run"], self._options["step"]
            self._journal.end(run, step, self._options["inputs"], self._options["evidence"])
        return {"changed": False, "run": self._options["run"]}

    def failed(self) -> dict[str, Any]:
        """Record a failure; a play that has lost the host writes nothing over what its follower does."""
        mine, owner = self._options["controller"], self._owner.read()
        lost = bool(mine and owner) and lock.token(owner) != lock.token(mine)
        if not (self._check or lost):
            self._journal.fail(self._options["run"], self._options["step"], self._options["error"])
        return {"changed": False, "run": self._options["run"]}

    def closed(self) -> dict[str, Any]:
        """End the run and give the host free."""
        if not self._check:
            self._journal.close_run(self._options["run"], self._options["outcome"], self._options["evidence"])
        return {**self.free(), "changed": True}

    def free(self) -> dict[str, Any]:
        """Give the host free."""
        if not self._check:
            self._owner.release(self._options["controller"])
        return {"changed": False, "run": self._options["run"]}

    def read(self) -> dict[str, Any]:
        """What there is."""
        found = [dataclasses.asdict(run) for run in runs.runs(self._journal)]
        unfinished = [run["id"] for run in found if not run["outcome"]]
        group = str(self._options["inputs"].get("group", runs.ALL))
        return {
            "changed": False,
            "at": time.time(),
            "runs": found,
            "owner": self._owner.read(),
            "copied": runs.copied(self._journal),
            "following": runs.following(self._journal),
            "superseded": runs.superseded(self._journal, unfinished[-1] if unfinished else "", group),
            "way": runs.way(self._journal, group),
            "run": unfinished[-1] if unfinished else "",
        }

    def _known(self, run: str, resumed: bool, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the play goes by; the plays of other playbooks by the fact."""
        group = str(inputs.get("group", runs.ALL))
        known = {
            "run": run,
            "resumed": resumed,
            "finished": self._finished(run),
            "opened": runs.opened(self._journal, group),
            "superseded": runs.superseded(self._journal, run, group),
        }
        return {**known, "ansible_facts": {"cryptobot_migration": known}}

    def _finished(self, run: str) -> list[str]:
        steps = runs.timeline(self._journal.lines(), self._journal, run)
        return [step.name for step in steps if step.phase == "done"]

    def _alive(self) -> None:
        """Show that the play is alive; one that has lost the host, or whose run another has ended, stops here."""
        runs.going_on(self._journal, self._options["run"])
        self._owner.beat(self._options["controller"])
