# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adopting the containers' ports and calls, and giving them back, without touching a container."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..docker.containers import Container
from ..docker.engine import Engine
from . import containers as found
from .adoption import BRIDGED, Adoption, Tables, calls_pass_the_table, not_adopted, wanted
from .flows import BETWEEN, Flow, Flows, end_between, end_flow, named
from .maps import DOOR_KINDS, HOLD, NOT_HELD, SIDE, RouterError, hold_key, lease, locked
from .standins import Standins, standins_of
from .state import Kept
from .workers import Router, docker_backends

HOLD_SECONDS, DRAIN_SECONDS = 5.0, 2.0
DOCKER = "docker"
KEEP, FAIL, END = "keep", "fail", "end"
"""What becomes of clients' connections that were made before and are still there."""


@dataclass
class Outcome:
    """What an adoption left: flows round the router; how many calls between containers were ended, and clients cut."""

    flows: list[Flow] = field(default_factory=list)
    ended: int = 0
    cut: int = 0
    held_seconds: float = 0.0


class Adopting:
    """For the doors of one host and the containers of its project."""

    def __init__(
        self, project: str, doors: Sequence[found.Door], router: Router, engine: Engine, tables: Tables, flows: Flows
    ) -> None:
        self.doors, self.router, self._engine, self._tables, self._flows = doors, router, engine, tables, flows
        self._kept, self._project = Kept(router.files.directory), project
        self.containers: list[Container] = engine.containers(project)

    def plan(self, adopted: bool, ipv6: bool) -> tuple[Adoption | None, Adoption | None]:
        """What is adopted, and what is to be. Raises RouterError where it must not be."""
        before = self._kept.read()
        if self._tables.read() != before:
            before = None if adopted else before
        if not adopted:
            there = before or self._tables.read()
            if there:
                self._may_release()
            return there, None
        if not self.router.files.there:
            raise RouterError(
                f"{self.router.files.directory} of this host has no router with sides. Run site on it first."
            )
        if several := found.scaled(self.doors, self.containers):
            raise RouterError(
                f"{', '.join(several)} run in more than one container, and the router leads to one. Scale them to one."
            )
        networks = found.networks_of(self._engine, self.containers)
        if deaf := found.unheard(self.doors, self.containers, networks):
            raise RouterError(
                f"The router's internal doors do not listen at {', '.join(deaf)}, where calls on the containers' "
                "networks would arrive: a network was made after the last run of site. Run it again, then adopt."
            )
        if networks and not calls_pass_the_table():
            raise RouterError(
                f"{BRIDGED} is not 1, so calls between containers pass every table by. Docker sets it with its "
                "first network: modprobe br_netfilter && sysctl net.bridge.bridge-nf-call-iptables=1"
            )
        return before, wanted(self.doors, self.containers, networks, ipv6, standins_of(self._engine, self._project))

    def standing(self, services: Collection[str]) -> dict[str, bool]:
        """Whether a stand-in keeps the name of each service."""
        there = {one.service for one in standins_of(self._engine, self._project) if one.running}
        return {service: service in there for service in services}

    def stand_in(self, services: Collection[str], ipv6: bool) -> list[str]:
        """Keep the names of services whose containers are about to stop: the services for which that was new.

        Raises RouterError where a name cannot be kept, and where the ports are not adopted.
        """
        if self._kept.read() is None:
            raise RouterError("The ports are not adopted, and a stand-in would lead nowhere. Adopt them first.")
        standins = Standins(self._project, self._engine, self.containers)
        if refused := standins.refused(services):
            raise RouterError(
                f"A stand-in cannot keep these names: {'; '.join(refused)}. Calls to them would fail while the "
                "containers are stopped. Let the callers use the service's name, or move them first."
            )
        made = standins.make(services)
        self._put_again(ipv6)
        standins.name(services)
        return made

    def stand_down(self, services: Collection[str], ipv6: bool) -> list[str]:
        """Take the stand-ins of services away, whose containers run again; the services that had one."""
        removed = Standins(self._project, self._engine, self.containers).remove(services)
        if removed:
            self._put_again(ipv6)
        return removed

    def _put_again(self, ipv6: bool) -> None:
        was, is_ = self.plan(True, ipv6)
        if was != is_:
            self.put(is_, ipv6)

    def leftover(self) -> list[str]:
        """Published ports that stay with their containers, for want of a door."""
        return not_adopted(self.doors, self.containers)

    def put(self, adoption: Adoption | None, ipv6: bool) -> None:
        """The record first, then the kernel: what is recorded is what the watcher and a boot bring about."""
        with locked(self.router.files.directory):
            if adoption:
                if self.router.workers.listed() is None:
                    raise RouterError(
                        "The router does not run, and would refuse what it adopts. Start it: "
                        "systemctl start cryptobot-edge"
                    )
                rows = [door.as_dict() for door in self.doors]
                self.router.set_containers(rows, found.addresses(self.doors, self.containers))
            self._kept.write(adoption, ipv6)
            self._tables.put(adoption)

    def around(self, groups: Collection[str] | None = None) -> list[Flow]:
        """Connections to containers behind doors, of some migration groups or all, that the router does not carry."""
        return self._flows.around(
            (address, door.port)
            for door in self.doors
            if groups is None or door.group in groups
            for one in self.containers
            if one.service == door.container and one.running
            for address in one.addresses.values()
        )

    def settle(self, seconds: float, end_calls: bool, remaining: str) -> Outcome:
        """Wait for connections of clients, at most so long; only then those between containers are idle, and can end.

        ``remaining`` ones are left (keep), cut (end), or an error (fail). Raises RouterError where some stay after all.
        """
        left = self._wait(seconds)
        cut = self._cut(left) if remaining == END else 0
        outcome = self.end_calls() if end_calls and (not left or remaining != FAIL) else Outcome()
        outcome.cut, outcome.flows = cut, self.around()
        if outcome.flows and remaining != KEEP:
            raise RouterError(
                f"{len(outcome.flows)} connections still go round the router after {seconds:.0f} s: "
                f"{named(outcome.flows)}. The ports are adopted and new connections go through it. End these at their "
                "clients, or wait longer, and run this again."
            )
        return outcome

    def _cut(self, flows: Sequence[Flow]) -> int:
        pids = {address: one.pid for one in self.containers if one.pid for address in one.addresses.values()}
        return sum(end_flow(pids[flow.address], flow) for flow in flows if flow.address in pids)

    def _wait(self, seconds: float) -> list[Flow]:
        until = time.monotonic() + seconds
        while (left := [flow for flow in self.around() if flow.way != BETWEEN]) and time.monotonic() < until:
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))
        return left

    def end_calls(self) -> Outcome:
        """End idle connections between containers, with every public door held and drained for a moment."""
        groups = sorted({door.group for door in self.doors})
        keys = [hold_key(group, DOOR_KINDS[0]) for group in groups]
        outcome = Outcome()
        with locked(self.router.files.directory):
            began = time.monotonic()
            try:
                self.router.set_map(HOLD, dict.fromkeys(keys, lease(time.time() + HOLD_SECONDS, every_method=True)))
                self._drain()
                outcome.ended = sum(self._end_pairs())
            finally:
                self.router.set_map(HOLD, dict.fromkeys(keys, NOT_HELD))
            outcome.held_seconds = round(time.monotonic() - began, 3)
        return outcome

    def _drain(self) -> None:
        backends = [name for door in self.doors for name in docker_backends(door.name) if not name.endswith("_ws")]
        until = time.monotonic() + DRAIN_SECONDS
        while any(self.router.workers.sessions(backends).values()) and time.monotonic() < until:
            time.sleep(0.01)

    def _end_pairs(self) -> list[int]:
        callers = [one for one in self.containers if one.running and one.pid and one.network_mode != found.HOST]
        targets = [(one, door.port) for door in self.doors for one in callers if one.service == door.container]
        return [
            end_between(caller.pid, address, port)
            for caller in callers
            for callee, port in targets
            if callee.id != caller.id
            for name, address in callee.addresses.items()
            if name in caller.networks
        ]

    def _may_release(self) -> None:
        sides = self.router.files.read_map(SIDE)
        away = sorted({door.group for door in self.doors if door.container and sides.get(door.group, DOCKER) != DOCKER})
        if away:
            raise RouterError(
                f"The ports cannot be given back to the containers while {', '.join(away)} is not on the Docker "
                "side: their requests would meet containers that must not serve. Bring these groups back first."
            )
