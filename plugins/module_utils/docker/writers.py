# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers stopped for good and put back exactly: the restart policy goes first, and what it was is in the journal.

A stopped container with `--restart=always` comes back when the engine starts, so it is made `no` before the container
stops. What a container was is written down once, before its first change, and holds until it has been put back: a run
that was cut off in between finds it, whichever run that is.

When each began to run last is written down after they have stopped: who has run in between, and is stopped again,
shows by another time.

One that goes on running unattended loses its restart policy alone, and whoever did that stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ..changes import Change
from ..migration import faults
from .containers import NEVER, Container
from .engine import DockerError, Engine

STOP = "docker:stop"
UNATTEND = "docker:unattend"
START = "docker:start"
RESTART_OFF = "no"
POLL = 1.0


@dataclass(frozen=True)
class Kept:
    """What a container was before it was stopped."""

    id: str
    name: str
    service: str
    policy: str
    running: bool
    uid: int | None = None
    gid: int | None = None

    @classmethod
    def of(cls, container: Container) -> Kept:
        ids = container.identity
        names = (container.id, container.name, container.service)
        return cls(*names, container.restart_policy, container.running, ids["uid"], ids["gid"])

    @property
    def identity(self) -> dict[str, int | None]:
        """As whom it ran."""
        return {"uid": self.uid, "gid": self.gid}


@dataclass(frozen=True)
class ContainerChange(Change):
    """A change of one container; ``commands`` are words of Docker's client."""

    id: str = ""


def kept(lines: Iterable[Mapping[str, Any]], project: str) -> dict[str, Kept]:
    """By id, what the journal says of containers that were stopped, or left unattended, and not put back since."""
    found: dict[str, Kept] = {}
    for line in lines:
        progress = line.get("progress") or {}
        if line.get("phase") != "progress" or progress.get("project") != project:
            continue
        if line["step"] in (STOP, UNATTEND):
            for one in progress.get("was", []):
                found.setdefault(one["id"], Kept(**one))
        elif line["step"] == START:
            for identifier in progress.get("put_back", []):
                found.pop(identifier, None)
    return found


def noted(lines: Iterable[Mapping[str, Any]], run: str, project: str) -> list[dict[str, str]]:
    """When the containers that this run has stopped began last, by id: what it has written down, oldest first."""
    progress = [line["progress"] for line in lines if (line["run"], line["step"], line["phase"]) == (run, STOP, "progress")]
    return [one["began"] for one in progress if one.get("project") == project and "began" in one]


def unattended(lines: Iterable[Mapping[str, Any]], run: str, project: str) -> frozenset[str]:
    """Ids of the containers that this run has left without a restart policy, and running."""
    progress = [line["progress"] for line in lines if (line["run"], line["step"], line["phase"]) == (run, UNATTEND, "progress")]
    return frozenset(identifier for one in progress if one.get("project") == project for identifier in one["unattended"])


def began(containers: Iterable[Container]) -> dict[str, str]:
    """The same as it is now."""
    return {one.id: one.started for one in containers}


def have_run(
    containers: Iterable[Container], before: Sequence[Mapping[str, str]], apart: Collection[str] = ()
) -> list[str]:
    """Names of those that run, or have run, since what is ``noted`` of this run began: what they wrote is new.

    ``apart``: ids of those that were ``unattended`` first, and so may have run until this run stopped them.
    """
    if not before:
        return []
    known: dict[str, str] = {}
    for note in before[1:]:
        for identifier in note.keys() & set(apart):
            known.setdefault(identifier, note[identifier])
    known.update(before[0])
    return [
        one.name
        for one in containers
        if one.started != known.get(one.id, one.started if one.id in apart else NEVER)
    ]


def chosen(containers: Iterable[Container], services: Sequence[str] | None, without: Sequence[str]) -> list[Container]:
    """Those of the named services (of all, with ``None``) but for the excepted ones. Raises where a service has none."""
    containers = list(containers)
    if missing := sorted(set(services or ()) - {one.service for one in containers}):
        raise DockerError(
            f"No container of the service {', '.join(missing)} is on this host. Check docker: {{service: …}} in the catalogue."
        )
    return [one for one in containers if (services is None or one.service in services) and one.service not in without]


def plan_stop(containers: Iterable[Container]) -> list[ContainerChange]:
    """Restart policy off, then stopped; nothing for one that is both already."""
    return [change for one in containers if (change := _change(one, RESTART_OFF, False))]


def plan_unattended(containers: Iterable[Container]) -> list[ContainerChange]:
    """Restart policy off; running or not as they are."""
    return [change for one in containers if (change := _change(one, RESTART_OFF, one.running))]


