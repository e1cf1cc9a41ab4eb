# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's state on disk: map files that HAProxy reads at each start, and the addresses of containers.

What is told to a running HAProxy is lost at its next reload. So a file is changed first, durably, and then the workers.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..migration.journal import write_whole
from ..migration.lock import boot_id

DIRECTORY = Path("/var/lib/cryptobot-router")
SIDE, HOLD, SHARE, BATCH = "side", "hold", "share", "batch"
MAPS = (SIDE, HOLD, SHARE, BATCH)
CONTAINERS = "containers"
BOOT = "# boot "
"""Begins the line of the addresses that says in which boot they were right."""
LOCK = "lock"
MODE, FOLDER_MODE = 0o640, 0o2750
"""The folder's group is the proxy's and passes on to what is made in it."""
DOOR_KINDS = ("public", "internal")
NOWHERE = "127.0.0.1:1"
"""Where requests for a container without an address go, and are refused."""
NOT_HELD = "0"
LINE = re.compile(r"^(\S+)\s+(\S.*)$")


class RouterError(Exception):
    """The router did not do what was asked; the text says what, where, and what to do."""


def hold_key(group: str, door: str) -> str:
    return f"{group}/{door}"


def lease(until: float, every_method: bool = False) -> str:
    """A hold as the map has it: writes and upgrades wait until then (seconds since the epoch), or every method does."""
    return f"{until:.3f},{'all' if every_method else 'writes'}"


def parsed_lease(value: str) -> tuple[float, bool] | None:
    """Until when, and whether for every method; None where nothing is held."""
    until, __, methods = value.partition(",")
    return None if value == NOT_HELD else (float(until), methods == "all")


def first_values(groups: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What each map begins with. ``groups``: side by migration group. A worker changes only keys that are there."""
    return {
        SIDE: dict(groups),
        HOLD: {hold_key(group, door): NOT_HELD for group in groups for door in DOOR_KINDS},
        SHARE: dict.fromkeys(groups, "0"),
        BATCH: {},
    }


class Files:
    """The files below ``directory``."""

    def __init__(self, directory: Path | str = DIRECTORY) -> None:
        self.directory = Path(directory)

    @property
    def there(self) -> bool:
        """Whether a router with sides is set up on this host."""
        return self.path(SIDE).exists()

    def path(self, name: str) -> Path:
        return self.directory / (f"{name}.map" if name in MAPS else name)

    def read_map(self, name: str) -> dict[str, str]:
        """Empty where there is no such file. Raises RouterError for a line that is none of a map."""
        return self._read(name, LINE, "a key and a value")

    def read_containers(self) -> dict[str, str]:
        """Variable of a door to the address and port of its container."""
        return self._read(CONTAINERS, re.compile(r"^([A-Z][A-Z0-9_]*)=(\S+)$"), "NAME=ADDRESS:PORT")

    def write_map(self, name: str, values: Mapping[str, str]) -> bool:
        """Change entries, and leave the others; whether anything differed. On disk before it returns."""
        before = self.read_map(name)
        after = {**before, **values}
        if after == before and self.path(name).exists():
            return False
        write_whole(self.path(name), "".join(f"{key} {value}\n" for key, value in sorted(after.items())), MODE)
        return True

    def write_containers(self, values: Mapping[str, str]) -> bool:
        """Replace the addresses as a whole; whether anything differed. On disk before it returns."""
        if self.path(CONTAINERS).exists() and self.read_containers() == dict(values) and not self.of_another_boot():
            return False
        text = "".join(f"{name}={address}\n" for name, address in sorted(values.items()))
        write_whole(self.path(CONTAINERS), f"{BOOT}{boot_id()}\n{text}", MODE)
        return True

    def change_containers(self, values: Mapping[str, str]) -> bool:
        """Change addresses, and leave the others; those of another boot are forgotten."""
        before = self.read_containers()
        kept = dict.fromkeys(before, NOWHERE) if self.of_another_boot() else before
        return self.write_containers({**kept, **values})

    def of_another_boot(self) -> bool:
        """Whether there are addresses that were written before this boot: Docker may have given them to others since."""
        try:
            first = self.path(CONTAINERS).read_text(encoding="utf-8").partition("\n")[0]
        except FileNotFoundError:
            return False
        return first != f"{BOOT}{boot_id()}"

    def missing(self, groups: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """By map what is not in it yet; a map that is there and lacks nothing is left out."""
        found = {}
        for name, values in first_values(groups).items():
            lacking = {key: value for key, value in values.items() if key not in self.read_map(name)}
            if lacking or not self.path(name).exists():
                found[name] = lacking
        return found

    def _read(self, name: str, form: re.Pattern[str], what: str) -> dict[str, str]:
        try:
            lines = self.path(name).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        found = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = form.match(line)
            if not match:
                raise RouterError(f"{self.path(name)}, line {number}: {line!r} is not {what}. Put the line right.")
            found[match[1]] = match[2].strip()
        return found


@contextmanager
def locked(directory: Path | str = DIRECTORY, limit: float = 30.0) -> Iterator[int]:
    """The lock that a change of the router shares with its reload. Raises RouterError where it is not free in time.

    Whoever is given a copy of the descriptor has the lock, too, until it closes it.
    """
    path = Path(directory) / LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        until = time.monotonic() + limit
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise RouterError(
                        f"Something else is changing or reloading the router for {limit:.0f} s: {path} is locked. "
                        "See who has it by 'fuser -v " + str(path) + "'."
                    ) from None
            time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)


def differing(wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterable[str]:
    """Keys whose values differ, or that one of them lacks."""
    return sorted(key for key in {*wanted, *found} if wanted.get(key) != found.get(key))
