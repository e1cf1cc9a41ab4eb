# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What brings a host's units from where they are to where the catalogue wants them: a plan, made without touching anything.

A unit is stale when something that it read at its start is different now. Of the two slots of a process one is live;
the units of the other one stand by, stopped and disabled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..changes import Change
from ..migration.sides import NATIVE, STANDBY

FIRST_SLOT = "a"
RUNNING = (NATIVE, STANDBY)
"""Sides on which units run."""


@dataclass(frozen=True)
class Wanted:
    """One unit of the catalogue. `process` is the key of its live slot, as in ``auth-web``."""

    name: str
    process: str
    slot: str = FIRST_SLOT
    instance: int = 1
    wave: int = 0
    own_socket: bool = False
    exclusive: bool = False
    files: tuple[str, ...] = ()
    reload_files: tuple[str, ...] = ()
    """Those of `files` that it reads again at a reload."""
    server: str = ""
    """Its name in the proxy's backends `backends`."""
    backends: tuple[str, ...] = ()
    drain_seconds: float = 20
    start_timeout: float = 90
    directories: tuple[str, ...] = ()
    """What systemd makes for it at its start."""
    side: str = NATIVE
    """Which side its service is on. Away from those of `RUNNING` it is enabled, for a condition of its own holds it, and neither started nor stopped."""

    @property
    def twin_restart(self) -> bool:
        """A program that binds its own port would refuse connections while it restarts, so another instance takes over first."""
        return self.own_socket and not self.exclusive


@dataclass(frozen=True)
class Found:
    """What the host says of a unit. `stale` are the paths that changed since its start."""

    active: str = "inactive"
    enabled: bool = False
    known: bool = False
    needs_reload: bool = False
    stale: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return self.active in ("active", "activating", "reloading")

    @property
    def summary(self) -> dict[str, object] | None:
        return {"active": self.running, "enabled": self.enabled} if self.known else None


@dataclass(frozen=True)
class Step:
    """`action` is start, restart, reload, swap (start `unit`, then stop `instead_of`), await or stop."""

    action: str
    unit: Wanted
    why: str = ""
    instead_of: Wanted | None = None


@dataclass
class Plan:
    """In the order in which it is carried out."""

    reload: bool = False
    stop: list[Step] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    disable: list[str] = field(default_factory=list)
    enable: list[str] = field(default_factory=list)
    rounds: list[list[Step]] = field(default_factory=list)
    slots: dict[str, str] = field(default_factory=dict)
    """The live slots as they are afterwards."""

    @property
    def steps(self) -> list[Step]:
        return [step for one in self.rounds for step in one]

    @property
    def interrupted(self) -> list[str]:
        """Running units that end, for good or to start again."""
        ending = [(step.instead_of or step.unit).name for step in self.steps if step.action in ("restart", "swap")]
        return [step.unit.name for step in self.stop] + ending

    @property
    def changed(self) -> bool:
        acts = any(step.action != "await" for step in self.steps)
        return bool(self.reload or self.stop or self.remove or self.disable or self.enable or acts)


def changed_for(files: Iterable[str], changed_paths: Collection[str]) -> tuple[str, ...]:
    """The files that are among the changed paths or lie below one (a release's link, for example)."""
    return tuple(path for path in files if any(path == changed or path.startswith(changed.rstrip("/") + "/") for changed in changed_paths))


def other_slot(wanted: Sequence[Wanted], unit: Wanted) -> Wanted | None:
    """The unit that stands by for `unit`: the same process and place in its slot, other slot."""
    mine = sorted(one.instance for one in wanted if one.process == unit.process and one.slot == unit.slot)
    others = sorted((one for one in wanted if one.process == unit.process and one.slot != unit.slot), key=lambda one: one.instance)
    place = mine.index(unit.instance)
    return others[place] if place < len(others) else None


def in_rounds(steps: Sequence[Step], parallel: int) -> list[list[Step]]:
    """Waves one after the other. In a wave all starts together; then restarts, at most `parallel` and one instance of a process at a time."""
    rounds: list[list[Step]] = []
    for wave in sorted({step.unit.wave for step in steps}):
        mine = [step for step in steps if step.unit.wave == wave]
        rounds.append([step for step in mine if step.action in ("start", "await")])
        running = [step for step in mine if step.action in ("restart", "reload", "swap")]
        for instance in sorted({step.unit.instance for step in running}):
            same = [step for step in running if step.unit.instance == instance]
            rounds.extend(same[first : first + parallel] for first in range(0, len(same), parallel))
    return [one for one in rounds if one]


