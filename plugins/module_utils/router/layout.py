# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The router's directory as an installation leaves it: every file, and every key that a worker may be told of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..changes import Change
from ..docker.containers import Container
from .containers import Access, Door, addresses
from .maps import CONTAINERS, FOLDER_MODE, LOCK, MODE, NOWHERE, Files, locked
from .workers import Router, Workers

GROUP = "haproxy"


class Layout:
    """What is wanted below ``directory``. Sides, shares and holds that are there are never changed by it."""

    def __init__(
        self,
        directory: Path | str,
        doors: Sequence[Door],
        groups: Mapping[str, str],
        containers: Sequence[Container],
        workers: Workers | None = None,
        accesses: Sequence[Access] = (),
    ) -> None:
        self._files, self._led, self._groups = Files(directory), [*doors, *accesses], groups
        self._found, self._workers = addresses(self._led, containers), workers or Workers()
        self._looked = bool(containers)

    def changes(self) -> list[Change]:
        """The plan, from what is on the host."""
        found = [
            Change("router", f"map {name}", self._files.read_map(name) or None, self._files.read_map(name) | lacking)
            for name, lacking in self._files.missing(self._groups).items()
        ]
        before = self._files.read_containers()
        if before != self._addresses() or not self._files.path(CONTAINERS).exists():
            found.append(Change("router", CONTAINERS, before or None, self._addresses()))
        return found

    def apply(self) -> None:
        """Carry it out; a router that runs is told where the containers are."""
        directory = self._files.directory
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        shutil.chown(directory, "root", GROUP)
        directory.chmod(FOLDER_MODE)
        os.close(os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE))
        (directory / LOCK).chmod(MODE)
        with locked(directory):
            for name, lacking in self._files.missing(self._groups).items():
                self._files.write_map(name, lacking)
            new_doors = set(self._addresses()) != set(self._files.read_containers())
            if new_doors:
                # Servers of new doors and accesses are not known to the workers before the reload that follows.
                self._files.write_containers(self._addresses())
            else:
                rows = [one.as_dict() for one in self._led]
                Router(self._files, self._workers).set_containers(rows, self._addresses())

    def _addresses(self) -> dict[str, str]:
        before = self._files.read_containers()
        return self._found if self._looked else {name: before.get(name, NOWHERE) for name in self._found}
