# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making releases live while they are used, or leaving everything as it was.

What has a door gets a twin: the instance of its other slot, started on the new release while ``current`` names the old
one and the proxy sends it nothing. What has none, or may run once only, restarts once all twins are healthy. Then the
route changes; the former instances stand by until the new ones have stayed healthy for a while. Up to there any failure
leads back, and so does a boot: a twin's other release is a drop-in below /run.

The attempt is noted on disk before anything starts. What a killed run left is taken back, or ended where it had decided.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from ..database_migrations import redacted
from ..units.edge import EdgeError
from ..units.systemd import LOADED_DIRECTORY, State, SystemdError, digest
from . import dropin
from .errors import ReleaseError
from .layout import NOTE, PROVEN, ROOT, ServiceReleases

NOTED = ".rollout.json"
GRACE = 15.0
"""Seconds beyond the start timeout before a unit counts as not come up."""
PAUSE = 0.5
DOUBT = 3
"""Bad answers in a row after which a process that serves counts as unhealthy."""

Ask = Callable[[str, Any], Any]


class RolloutError(ReleaseError):
    """Everything is as before. ``served``: whether the new release answered requests meanwhile."""

    def __init__(self, text: str, served: bool = False) -> None:
        super().__init__(text)
        self.served = served


@dataclass(frozen=True)
class Instance:
    """One instance of a process; what its fields mean is said in :mod:`.instances`."""

    name: str
    service: str
    process: str
    slot: str
    twin: bool
    static: bool = False
    server: str = ""
    backends: tuple[str, ...] = ()
    drain_seconds: float = 20
    start_timeout: float = 90
    url: str = ""
    expect: Any = None


@dataclass(frozen=True)
class Move:
    """Of a service, from the release that is live to another one."""

    service: str
    was: str
    to: str


@dataclass(frozen=True)
class Attempt:
    """What is under way. ``slots``: the live ones before. ``settling``: it was decided; only forward from here."""

    moves: tuple[Move, ...]
    slots: Mapping[str, str]
    forget: bool = False
    """Whether the releases that are left no longer count as good."""
    settling: bool = False


class Manager(Protocol):
    """systemd, as :class:`..units.systemd.Systemd` speaks to it."""

    def states(self, names: Sequence[str]) -> dict[str, State]: ...
    def daemon_reload(self) -> None: ...
    def enable(self, names: Sequence[str]) -> None: ...
    def disable(self, names: Sequence[str]) -> None: ...
    def start(self, names: Sequence[str]) -> None: ...
    def restart(self, names: Sequence[str]) -> None: ...
    def stop(self, names: Sequence[str]) -> None: ...
    def reset_failed(self, names: Sequence[str]) -> None: ...
    def wait(self, deadlines: dict[str, float]) -> dict[str, State]: ...
    def journal(self, name: str) -> list[str]: ...


class Proxy(Protocol):
    """The proxy, as :class:`..units.edge.Edge` speaks to it."""

    def wait_up(self, backends: Sequence[str], server: str) -> None: ...
    def set_state(self, backends: Sequence[str], server: str, state: str) -> None: ...
    def wait_idle(self, backends: Sequence[str], server: str, limit: float) -> int: ...


@dataclass(frozen=True)
class Places:
    """Where things are on a host."""

    root: Path = ROOT
    units: Path = dropin.UNITS
    dropins: Path = dropin.DIRECTORY
    loaded: Path = Path(LOADED_DIRECTORY)


