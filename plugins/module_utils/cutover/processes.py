# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of which there may be one side's alone: they stop in the window on the one, and start on the other.

Before the window their containers' restart policy is `no`, so that nothing starts one behind its back. What could not be
started is said and not waited for: the group's other processes go on. Borrowers, native before and after, are restarted
with them, for what they use changes its place: their sockets stay, and whoever comes before they are healthy waits there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol

from ..docker.containers import Container
from ..docker.engine import DockerError, Engine
from ..docker.writers import RESTART_OFF
from ..migration import faults
from ..migration.journal import write_whole
from ..router.traffic import Traffic
from ..units.systemd import Systemd, SystemdError
from .errors import CutoverError
from .intent import Intent

DOCKER = "docker"
BOOK = "solo.json"
START_SECONDS = 30.0
PAUSE_SECONDS = 0.2
RUNNING = ("active", "reloading")


class Side(Protocol):
    """The processes on one side."""

    def running(self) -> list[str]: ...

    def absent(self) -> list[str]: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


class Containers:
    """Of Compose services."""

    def __init__(self, project: str, services: Sequence[str], engine: Engine) -> None:
        self._project, self._services, self._engine = project, services, engine

    def found(self) -> list[Container]:
        return [one for one in self._engine.containers(self._project) if one.service in self._services]

    def running(self) -> list[str]:
        return [one.name for one in self.found() if one.running]

    def absent(self) -> list[str]:
        """Services of which none runs."""
        there = {one.service for one in self.found() if one.running}
        return [f"the container of {service}" for service in self._services if service not in there]

    def revived(self) -> list[str]:
        """Those that the engine starts by itself."""
        return [one.name for one in self.found() if one.restart_policy != RESTART_OFF]

    def stop(self) -> None:
        """All at once. One that another call is stopping has stopped, too, when this returns."""
        self._all(self._engine.stop)

    def start(self) -> None:
        self._all(lambda one: self._engine.start(one.id))

    def _all(self, work: Callable[[Container], None]) -> None:
        containers = self.found()
        with ThreadPoolExecutor(max(1, len(containers))) as pool:
            for ended in [pool.submit(work, one) for one in containers]:
                ended.result()


class Units:
    """Of systemd. ``slots`` are all that may run, ``units`` those that start."""

    def __init__(self, units: Sequence[str], slots: Sequence[str], systemd: Systemd | None = None) -> None:
        self._units, self._slots, self._systemd = units, slots, systemd or Systemd()

    def running(self) -> list[str]:
        states = self._systemd.states(self._slots)
        return [unit for unit in self._slots if states[unit].active not in ("inactive", "failed")]

    def absent(self) -> list[str]:
        states = self._systemd.states(self._units)
        return [unit for unit in self._units if states[unit].active not in RUNNING]

    def stop(self) -> None:
        self._systemd.stop(self._slots)

    def start(self) -> None:
        """They run when they are healthy, which they say themselves."""
        self._systemd.start(self._units)


class Processes:
    """Of one window; ``traffic``: the router for the groups that change sides; ``patience``: seconds that a start is waited
    for. Requests wait as long at the router, then in the socket of a unit; whoever is late goes on starting."""

    def __init__(
        self,
        intent: Intent,
        directory: Path,
        traffic: Traffic,
        engine: Engine | None = None,
        patience: float = START_SECONDS,
    ) -> None:
        self._intent, self._solo, self._book = intent, intent.solo, Path(directory) / BOOK
        self._traffic, self._engine, self._patience = traffic, engine or Engine(), patience
        self._systemd = Systemd()
        self.doors = [door.name for door in traffic.doors if door.container in self._solo.containers]

    def __bool__(self) -> bool:
        return bool(self._solo.containers or self._solo.units or self._solo.borrowers)

    def obstacles(self) -> list[str]:
        """Sentences about what stands against a window; changes nothing."""
        if not self:
            return []
        source, target = self._intent.source, self._intent.target
        wrong = [f"On the {source} side {name} does not run. Start it first." for name in self._side(source).absent()]
        wrong += [
            f"On the {target} side {name} runs already, and may run on one side alone."
            for name in self._side(target).running()
        ]
        return wrong + [
            f"The engine would start {name} again, which must stay stopped: docker update --restart=no {name}"
            for name in self._containers().revived()
        ]

    def stop(self) -> None:
        """On the source. Raises CutoverError where one is still there."""
        note = json.dumps({"id": self._intent.id}) + "\n"
        faults.part("book", lambda: write_whole(self._book, note))
        side = self._side(self._intent.source)
        faults.part("processes", side.stop)
        if running := side.running():
            raise CutoverError(f"{', '.join(running)} did not stop.")

    def start(self) -> list[str]:
        """On the target, healthy, and borrowers on their way; sentences about those that are not in time. May be repeated."""
        until = time.monotonic() + self._patience
        with ThreadPoolExecutor(1) as pool:
            seconds = max(1.0, self._patience)
            restarted = pool.submit(self._tried, lambda: self._systemd.restart_running(self._solo.borrowers, seconds))
            return self._started(self._intent.target, until) + restarted.result()

    def again(self) -> list[str]:
        """On the source, where this window has stopped them; sentences about those that do not come back."""
        if not self._stopped():
            return []
        # One that is being stopped still for a controller that is gone would stop after its start.
        self._tried(self._side(self._intent.source).stop)
        return self._started(self._intent.source, time.monotonic() + self._patience)

    def _stopped(self) -> bool:
        try:
            return bool(json.loads(self._book.read_text(encoding="utf-8")).get("id") == self._intent.id)
        except (FileNotFoundError, ValueError):
            return False

    def _started(self, name: str, until: float) -> list[str]:
        """The router must find them healthy anew, wherever they are now; where requests have gone on, they serve them."""
        side = self._side(name)
        if self._traffic.is_held():
            faults.part("expect_nothing", lambda: self._traffic.expect_nothing(name, self.doors))
        said = self._again_and_again(lambda: faults.part("processes", side.start), until) or self._again_and_again(lambda: self._see(side), until)
        if name == DOCKER:
            lead = partial(self._traffic.lead_to, self._engine.containers(self._solo.project))
            said += self._tried(lambda: faults.part("lead_to", lead))
        doors = self._traffic.await_health(name, self.doors, max(0.0, until - time.monotonic()))
        if doors and name != DOCKER:
            # The socket of a unit that starts is there already: whoever comes waits in it, instead of being refused.
            self._traffic.expect_health(name, doors)
        return said + [f"The router finds nothing healthy on the {name} side behind the door {door} yet." for door in doors]

    @staticmethod
    def _see(side: Side) -> None:
        """Raises CutoverError until they run; systemd passes over a start that a condition forbids."""
        if absent := side.absent():
            raise CutoverError(f"{', '.join(absent)} does not run yet.")

    def _again_and_again(self, work: Callable[[], object], until: float) -> list[str]:
        while (said := self._tried(work)) and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
        return said

    @staticmethod
    def _tried(work: Callable[[], object]) -> list[str]:
        try:
            work()
        except (DockerError, SystemdError, CutoverError) as error:
            return [str(error)]
        return []

    def _containers(self) -> Containers:
        return Containers(self._solo.project, self._solo.containers, self._engine)

    def _side(self, name: str) -> Side:
        return self._containers() if name == DOCKER else Units(self._solo.units, self._solo.slots)