def plan_start(
    containers: Iterable[Container], was: Mapping[str, Kept], services: Sequence[str] | None
) -> list[ContainerChange]:
    """Back to what they were. Raises where one of them is not there any more."""
    there = {one.id: one for one in containers}
    wanted = [one for one in was.values() if services is None or one.service in services]
    if gone := sorted(one.name for one in wanted if one.id not in there):
        raise DockerError(
            f"The container {', '.join(gone)} was stopped by the migration and is not there any more, or was made anew since. "
            "Make it from its Compose file (up --no-start), set its restart policy, start it, and note it with "
            "docker_containers: {state: forgotten}."
        )
    pairs = [(there[one.id], one) for one in wanted]
    return [change for now, one in pairs if (change := _change(now, one.policy, one.running or now.running))]


def _change(container: Container, policy: str, running: bool) -> ContainerChange | None:
    was = {"running": container.running, "restart": container.restart_policy}
    is_ = {"running": running, "restart": policy}
    commands: list[tuple[str, ...]] = []
    if was["restart"] != policy:
        commands.append(("update", f"--restart={policy}", container.id))
    if was["running"] and not is_["running"]:
        commands.append(("stop", container.id))
    elif is_["running"] and not was["running"]:
        commands.append(("start", container.id))
    if not commands:
        return None
    return ContainerChange("container", container.name, was, is_, tuple(commands), container.id)


class Writers:
    """Carries out a plan; ``parallel`` containers at a time. ``timeout``: seconds to stop, None for the container's own."""

    def __init__(self, engine: Engine, timeout: int | None = None, parallel: int = 8) -> None:
        self._engine = engine
        self._timeout = timeout
        self._parallel = parallel

    def apply(self, changes: Sequence[ContainerChange], containers: Iterable[Container]) -> None:
        """All restart policies first: from then on no engine's restart revives one. Raises :class:`DockerError`."""
        by_id = {one.id: one for one in containers}
        for change in changes:
            for command in change.commands:
                if command[0] == "update":
                    self._engine.client(*command)
                    faults.point(f"docker:update:{change.target}")
        self._all(lambda change: self._switch(change, by_id[change.id]), changes)

    def _switch(self, change: ContainerChange, container: Container) -> None:
        for command in change.commands:
            if command[0] == "stop":
                self._engine.stop(container, self._timeout)
            elif command[0] == "start":
                self._engine.start(container.id)
            if command[0] != "update":
                faults.point(f"docker:{command[0]}:{change.target}")

    def _all(self, work: Callable[[ContainerChange], None], changes: Sequence[ContainerChange]) -> None:
        with ThreadPoolExecutor(self._parallel) as pool:
            ended = [pool.submit(work, change) for change in changes]
        errors = [str(one.exception()) for one in ended if one.exception()]
        if errors:
            raise DockerError(" ".join(sorted(set(errors))))

    def verify(self, changes: Sequence[ContainerChange]) -> None:
        """That each is as planned; asked anew. Raises :class:`DockerError` naming the ones that are not."""
        seen = {
            raw["Id"]: Container(raw) for raw in self._engine.inspect("container", [change.id for change in changes])
        }
        wrong = [
            f"{change.target} is {seen[change.id].state} with --restart={seen[change.id].restart_policy}"
            for change in changes
            if (seen[change.id].running, seen[change.id].restart_policy)
            != (change.is_["running"], change.is_["restart"])
        ]
        if wrong:
            raise DockerError(f"{'; '.join(wrong)}, which is not what was asked for. See: docker logs NAME")

    def wait_healthy(self, identifiers: Iterable[str], seconds: float) -> None:
        """Until each runs, and is healthy where it has a health check. Raises :class:`DockerError` naming the others."""
        wanted, deadline = list(identifiers), time.monotonic() + seconds
        while wanted:
            containers = [Container(raw) for raw in self._engine.inspect("container", wanted)]
            left = [one for one in containers if not one.running or one.health in ("starting", "unhealthy")]
            if not left:
                return
            if time.monotonic() > deadline:
                said = ", ".join(f"{one.name} ({one.health or one.state})" for one in left)
                raise DockerError(f"After {seconds:.0f} s not healthy: {said}. See: docker logs {left[0].name}")
            time.sleep(POLL)
            wanted = [one.id for one in left]


def progress_was(project: str, containers: Iterable[Container], known: Mapping[str, Kept]) -> dict[str, Any]:
    """What the journal must hold before the first change: those containers of which it holds nothing yet."""
    return {"project": project, "was": [asdict(Kept.of(one)) for one in containers if one.id not in known]}