@dataclass
class Rollout:
    """The releases of one host's services. ``watch``: seconds for which the new ones are looked at once they serve."""

    instances: Sequence[Instance]
    systemd: Manager
    proxy: Proxy
    ask: Ask
    read_slots: Callable[[], dict[str, str]]
    write_slots: Callable[[dict[str, str]], None]
    watch: float = 5
    places: Places = field(default_factory=Places)
    sleep: Callable[[float], None] = time.sleep

    def pending(self) -> Attempt | None:
        """What a run that was killed left."""
        try:
            read = json.loads((self.places.root / NOTED).read_text())
        except (OSError, ValueError):
            return None
        return Attempt(**{**read, "moves": tuple(Move(**each) for each in read["moves"])})

    def recover(self) -> Attempt | None:
        """Take back what a killed run left, or end it where it had decided; what it was."""
        if (left := self.pending()) is None:
            return None
        if left.settling:
            self._settle(left)
        else:
            self._back(left)
        return left

    def run(self, moves: Sequence[Move], forget: bool = False) -> Attempt:
        """What was done. Raises :class:`RolloutError` when the releases that were live are live again, and serve."""
        attempt = Attempt(tuple(moves), self.read_slots(), forget)
        for move in moves:
            self._whole(move)
        self._note(attempt)
        served = False
        try:
            self._twins(attempt)
            served = bool(self._single(attempt))
            self._others(attempt)
            served = True
            self._route(attempt)
            self._watch(attempt)
        except (ReleaseError, SystemdError, EdgeError, OSError) as error:
            try:
                self._back(attempt)
            except (ReleaseError, SystemdError, EdgeError, OSError) as worse:
                text = f"{error}\nThe way back failed, too: {worse}. Run it again: it begins with the way back."
                raise RolloutError(text, served) from None
            raise RolloutError(str(error), served) from None
        attempt = replace(attempt, settling=True)
        self._note(attempt)
        self._settle(attempt)
        return attempt

    def changes(self, attempt: Attempt) -> list[tuple[str, str, Any, Any]]:
        """Of one that has settled, for the host's record of state."""
        made: list[tuple[str, str, Any, Any]] = [
            ("symlink", str(self._releases(move.service).home / "current"), move.was, move.to) for move in attempt.moves
        ]
        runs, stands_by = {"active": True, "enabled": True}, {"active": False, "enabled": False}
        for old, new in self._pairs(attempt):
            made += [("unit", new.name, stands_by, runs), ("unit", old.name, runs, stands_by)]
        return made

    def plan(self, moves: Sequence[Move]) -> list[str]:
        """In the order of its steps, what a run does."""
        attempt = Attempt(tuple(moves), self.read_slots())
        pairs = self._pairs(attempt)
        lines = [f"start {new.name} on release {self._to(attempt, new)} beside {old.name}" for old, new in pairs]
        lines += [f"lead {move.service} from release {move.was} to {move.to}" for move in moves]
        lines += [f"restart {each.name}" for each in self._single(attempt)]
        lines += [f"lead the route from {old.name} to {new.name}" for old, new in pairs]
        return lines + [f"stop {old.name}" for old, __ in pairs]

    def _whole(self, move: Move) -> None:
        path = self._releases(move.service).path(move.to)
        static = any(each.static for each in self.instances if each.service == move.service)
        if static and not (path / "dist/index.html").is_file():
            raise ReleaseError(
                f"{move.service}: release {move.to} has no dist/index.html, so it would serve nothing. {self._stays([move])} "
                "Correct its build and release again."
            )

    def _mine(self, attempt: Attempt) -> list[Instance]:
        names = {move.service for move in attempt.moves}
        return [each for each in self.instances if each.service in names]

    def _live(self, attempt: Attempt, one: Instance) -> bool:
        return one.slot == attempt.slots.get(one.process, "a")

    def _pairs(self, attempt: Attempt) -> list[tuple[Instance, Instance]]:
        """Each instance that serves, with its twin."""
        mine = [each for each in self._mine(attempt) if each.twin]
        old = [each for each in mine if self._live(attempt, each)]
        new = [each for each in mine if not self._live(attempt, each)]
        by_process: dict[str, list[Instance]] = {}
        for each in new:
            by_process.setdefault(each.process, []).append(each)
        return [(each, by_process[each.process].pop(0)) for each in old]

    def _single(self, attempt: Attempt) -> list[Instance]:
        """What restarts in its place. Static files are followed by their server without a restart."""
        return [each for each in self._mine(attempt) if not each.twin and not each.static and self._live(attempt, each)]

    def _to(self, attempt: Attempt, one: Instance) -> str:
        return next(move.to for move in attempt.moves if move.service == one.service)

    def _releases(self, service: str) -> ServiceReleases:
        return ServiceReleases(service, self.places.root)

    def _twins(self, attempt: Attempt) -> None:
        """Started and healthy, and unknown to users."""
        new = [twin for __, twin in self._pairs(attempt)]
        if not new:
            return
        self.systemd.stop([each.name for each in new])
        for each in new:
            self.proxy.set_state(each.backends, each.server, "drain")
            text = (self.places.units / each.name).read_text()
            made = dropin.of_release(text, each.service, self._to(attempt, each), self.places.root)
            dropin.place(each.name, made, self.places.dropins)
        self.systemd.daemon_reload()
        self.systemd.start([each.name for each in new])
        self._healthy(new, attempt)

    def _others(self, attempt: Attempt) -> None:
        single = self._single(attempt)
        static = [each for each in self._mine(attempt) if each.static and self._live(attempt, each)]
        if single or static:
            self._switch((move.service, move.to) for move in attempt.moves)
        if single:
            self.systemd.restart([each.name for each in single])
            self._healthy(single, attempt)

    def _healthy(self, ones: Sequence[Instance], attempt: Attempt) -> None:
        states = self.systemd.wait({each.name: each.start_timeout + GRACE for each in ones})
        for each in ones:
            if states[each.name].active != "active":
                raise ReleaseError(self._ill(each, attempt, states[each.name].status or states[each.name].active))

    def _route(self, attempt: Attempt) -> None:
        for old, new in self._pairs(attempt):
            self._lead(old, new)

    def _lead(self, away: Instance, towards: Instance) -> None:
        self.proxy.set_state(towards.backends, towards.server, "ready")
        self.proxy.wait_up(towards.backends, towards.server)
        self.proxy.set_state(away.backends, away.server, "drain")

    def _watch(self, attempt: Attempt) -> None:
        """What serves now is asked itself, beside what the manager knows."""
        watched = [new for __, new in self._pairs(attempt)] + self._single(attempt)
        watched += [each for each in self._mine(attempt) if each.static and self._live(attempt, each)]
        doubts = dict.fromkeys((each.name for each in watched), 0)
        left = self.watch
        while True:
            states = self.systemd.states([each.name for each in watched])
            for each in watched:
                seen = self.ask(each.url, each.expect) if each.url else None
                if states[each.name].active not in ("active", "reloading"):
                    raise ReleaseError(self._ill(each, attempt, f"it ended when it served ({states[each.name].active})"))
                doubts[each.name] = 0 if seen is None or seen.healthy else doubts[each.name] + 1
                if seen is not None and doubts[each.name] >= DOUBT:
                    raise ReleaseError(self._ill(each, attempt, f"it was healthy and is not any more: {seen.saw}"))
            if left <= 0 and not any(doubts.values()):
                return
            self.sleep(PAUSE)
            left -= PAUSE

    def _back(self, attempt: Attempt) -> None:
        """Everything as before: the route first, then what restarts, then the twins."""
        pairs = self._pairs(attempt)
        for old, new in pairs:
            # One that was down before the release stays so: there is nothing to wait for.
            with contextlib.suppress(EdgeError):
                self._lead(new, old)
            self.proxy.set_state(new.backends, new.server, "drain")
            self.proxy.wait_idle(new.backends, new.server, new.drain_seconds)
        moved = [move for move in attempt.moves if self._releases(move.service).link("current") != move.was]
        self._switch((move.service, move.was) for move in moved)
        names = {move.service for move in moved}
        if single := [each for each in self._single(attempt) if each.service in names]:
            self.systemd.restart([each.name for each in single])
            states = self.systemd.wait({each.name: each.start_timeout + GRACE for each in single})
            if ill := [name for name, state in states.items() if state.active != "active"]:
                raise ReleaseError(f"{', '.join(ill)} did not become healthy on the release before. See journalctl -u {ill[0]}")
        self._end([new for __, new in pairs])
        (self.places.root / NOTED).unlink(missing_ok=True)

    def _settle(self, attempt: Attempt) -> None:
        """The new ones are what a boot starts; the old ones end. May be repeated."""
        pairs = self._pairs(attempt)
        self._switch((move.service, move.to) for move in attempt.moves)
        slots = {**self.read_slots(), **{new.process: new.slot for __, new in pairs}}
        if pairs:
            self.write_slots(slots)
            self.systemd.enable([new.name for __, new in pairs])
            self.systemd.disable([old.name for old, __ in pairs])
            if dropin.remove([new.name for __, new in pairs], self.places.dropins):
                self.systemd.daemon_reload()
        for __, new in pairs:
            self._remember(new)
        for old, new in pairs:
            self._lead(old, new)
            self.proxy.wait_idle(old.backends, old.server, old.drain_seconds)
        self._end([old for old, __ in pairs])
        for move in attempt.moves:
            releases = self._releases(move.service)
            releases.prove()
            if attempt.forget:
                (releases.path(move.was) / PROVEN).unlink(missing_ok=True)
        (self.places.root / NOTED).unlink(missing_ok=True)

    def _end(self, ones: Sequence[Instance]) -> None:
        """They stop; the proxy would send to them again, so that a later start is not in vain."""
        if not ones:
            return
        names = [each.name for each in ones]
        self.systemd.stop(names)
        states = self.systemd.states(names)
        self.systemd.reset_failed([name for name in names if states[name].active == "failed"])
        if dropin.remove(names, self.places.dropins):
            self.systemd.daemon_reload()
        for each in ones:
            self.proxy.set_state(each.backends, each.server, "ready")

    def _switch(self, wanted: Iterable[tuple[str, str]]) -> None:
        for service, release in wanted:
            releases = self._releases(service)
            if releases.link("current") != release:
                releases.switch(release)

    def _remember(self, one: Instance) -> None:
        """A twin noted at its start what was live then; what it runs is live now."""
        live = f"{self._releases(one.service).home}/current/{NOTE}"
        record = self.places.loaded / one.name
        lines = record.read_text().splitlines() if record.exists() else []
        made = [f"{digest(live)}  {live}" if line.partition("  ")[2] == live else line for line in lines]
        if made != lines:
            new = record.with_name(f"{record.name}.new")
            new.touch(mode=0o600)
            new.write_text("\n".join(made) + "\n")
            os.replace(new, record)

    def _note(self, attempt: Attempt) -> None:
        path = self.places.root / NOTED
        new = path.with_suffix(".new")
        with new.open("w") as file:
            json.dump(asdict(attempt), file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)

    def _stays(self, moves: Iterable[Move]) -> str:
        return " ".join(f"Release {move.was} of {move.service} is live and served all the time." for move in moves)

    def _ill(self, one: Instance, attempt: Attempt, saw: str) -> str:
        said = "".join(f"\n  {redacted(line)}" for line in self.systemd.journal(one.name)[-10:])
        return (
            f"{one.name}: release {self._to(attempt, one)} is not healthy: {saw}. Everything is as before. "
            f"{self._stays(attempt.moves)} Its log: journalctl -u {one.name}; the last it said:{said or ' nothing'}\n"
            "Correct the release, and run it again."
        )
