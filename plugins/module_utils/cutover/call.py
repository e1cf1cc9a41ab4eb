# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of the module ``cutover`` to a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..docker.engine import Engine
from ..postgresql.fence import look
from ..postgresql.fence.definitions import OPEN
from ..redis.instances import Instance
from ..router.adopting import Adopting
from ..router.adoption import Tables
from ..router.containers import Door
from ..router.containers import doors as parsed_doors
from ..router.flows import Flows
from ..router.maps import SIDE, Files
from ..router.state import host_has_ipv6
from ..router.traffic import Routed, Traffic
from ..router.workers import Router, Workers
from ..units.plan import FIRST_SLOT
from ..units.run import read_slots
from .databases import Pair
from .decision import Decision
from .errors import CutoverError
from .guardian import asked
from .folders import Tree
from .intent import Database, Folder, Intent, Intents, Solo
from .outlets import OneSide
from .stores import Cache, made
from .window import Cutover, Limits

DOCKER, NATIVE = "docker", "native"
NOBODY = "none"


class Call:
    """``options`` as the module has them. Raises CutoverError for what no window can be made of."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._intents = Intents(options["directory"])
        self._workers = Workers(partial(asked, options["master"]))
        self._doors = parsed_doors(options["doors"])
        missing = [side for side in (DOCKER, NATIVE) if side not in options["servers"]]
        if missing and options["databases"]:
            raise CutoverError(f"No server of the side {' and '.join(missing)} is named (servers: …).")
        self.intent = self._wanted()
        self._pairs = made(self.intent, "cryptobot-cutover", self._intents.directory)

    def _wanted(self) -> Intent:
        options, target = self._options, self._options["to"]
        source = DOCKER if target == NATIVE else NATIVE
        servers, reached = options["servers"], options["reached"]
        databases = [
            Database(
                each["datastore"],
                servers[source],
                each[source],
                servers[target],
                each[target],
                reached.get(target) or {},
            )
            for each in options["databases"]
        ]
        caches = [
            Instance(
                each["datastore"],
                each[source],
                each[target],
                str(options["directory"]),
                (each["reached"] or {}).get(target) or {},
                each["rights"] if target == NATIVE else {},
                sought=(each["reached"] or {}).get(source) or {},
            )
            for each in options["caches"]
        ]
        folders = [
            Folder(
                each["datastore"],
                each[source],
                each[target],
                each["ownership"],
                each["file"],
                tuple(each["accept"]),
            )
            for each in options["trees"]
        ]
        # A release may have made the other slot the live one.
        live = read_slots()
        units = [each["name"] for each in options["units"] if each["slot"] == live.get(each["process"], FIRST_SLOT)]
        slots = [each["name"] for each in options["units"]]
        alone = (options["containers"], units, slots, options["borrowers"])
        solo = Solo(options["project"], *map(tuple, alone))
        if solo.containers and not solo.project:
            raise CutoverError("The Compose project of the containers to stop is not named (project: …).")
        groups = sorted(options["groups"])
        return Intent(
            "",
            source,
            target,
            0,
            tuple(groups),
            tuple(sorted(databases, key=lambda each: each.datastore)),
            tuple(door.as_dict() for door in self._doors),
            tuple(sorted({*groups, *options["held"]})),
            options["every_method"] or bool(caches or folders or solo.containers or solo.units or solo.borrowers),
            options["sides"],
            caches=tuple(sorted(caches, key=lambda each: each.datastore)),
            folders=tuple(sorted(folders, key=lambda each: each.datastore)),
            solo=solo,
            outlets=tuple(sorted(options["outlets"])),
        )

    def sides(self) -> dict[str, str]:
        """Of each group the side that the router leads to, of each datastore that has a fence the one that is open."""
        led = Files(self._options["directory"]).read_map(SIDE)
        found = {group: led.get(group, NOBODY) for group in self.intent.groups}
        for pair in (each for each in self._pairs if not isinstance(each, (Decision, OneSide, Tree))):
            sides = {"source": self.intent.source, "target": self.intent.target}
            writes = [side for end, side in sides.items() if self._writes(pair, end)]
            found[pair.datastore] = writes[0] if len(writes) == 1 else NOBODY
        return found

    def epoch(self) -> int:
        """At which the databases are open."""
        rows = (self._row(pair, "target") for pair in self._pairs if isinstance(pair, Pair))
        return max((row.epoch for row in rows if row), default=0)

    def _writes(self, pair: Pair | Cache, end: str) -> bool:
        if isinstance(pair, Cache):
            return pair.writes(end)
        row = self._row(pair, end)
        return row is not None and row.state == OPEN

    def _row(self, pair: Pair, end: str) -> Any:
        with pair.session(end).cursor() as cursor:
            return look.gather(cursor).row

    def cutover(self) -> Cutover:
        """The window, which has looked at nothing yet."""
        for pair in self._pairs:
            pair.forget()
        options = self._options
        limits = Limits(options["drain"], options["grace"], options["end"], options["patience"])
        return Cutover(
            self.intent, self._intents, self._traffic(), guarded, self._workers, limits, options["socket"]
        )

    def _traffic(self) -> Callable[[Sequence[str], Callable[[], None]], Traffic]:
        router = Router(Files(self._options["directory"]), self._workers)
        routed = adopting(self._options["project"], self._doors, router)
        return lambda groups, own: Traffic(groups, routed, own)


def adopting(project: str, doors: Sequence[Door], router: Router) -> Adopting | Routed:
    """The adoption of a project's ports, where there is one to look at."""
    if not project:
        return Routed(doors, router)
    return Adopting(project, doors, router, Engine(), Tables(ipv6=host_has_ipv6()), Flows())


def guarded(traffic: Traffic) -> None:
    """Raises RouterError where a request could pass the window by."""
    traffic.guard(host_has_ipv6())