def _step(wanted: Sequence[Wanted], unit: Wanted, state: Found, stale: tuple[str, ...]) -> Step | None:
    if not state.running:
        return Step("start", unit, "it is not running" if state.active != "failed" else "it has failed")
    if stale:
        why = f"changed since its start: {', '.join(stale)}"
        if state.active == "active" and set(stale) <= set(unit.reload_files):
            return Step("reload", unit, why)
        standby = other_slot(wanted, unit) if unit.twin_restart else None
        return Step("swap", standby, why, instead_of=unit) if standby else Step("restart", unit, why)
    if state.active == "activating":
        return Step("await", unit, "it is starting")
    return None


def plan(
    wanted: Sequence[Wanted],
    found: Mapping[str, Found],
    slots: Mapping[str, str] | None = None,
    changed_paths: Collection[str] = (),
    orphans: Sequence[str] = (),
    parallel: int = 2,
    stop_away: bool = False,
) -> Plan:
    """`orphans` are units of ours that the catalogue does not have any more; `changed_paths` are what this run (or its prediction) wrote.

    `stop_away`: units whose service is not on the native side are stopped where they run.
    """
    slots = slots or {}
    result = Plan(slots={process: slots.get(process, FIRST_SLOT) for process in sorted({unit.process for unit in wanted})})
    steps: list[Step] = []
    for unit in wanted:
        state, away = found.get(unit.name, Found()), unit.side not in RUNNING
        if away and state.running and stop_away:
            result.stop.append(Step("stop", unit, "its service is not on the native side"))
        if unit.slot != result.slots[unit.process]:
            if state.running and not away:
                result.stop.append(Step("stop", unit, "its slot is not the live one"))
            if state.enabled:
                result.disable.append(unit.name)
            continue
        if not state.enabled:
            result.enable.append(unit.name)
        if away:
            continue
        stale = tuple(dict.fromkeys((*state.stale, *changed_for(unit.files, changed_paths))))
        if step := _step(wanted, unit, state, stale):
            steps.append(step)
    for step in steps:
        if step.action == "swap" and step.instead_of:
            result.slots[step.unit.process] = step.unit.slot
            result.enable.append(step.unit.name)
            if step.instead_of.name in result.enable:
                result.enable.remove(step.instead_of.name)
            else:
                result.disable.append(step.instead_of.name)
    result.remove = list(orphans)
    result.reload = any(state.needs_reload for state in found.values()) or any(path.startswith("/etc/systemd/system/") for path in changed_paths)
    result.rounds = in_rounds(steps, parallel)
    return result


def changes(plan_: Plan, found: Mapping[str, Found], now: Mapping[str, object]) -> list[Change]:
    """What happens to each unit, in order: one that comes or goes, whether it starts at boot, and its processes. ``now``: see :func:`after`."""

    def change(name: str, action: str) -> Change:
        return Change("unit", name, found.get(name, Found()).summary, now.get(name), action=action)

    result = [change(step.unit.name, "stop") for step in plan_.stop]
    result += [change(name, "remove") for name in plan_.remove]
    result += [change(name, "disable") for name in plan_.disable] + [change(name, "enable") for name in plan_.enable]
    for step in plan_.steps:
        if step.action == "swap" and step.instead_of:
            result += [change(step.unit.name, "start"), change(step.instead_of.name, "stop")]
        elif step.action != "await":
            result.append(change(step.unit.name, step.action))
    return result


def directories(plan_: Plan) -> list[str]:
    """What the starts make where it is not there yet."""
    starting = [step.unit for step in plan_.steps if step.action in ("start", "restart", "swap")]
    return list(dict.fromkeys(path for unit in starting for path in unit.directories))


def after(plan_: Plan, wanted: Sequence[Wanted], found: Mapping[str, Found]) -> dict[str, dict[str, object] | None]:
    """What each unit that changes will be, in the form of `Found.summary`."""
    result: dict[str, dict[str, object] | None] = dict.fromkeys(plan_.remove)
    for unit in wanted:
        state = found.get(unit.name, Found())
        live = unit.slot == plan_.slots[unit.process]
        stopped = any(step.unit is unit for step in plan_.stop)
        active = live if unit.side in RUNNING else state.running and not stopped
        if state.summary != (now := {"active": active, "enabled": live}) and (live or state.running or state.enabled):
            result[unit.name] = now
    return result
