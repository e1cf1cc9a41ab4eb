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
from dataclasses import dataclass, field, replace
from pathlib import Path

from .changes import AT_BOOT, Change

LOADED = Path("/run/cryptobot-loaded")


@dataclass(frozen=True)
class Found:
    active: bool = False
    enabled: bool = False
    needs_daemon_reload: bool = False
    stale: Mapping[str, bool] = field(default_factory=dict)
    """By what makes the unit read its files (``restart``, ``reload``), whether one of them is not what it has read."""


@dataclass(frozen=True)
class Wanted:
    """A unit with the files it reads at its start and those that it reads again when told to."""

    unit: str
    boot: bool = True
    files: tuple[str, ...] = ()
    reload_files: tuple[str, ...] = ()

    @property
    def by_verb(self) -> Mapping[str, tuple[str, ...]]:
        return {"restart": self.files, "reload": self.reload_files}


def plan(wanted: Wanted, found: Found, predicted: Iterable[str] = ()) -> list[Change]:
    """``predicted``: files that check mode foresees to change."""
    changes, predicted = [], set(predicted)
    if wanted.boot and not found.enabled:
        changes.append(_change(f"{wanted.unit}{AT_BOOT}", "off", "on", "enable", wanted.unit))
    if not found.active:
        changes.append(_change(wanted.unit, "stopped", "started", "start", wanted.unit))
    else:
        due = {verb for verb, files in wanted.by_verb.items() if found.stale.get(verb) or predicted & set(files)}
        verb = "restart" if "restart" in due or found.needs_daemon_reload else "reload"
        if due or found.needs_daemon_reload:
            changes.append(_change(wanted.unit, "running with older files", f"{verb}ed", verb, wanted.unit))
    if changes and found.needs_daemon_reload:
        reload = ("systemctl", "daemon-reload")
        changes[0] = replace(changes[0], commands=(reload, *changes[0].commands))
    return changes


def is_stale(files: Iterable[str], loaded: str | None, started: float) -> bool:
    """Whether files differ from what was read. Where no digest of that was kept, their times decide: ``started`` is when the
    unit started, in seconds since the epoch."""
    return younger(files, started) if loaded is None else loaded != digest(files)


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
    return Change("unit", target, was, is_, (("systemctl", verb, unit),), action=verb)
