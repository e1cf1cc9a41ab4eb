# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds: requests of a migration group wait at its doors until a lease ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..changes import Change
from .maps import HOLD, NOT_HELD, SIDE, Files, RouterError, hold_key, lease, locked
from .workers import Router, Workers


class Hold:
    """Of some groups (None: all) and kinds of doors, until a time (seconds since the epoch; 0: released)."""

    def __init__(
        self,
        groups: Sequence[str] | None,
        doors: Sequence[str],
        until: float,
        every_method: bool,
        directory: Path | str,
        workers: Workers | None = None,
    ) -> None:
        self._files = Files(directory)
        self._router = Router(self._files, workers)
        known = sorted(self._files.read_map(SIDE))
        if not known:
            raise RouterError(
                f"No router with sides is set up on this host: {self._files.path(SIDE)} is not there. Run site first."
            )
        if unknown := sorted(set(groups or ()) - set(known)):
            raise RouterError(
                f"{', '.join(unknown)} is no migration group of the router; there are {', '.join(known)}."
            )
        value = lease(until, every_method) if until else NOT_HELD
        self._values = {hold_key(group, door): value for group in groups or known for door in doors}

    def changes(self) -> list[Change]:
        """What differs from the file."""
        there = self._files.read_map(HOLD)
        return [
            Change("router", f"hold {key}", there.get(key), value)
            for key, value in self._values.items()
            if there.get(key) != value
        ]

    def apply(self) -> int:
        """File first, then every worker; how many were told."""
        with locked(self._files.directory):
            return self._router.set_map(HOLD, self._values)
