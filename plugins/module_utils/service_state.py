# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that Debian's packages bring: on, on at boot, and using the files that are on disk.

What a unit has read is remembered as a digest under /run, not by a handler: a play that was killed between writing a file
and restarting the unit is healed by the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .changes import Change

LOADED = Path("/run/cryptobot-loaded")


@dataclass(frozen=True)
class Found:
    active: bool = False
    enabled: bool = False
    needs_daemon_reload: bool = False
    loaded: str | None = None
    """Digest of the files as they were when the unit read them; ``None`` where nobody has written it down."""
    younger_files: bool = False
    """Whether a file was changed after the unit started; counts where there is no digest."""


@dataclass(frozen=True)
class Wanted:
    unit: str
    boot: bool = True
    on_change: str = "restart"


def plan(wanted: Wanted, found: Found, digest: str, predicted: bool = False) -> list[Change]:
    """``predicted``: check mode foresees that a file of the unit will change."""
    changes = []
    if wanted.boot and not found.enabled:
        changes.append(_change(f"{wanted.unit} at boot", "off", "on", "enable", wanted.unit))
    if not found.active:
        changes.append(_change(wanted.unit, "stopped", "started", "start", wanted.unit))
    elif predicted or stale(found, digest):
        changes.append(_change(wanted.unit, "running with older files", f"{wanted.on_change}ed", wanted.on_change, wanted.unit))
    if changes and found.needs_daemon_reload:
        reload = ("systemctl", "daemon-reload")
        changes[0] = Change(changes[0].kind, changes[0].target, changes[0].was, changes[0].is_, (reload, *changes[0].commands))
    return changes


def stale(found: Found, digest: str) -> bool:
    return found.needs_daemon_reload or (found.younger_files if found.loaded is None else found.loaded != digest)


def digest(files: Iterable[str]) -> str:
    """One digest over the names and contents of files; a missing one counts as such."""
    total = hashlib.sha256()
    for name in sorted(files):
        path = Path(name)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "absent"
        total.update(f"{name} {content}\n".encode())
    return total.hexdigest()


def younger(files: Iterable[str], started: float) -> bool:
    """Whether any of the files was changed after ``started`` (seconds since the epoch)."""
    return any(path.stat().st_ctime > started for name in files if (path := Path(name)).exists())


def parse(output: str) -> Mapping[str, str]:
    """Reads ``systemctl show``."""
    return dict(line.split("=", 1) for line in output.splitlines() if "=" in line)


def _change(target: str, was: str, is_: str, verb: str, unit: str) -> Change:
    return Change("unit", target, was, is_, (("systemctl", verb, unit),))
