# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``router-watch``: keeps the router leading to the containers, wherever a restart has put them.

It follows the engine's events, and looks at everything again after each, and every :data:`ROUND` seconds: addresses in
the router's file and in every worker, and the adoption's table and the walls round Redis, which a reload of a firewall
may have taken away, as the table that refuses connections outside, and native services' users on a container's Redis,
which forgets them. It also
stops a container that has come back although its service runs natively, where there may never be two of them.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..docker.engine import DockerError, Engine
from ..docker.writers import RESTART_OFF
from ..launcher.sides import NATIVE, Record, SidesError, read
from ..redis.client import RedisError
from ..redis.guests import Guests
from ..redis.wall import walls_again
from . import containers as found
from .adoption import Adoption, Tables, wanted
from .boot import INTENT
from .maps import DIRECTORY, Files, RouterError, locked
from .outlets import Outlets
from .standins import standins_of
from .state import Kept
from .workers import Router

ROUND = 10.0
SETTLE = 0.05
"""Seconds for which events that come together are waited for."""


class Watch:
    """What one look does."""

    def __init__(
        self,
        project: str,
        doors: Sequence[found.Door],
        router: Router,
        engine: Engine,
        tables: Tables,
        exclusive: Mapping[str, str] | None = None,
        record: Callable[[], Record | None] = read,
        accesses: Sequence[found.Access] = (),
    ) -> None:
        self._project, self._doors, self._exclusive, self._record = project, doors, exclusive or {}, record
        self._led = [*doors, *accesses]
        self._router, self._engine, self._tables = router, engine, tables

    def look(self) -> list[str]:
        """Put right what is not; what was done, as sentences."""
        containers = self._engine.containers(self._project)
        stopped = self._strays(containers)
        if stopped:
            containers = self._engine.containers(self._project)
        with locked(self._router.files.directory):
            done = [*stopped, *self._addresses(containers), *self._adoption(containers), *self._walls()]
            return [*done, *self._outlets(containers), *self._guests(containers)]

    def _strays(self, containers: list[found.Container]) -> list[str]:
        """Where the record cannot be read nothing is stopped: it may be the only one that runs."""
        try:
            record = self._record()
        except SidesError as error:
            return [str(error)]
        groups = record.groups if record else {}
        native = {service for service, group in self._exclusive.items() if groups.get(group) == NATIVE}
        strays = [one for one in containers if one.running and one.service in native]
        for one in strays:
            self._engine.update_restart(one.id, RESTART_OFF)
        for one in strays:
            self._engine.stop(one)
        return [f"stopped {one.name}, which had come back: its service runs natively, never twice" for one in strays]

    def _walls(self) -> list[str]:
        names = walls_again(self._router.files.directory)
        return [f"put the wall round the Redis {name} on again" for name in names]

    def _outlets(self, containers: list[found.Container]) -> list[str]:
        """A window changes by itself who may connect; else the record says it."""
        directory, sides = self._router.files.directory, None
        if not (directory / INTENT).exists():
            try:
                record = self._record()
                sides = record.groups if record else {}
            except SidesError:
                sides = None
        return Outlets(directory).again(containers, sides)

    def _guests(self, containers: list[found.Container]) -> list[str]:
        """Whoever runs again may not answer yet, and is asked again by the next look. In a window rights are its own."""
        directory = self._router.files.directory
        if (directory / INTENT).exists():
            return []
        running = {one.service for one in containers if one.running}
        try:
            return Guests(directory).again(self._record(), running)
        except SidesError:
            return []

    def _addresses(self, containers: list[found.Container]) -> list[str]:
        now = found.addresses(self._led, containers)
        before = self._router.files.read_containers()
        rows = [one.as_dict() for one in self._led]
        if before == now and not self._router.containers_differ(rows):
            return []
        self._router.set_containers(rows, now)
        moved = [
            f"{name} {before.get(name, 'new')} -> {at}" for name, at in sorted(now.items()) if before.get(name) != at
        ]
        return moved or ["told the router's workers the addresses again"]

    def _adoption(self, containers: list[found.Container]) -> list[str]:
        kept = Kept(self._router.files.directory)
        adopted = kept.read()
        if adopted is None:
            if self._tables.read() is None:
                return []
            self._tables.put(None)
            return ["took the adoption's table off: nothing is recorded as adopted"]
        networks = found.networks_of(self._engine, containers)
        standins = standins_of(self._engine, self._project)
        calls = wanted(self._doors, containers, networks, kept.ipv6(), standins)
        aim = following(adopted, calls)
        if aim != adopted:
            kept.write(aim, kept.ipv6())
        if self._tables.read() == aim:
            return []
        self._tables.put(aim)
        return [
            "put the adoption's table on again" if aim == adopted else "the adoption's table follows the containers"
        ]


def following(adopted: Adoption, now: Adoption) -> Adoption:
    """Calls go with the containers; what is published stays as it was adopted, whether a container runs or not."""
    return replace(adopted, calls=now.calls, bridges=adopted.bridges | now.bridges)


def follow(watch: Watch) -> None:
    """Until the engine's events end, which they do with the engine."""
    words = ["docker", "events", "--format", "{{.Action}}", "--filter", "type=container", "--filter", "type=network"]
    for event in ("start", "die", "connect", "disconnect"):
        words += ["--filter", f"event={event}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as events:
        if events.stdout is None:
            return
        try:
            while True:
                for line in watch.look():
                    say(line)
                if not _event(events.stdout.fileno()):
                    return
        finally:
            events.terminate()


def _event(descriptor: int) -> bool:
    """Wait for an event, at most a round; False when there will be none any more."""
    if not select.select([descriptor], [], [], ROUND)[0]:
        return True
    time.sleep(SETTLE)
    return bool(os.read(descriptor, 65536))


def say(text: str, level: int = 6) -> None:
    sys.stderr.write(f"<{level}>{text}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str]) -> int:
    """Runs until it is stopped; an engine or a router that does not answer is tried again."""
    options = argparse.ArgumentParser(prog="router-watch", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--doors", type=Path, required=True, help="JSON: the project, and the doors of the catalogue")
    options.add_argument("--directory", type=Path, default=DIRECTORY)
    given = options.parse_args(arguments)
    content = json.loads(given.doors.read_text(encoding="utf-8"))
    router = Router(Files(given.directory))
    kept = Kept(given.directory)
    tables, exclusive = Tables(ipv6=kept.ipv6()), content.get("exclusive", {})
    doors, accesses = found.doors(content["doors"]), found.accesses(content.get("accesses", []))
    watch = Watch(content["project"], doors, router, Engine(), tables, exclusive, accesses=accesses)
    said = ""
    while True:
        try:
            follow(watch)
            said = ""
        except (DockerError, RouterError, RedisError, OSError) as error:
            if str(error) != said:
                say(str(error), 4)
            said = str(error)
        time.sleep(1)
