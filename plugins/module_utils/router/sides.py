# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which side serves a migration group, and for which share of its users the other one does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..changes import Change
from ..launcher.sides import SIDES
from .maps import SHARE, SIDE, Files, RouterError, locked
from .workers import Router, Workers


class Wish:
    """Entries of the maps as they are to be. Raises RouterError for one that no map can have."""

    def __init__(
        self, sides: Mapping[str, Any], shares: Mapping[str, Any], directory: Path | str, workers: Workers | None = None
    ) -> None:
        self._files = Files(directory)
        self._router = Router(self._files, workers)
        for group, side in sides.items():
            if side not in SIDES:
                raise RouterError(f"{side!r} for {group} is no side; it is one of {', '.join(SIDES)}.")
        for group, share in shares.items():
            if not str(share).isdigit() or int(share) > 100:
                raise RouterError(f"{share!r} for {group} is no share of users; it is a percentage from 0 to 100.")
        self._values = {
            SIDE: {str(group): str(side) for group, side in sides.items()},
            SHARE: {str(group): str(int(share)) for group, share in shares.items()},
        }

    def changes(self) -> list[Change]:
        """What differs from the files."""
        found = []
        for name, values in self._values.items():
            there = self._files.read_map(name)
            if unknown := sorted(set(values) - set(there)):
                known = ", ".join(sorted(there)) or "none, for no router with sides is set up here"
                raise RouterError(
                    f"{', '.join(unknown)} is no migration group of the router; there are {known}. Run site first."
                )
            found += [
                Change("router", f"{name} {key}", there[key], new) for key, new in values.items() if there[key] != new
            ]
        return found

    def apply(self) -> int:
        """File first, then every worker; also where the file says so already. How many workers were told."""
        told = 0
        with locked(self._files.directory):
            for name, values in self._values.items():
                if values:
                    told = max(told, self._router.set_map(name, values))
        return told


def follow(groups: Mapping[str, str], directory: Path | str) -> None:
    """Let the router of this host, where there is one with sides, lead to what the record of sides says."""
    files = Files(directory)
    known = {group: side for group, side in groups.items() if group in files.read_map(SIDE)}
    if known:
        Wish(known, {}, directory).apply()
