# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out a plan of units: in rounds, each gated by health, stopping at the first round in which something fails."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from .edge import Edge, EdgeError
from .plan import Plan, Step
from .systemd import State, Systemd

SLOTS = "/var/lib/cryptobot/slots.json"
GRACE = 30.0
"""Seconds beyond the start timeout before a unit counts as not come up: the first delays of a failing one fit in."""
ELSEWHERE = 5.0
"""Seconds in which a proxy on another host, which cannot be asked from here, has looked at a new instance."""


@dataclass
class Outcome:
    """What became of one unit. `saw` is systemd's state and what the launcher said last; `journal` only of one that failed."""

    unit: str
    action: str
    healthy: bool
    saw: str
    seconds: float = 0.0
    why: str = ""
    journal: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def read_slots(path: str = SLOTS) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except FileNotFoundError:
        return {}


def write_slots(slots: dict[str, str], path: str = SLOTS) -> None:
    """On disk before it returns: after a crash the slot that the proxy was led to is the one that starts."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(slots, file, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def describe(state: State) -> str:
    words = f"{state.active} ({state.sub})"
    if state.restarts:
        words += f", restarted {state.restarts} times"
    if state.active == "failed" or state.result not in ("", "success"):
        words += f", result {state.result}"
    return f"{words}, {state.status}" if state.status else words


class Runner:
    def __init__(self, systemd: Systemd, edge: Edge, slots_path: str = SLOTS, elsewhere: float = ELSEWHERE) -> None:
        self._systemd = systemd
        self._edge = edge
        self._slots_path = slots_path
        self._elsewhere = elsewhere
        self.outcomes: list[Outcome] = []

    @property
    def failed(self) -> list[Outcome]:
        return [one for one in self.outcomes if not one.healthy]

    def run(self, plan: Plan, slots_before: dict[str, str]) -> None:
        """Raises SystemdError or EdgeError; units that did not come up are in `failed` instead."""
        if plan.reload:
            self._systemd.daemon_reload()
        self._stop(list(plan.stop))
        self._systemd.remove(plan.remove)
        swapped = {name for step in plan.steps if step.action == "swap" for name in (step.unit.name, step.instead_of.name if step.instead_of else "")}
        self._systemd.disable([name for name in plan.disable if name not in swapped])
        self._systemd.enable([name for name in plan.enable if name not in swapped])
        slots = dict(slots_before)
        for one in plan.rounds:
            self._round(one, slots)
            if self.failed:
                return

    def _stop(self, steps: Sequence[Step]) -> None:
        drained = [step for step in steps if step.unit.own_socket and self._edge.here]
        self._systemd.stop([step.unit.name for step in steps if step not in drained])
        for step in drained:
            self._drained_stop(step)

    def _round(self, steps: Sequence[Step], slots: dict[str, str]) -> None:
        began = time.monotonic()
        starts = [step.unit.name for step in steps if step.action in ("start", "swap")]
        restarts = [step.unit.name for step in steps if step.action == "restart"]
        self._systemd.start(starts)
        self._systemd.restart(restarts)
        complaints = {step.unit.name: self._systemd.reload(step.unit.name) for step in steps if step.action == "reload"}
        states = self._systemd.wait({step.unit.name: step.unit.start_timeout + GRACE for step in steps})
        for step in steps:
            state = states[step.unit.name]
            refused = complaints.get(step.unit.name, "")
            healthy = state.active == "active" and not refused
            saw = refused or describe(state)
            outcome = Outcome(step.unit.name, step.action, healthy, saw, round(time.monotonic() - began, 1), step.why)
            if not healthy:
                outcome.journal = self._systemd.journal(step.unit.name)
            self.outcomes.append(outcome)
            if healthy and step.action == "swap":
                self._hand_over(step, slots)

    def _hand_over(self, step: Step, slots: dict[str, str]) -> None:
        """The new instance serves; record it before the old one goes, so that a boot in between starts one that is up to date."""
        old, new = step.instead_of, step.unit
        if old is None:
            raise ValueError(f"{new.name} does not take the place of another instance")
        if self._edge.here and new.backends:
            self._edge.wait_up(new.backends, new.server)
        elif new.backends:
            time.sleep(self._elsewhere)
        slots[new.process] = new.slot
        write_slots(slots, self._slots_path)
        self._systemd.enable([new.name])
        self._systemd.disable([old.name])
        self._drained_stop(Step("stop", old, step.why))

    def _drained_stop(self, step: Step) -> None:
        unit = step.unit
        proxied = self._edge.here and bool(unit.backends)
        if proxied:
            self._edge.set_state(unit.backends, unit.server, "drain")
            self._edge.wait_idle(unit.backends, unit.server, unit.drain_seconds)
        try:
            self._systemd.stop([unit.name])
        finally:
            if proxied:
                self._edge.set_state(unit.backends, unit.server, "ready")


__all__ = ["SLOTS", "EdgeError", "Outcome", "Runner", "describe", "read_slots", "write_slots"]
