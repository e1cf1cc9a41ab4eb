# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins: a stopped container loses its name in Docker's DNS, and those that call it would not find the router.

A stand-in is a sleeping container on the same networks. Its address is led to the door of the service first; only then
it takes the service's name, which Docker's DNS answers, too. So nobody who asks for the name meets a closed port.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..docker.containers import SERVICE, Container
from ..docker.engine import DockerError, Engine
from .maps import RouterError

LABEL = "cryptobot-native.stand-in-for"
PROJECT_LABEL = "cryptobot-native.stand-in-project"
SLEEP = ("sleep", "2147483647")
BARE = "--read-only --cap-drop=ALL --security-opt=no-new-privileges --memory=16m --no-healthcheck".split()
"""It gets nothing of what the container has, but for its networks."""


def neutral(project: str, service: str) -> str:
    """What a stand-in is called until its address is known to the router."""
    return f"{project}-stand-in-{service}"


def standins_of(engine: Engine, project: str) -> list[Container]:
    """The stand-ins of a Compose project; ``service`` says whose name each one keeps. Compose itself knows none."""
    label = f"label={PROJECT_LABEL}={project}"
    names = engine.client("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    return sorted((_as_service(raw) for raw in engine.inspect("container", names)), key=lambda one: one.service)


def _as_service(raw: Mapping[str, Any]) -> Container:
    labels = raw["Config"].get("Labels") or {}
    return Container({**raw, "Config": {**raw["Config"], "Labels": {SERVICE: labels[LABEL]}}})


def names_of(container: Container) -> set[str]:
    """What others may call a container by: its aliases on its networks, and a name that Compose did not make up."""
    found = {alias for one in container.networks.values() for alias in one.get("Aliases") or []}
    made_up = {f"{container.project}{sign}{container.service}{sign}{container.number}" for sign in "-_"}
    return (found | {container.name}) - made_up - {container.id[:12]}


class Standins:
    """Of the containers of a project."""

    def __init__(self, project: str, engine: Engine, containers: Sequence[Container]) -> None:
        self._project, self._engine, self._containers = project, engine, containers

    def refused(self, services: Iterable[str]) -> list[str]:
        """Why a stand-in cannot keep a service's names, by sentences."""
        taken = {one.name for one in self._containers}
        found = []
        for service in services:
            mine = [one for one in self._containers if one.service == service]
            more = set().union(*(names_of(one) for one in mine)) - {service}
            if service in taken:
                found.append(f"{service}: a container has this very name (container_name)")
            elif more:
                found.append(f"{service}: others may call it {', '.join(sorted(more))}, too")
        return found

    def make(self, services: Iterable[str]) -> list[str]:
        """Start what is not there yet, under neutral names; the services for which one was made."""
        there = {one.service: one for one in standins_of(self._engine, self._project)}
        made = []
        for service in services:
            if service not in there:
                self._create(service)
                made.append(service)
            elif there[service].running:
                continue
            self._engine.start(there[service].id if service in there else neutral(self._project, service))
        return made

    def name(self, services: Iterable[str]) -> None:
        """Give them their services' names; the router leads their addresses already."""
        for one in standins_of(self._engine, self._project):
            if one.service in services and one.name != one.service:
                self._engine.client("rename", one.id, one.service)

    def remove(self, services: Iterable[str]) -> list[str]:
        """Those whose containers run again; the services of what was removed."""
        gone = [one for one in standins_of(self._engine, self._project) if one.service in services]
        if gone:
            self._engine.client("rm", "--force", *(one.id for one in gone))
        return [one.service for one in gone]

    def _create(self, service: str) -> None:
        mine = [one for one in self._containers if one.service == service]
        if not mine:
            raise RouterError(f"The Compose project {self._project} has no container of the service {service}.")
        networks = sorted({name for one in mine for name in one.networks})
        labels = ["--label", f"{LABEL}={service}", "--label", f"{PROJECT_LABEL}={self._project}"]
        words = ["create", "--name", neutral(self._project, service), "--restart=always", *labels, *BARE]
        self._engine.client(*words, "--network", networks[0], "--entrypoint", SLEEP[0], self._image(mine[0]), SLEEP[1])
        for network in networks[1:]:
            self._engine.client("network", "connect", network, neutral(self._project, service))

    def _image(self, container: Container) -> str:
        """Of the container itself, or another one of the project that has the program."""
        tried = dict.fromkeys([container.image, *(one.image for one in self._containers)])
        for image in tried:
            try:
                self._engine.client("run", "--rm", "--network=none", *BARE, "--entrypoint", SLEEP[0], image, "0")
            except DockerError:
                continue
            return image
        raise RouterError(
            f"No image of the project ({', '.join(tried)}) has the program {SLEEP[0]}, so none can keep the name of a "
            "stopped container."
        )
