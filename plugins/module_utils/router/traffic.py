# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cutover does at the router: see that all of a group's traffic comes by it, hold, drain and lead it.

Whoever uses it has the router's lock (`maps.locked`), which keeps reloads away, too.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..docker.containers import Container
from .adopting import Adopting
from .containers import Door, addresses
from .flows import named
from .maps import BATCH, DOOR_KINDS, HOLD, NOT_HELD, SHARE, SIDE, RouterError, hold_key, lease
from .workers import UNIT, Router, backend_names

PROBE_SECONDS = 0.03
"""What a probe may take before it counts as waiting; a router that does not hold answers within a few milliseconds."""
PROBE_PATH = "/edge/probe"
POLL_SECONDS = 0.004


class Routed(NamedTuple):
    """Doors and their router where no engine is asked: for a recovery, whose window was guarded when it began."""

    doors: Sequence[Door]
    router: Router


class Traffic:
    """Of the migration groups that move together.

    ``own`` is called before each change of the router, and raises where another one has decided meanwhile.
    """

    def __init__(
        self, groups: Sequence[str], adopting: Adopting | Routed, own: Callable[[], None] | None = None
    ) -> None:
        self.groups, self._adopting, self._router = sorted(groups), adopting, adopting.router
        self.doors: list[Door] = [door for door in adopting.doors if door.group in self.groups]
        self._own = own or (lambda: None)

    def guard(self, ipv6: bool) -> None:
        """Raises RouterError where a request could pass the hold by, or meet another side than its group's."""
        self.guard_router()
        self._guard_adoption(ipv6)

    def guard_router(self) -> None:
        """The same, of the router alone."""
        known = self._router.files.read_map(SIDE)
        if unknown := [group for group in self.groups if group not in known]:
            raise RouterError(
                f"{', '.join(unknown)} is no migration group of the router; there are {', '.join(sorted(known))}. "
                "Run site first."
            )
        self._guard_workers()
        self._guard_shares()

    def _guard_adoption(self, ipv6: bool) -> None:
        if isinstance(self._adopting, Routed):
            return
        was, is_ = self._adopting.plan(True, ipv6)
        if was != is_:
            raise RouterError(
                "The containers' ports and calls are not adopted, or not as they are published now, so requests would "
                "pass the router by. Run: ansible-playbook cryptobot.native.adopt"
            )
        if flows := self._adopting.around(self.groups):
            raise RouterError(
                f"{len(flows)} connections go round the router, and a hold would not hold them: {named(flows)}. End "
                "them at their clients, or let the adoption end them: ansible-playbook cryptobot.native.adopt "
                "-e adopt_wait=60 -e adopt_remaining=end -e adopt_end_calls=true"
            )

    def _guard_workers(self) -> None:
        listed = self._router.workers.listed()
        if listed is None:
            raise RouterError(f"The router does not run, and holds nobody. Start it: systemctl start {UNIT}")
        if old := self._router.workers.old_with_requests():
            raise RouterError(
                f"{len(old)} workers of the router from before a reload still serve connections. They end by "
                f"themselves: wait, and see them go by 'systemctl status {UNIT}'."
            )
        if wrong := [f"{name} {key}" for name in (SIDE, HOLD, SHARE) for key in self._router.map_differs(name)]:
            raise RouterError(
                f"The router's worker and its files differ about {', '.join(wrong)}. Reload it: systemctl reload {UNIT}"
            )

    def _guard_shares(self) -> None:
        shares = self._router.files.read_map(SHARE)
        batches = self._router.files.read_map(BATCH)
        shared = [group for group in self.groups if shares.get(group, "0") != "0"]
        shared += [key for key in sorted(batches) if key.partition(":")[0] in self.groups]
        if shared:
            raise RouterError(
                f"A share of the users is served by the other side: {', '.join(shared)}. Take the shares back first "
                "(module router_sides, share 0)."
            )

    def hold(self, kind: str, until: float, every_method: bool = False, kept: bool = True) -> int:
        """Let new requests wait at a kind of doors, until a time (seconds since the epoch); how many workers know.

        Not ``kept`` it is told to the workers alone, for a disk that takes nothing."""
        values = {hold_key(group, kind): lease(until, every_method) for group in self.groups}
        return self._set(HOLD, values) if kept else self._router.tell_map(HOLD, values)

    def is_held(self) -> bool:
        """Whether requests wait, until somebody releases them or their lease ends."""
        there = self._router.files.read_map(HOLD)
        keys = [hold_key(group, kind) for group in self.groups for kind in DOOR_KINDS]
        return any(there.get(key, NOT_HELD) != NOT_HELD for key in keys)

    def probe(self, kind: str) -> None:
        """See one write wait at a door of each group. The router itself answers its path, when it is released."""
        for door in {door.group: door for door in self.doors}.values():
            port = door.public if kind == DOOR_KINDS[0] else door.internal
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
            try:
                connection.request("POST", PROBE_PATH, b"")
                status = connection.getresponse().status
            except TimeoutError:
                continue
            except OSError as error:
                raise RouterError(f"The router's door {door.name} at port {port} cannot be reached: {error}") from None
            finally:
                connection.close()
            raise RouterError(
                f"The hold does not hold: a request to the {kind} door {door.name} at port {port} was answered with "
                f"{status} at once."
            )

    def drain(self, side: str, seconds: float, every_method: bool = False) -> float:
        """Wait until nothing of what is held is on its way any more, in any worker; the seconds that it took. ``side``: the one
        that is left; of groups that the router leads elsewhere, where it leads them.

        Raises RouterError, naming what stays, after so many seconds.
        """
        backends = [name for door, led in self._led(side) for name in held_backends(door, led, every_method)]
        began = time.monotonic()
        while left := {name: count for name, count in self._router.workers.sessions(backends).items() if count}:
            if time.monotonic() - began > seconds:
                said = ", ".join(f"{count} at {name}" for name, count in sorted(left.items()))
                raise RouterError(
                    f"Requests that were under way when the doors were held have not ended within {seconds:g} s: "
                    f"{said}. Run this again when they have ended. Where a process hangs, end it first, which fails them: "
                    "systemctl kill --signal=KILL UNIT, or docker kill CONTAINER."
                )
            time.sleep(POLL_SECONDS)
        return time.monotonic() - began

    def cut_websockets(self, side: str) -> int:
        """End the open WebSockets of a side; how many there were. Their clients come again, and wait.

        An upgrade from before the hold that its server has not answered yet is ended, too, and gets 502.
        """
        self._own()
        backends = [backend_names(door.name, led)[2] for door, led in self._led(side)]
        return self._router.workers.end_sessions(backends)

    def _led(self, side: str) -> list[tuple[Door, str]]:
        led = self._router.files.read_map(SIDE)
        return [(door, led.get(door.group, side)) for door in self.doors]

    def flip(self, side: str) -> int:
        """Lead the groups' requests to a side; how many workers know."""
        return self._set(SIDE, dict.fromkeys(self.groups, side))

    def expect_nothing(self, side: str, doors: Sequence[str]) -> None:
        """What was found of a side's processes behind these doors holds no more: they must be found healthy anew."""
        self._router.workers.expect_nothing([_checked(door, side) for door in doors])

    def expect_health(self, side: str, doors: Sequence[str]) -> None:
        """Lead requests to a side's processes behind these doors although they do not answer yet."""
        self._router.workers.expect_health([_checked(door, side) for door in doors])

    def await_health(self, side: str, doors: Sequence[str], seconds: float) -> list[str]:
        """Wait until the router finds a side's processes behind these doors healthy; the doors where it does not."""
        until = time.monotonic() + seconds
        while (down := self._router.workers.down([_checked(door, side) for door in doors])) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        return [door for door in doors if _checked(door, side) in down]

    def lead_to(self, containers: Sequence[Container]) -> int:
        """Where the Docker sides of all doors are by now; how many workers know."""
        self._own()
        doors = self._adopting.doors
        return self._router.set_containers([door.as_dict() for door in doors], addresses(doors, containers))

    def release(self) -> int:
        """Let the requests that wait go on, to the side of now; how many workers know."""
        return self._set(HOLD, {hold_key(group, kind): NOT_HELD for group in self.groups for kind in DOOR_KINDS})

    def _set(self, name: str, values: dict[str, str]) -> int:
        self._own()
        return self._router.set_map(name, values)


def _checked(door: str, side: str) -> str:
    """Of a door's backends the one whose servers are asked for their health; the others go by it."""
    return backend_names(door, side)[0]


def held_backends(door: Door, side: str, every_method: bool) -> Iterable[str]:
    """Where a door's held requests would be under way."""
    read, write, __ = backend_names(door.name, side)
    return (read, write) if every_method or door.reads == "hold" else (write,)
