# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at one host that changes nothing: what it is, what it has, who listens. Only reads files and asks the kernel."""

from __future__ import annotations

import ctypes
import os
import platform
import pwd
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..capacity import capacity
from ..findings import Finding
from ..packages import LOCKS, lists_age, lock_holder
from .listeners import Listener, listeners

TIME_ERROR = 5
"""What adjtimex answers while the kernel's clock is not synchronised (linux/timex.h)."""


@dataclass(frozen=True)
class Disk:
    """Free room where a directory lies, or would lie; `writable` is false on a file system that is read-only."""

    path: str
    mount: str
    free_mb: int
    total_mb: int
    free_files: int
    writable: bool


@dataclass(frozen=True)
class Account:
    """A user that is there under a name that the platform needs."""

    name: str
    uid: int
    home: str
    shell: str


@dataclass(frozen=True)
class Host:
    """What was seen."""

    os: str = ""
    os_id: str = ""
    os_version: str = ""
    codename: str = ""
    machine: str = ""
    kernel: str = ""
    systemd: str = ""
    systemd_runs: bool = False
    cgroup2: bool = False
    container: str = ""
    python: str = ""
    memory_mb: int = 0
    available_mb: int = 0
    swap_mb: int = 0
    cores: int = 0
    load: float = 0.0
    disks: tuple[Disk, ...] = ()
    clock_synchronised: bool | None = None
    clock: float = 0.0
    listeners: tuple[Listener, ...] = ()
    installed: Mapping[str, str] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    candidates: Mapping[str, str] = field(default_factory=dict)
    lists_age_hours: float | None = None
    dpkg_busy: str = ""
    active: frozenset[str] = frozenset()
    interpreters: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    postgresql: int = 0
    postgresql_finding: str = ""
    takeover: tuple[Finding, ...] = ()
    own_units: frozenset[str] = frozenset()
    undeclared: str = ""
    root: bool = True

    def summary(self) -> dict[str, Any]:
        """What a reader wants to know of it, without lists of everything."""
        names = (
            "os",
            "machine",
            "kernel",
            "systemd",
            "container",
            "python",
            "memory_mb",
            "available_mb",
            "swap_mb",
            "cores",
            "load",
        )
        found = {name: getattr(self, name) for name in (*names, "clock_synchronised", "lists_age_hours")}
        found["disks"] = [asdict(disk) for disk in self.disks]
        found["listeners"] = [{**asdict(one), "holder": one.holder} for one in self.listeners]
        found["packages"] = len(self.installed)
        return found


def disk(path: str) -> Disk:
    """Where a directory lies; the nearest one above it that is there stands for one that is not."""
    at = Path(path)
    while not at.exists():
        at = at.parent
    seen = os.statvfs(at)
    size, read_only = seen.f_frsize, bool(seen.f_flag & os.ST_RDONLY)
    free_files = seen.f_favail if seen.f_files else -1
    mount = at.resolve()
    while not mount.is_mount():
        mount = mount.parent
    return Disk(
        path, str(mount), seen.f_bavail * size // 2**20, seen.f_blocks * size // 2**20, free_files, not read_only
    )


def clock_synchronised() -> bool | None:
    """What the kernel says of its clock; ``None`` where it can't be asked. Nothing is set: all modes are zero."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    try:
        lines = (line.partition("=") for line in path.read_text().splitlines())
    except OSError:
        return {}
    return {name: value.strip().strip('"') for name, __, value in lines if name}


def memory(path: Path = Path("/proc/meminfo")) -> dict[str, int]:
    """MB by the kernel's own names."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) // 1024 for words in lines if len(words) >= 2}


def accounts_named(names: Iterable[str]) -> dict[str, Account]:
    found = {}
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        found[name] = Account(name, entry.pw_uid, entry.pw_dir, entry.pw_shell)
    return found


def own_units(directory: Path = Path("/etc/systemd/system")) -> frozenset[str]:
    """Units that the platform has installed here already."""
    try:
        return frozenset(path.name for path in directory.iterdir() if path.name.startswith("cryptobot"))
    except OSError:
        return frozenset()


def dpkg_busy() -> str:
    """Who installs something at this moment; empty for nobody."""
    holders = (lock_holder(path) for path in LOCKS)
    return next((who for who in holders if who), "")


def look(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """All that needs no program of the host, as arguments of :class:`Host`."""
    release, memory_ = os_release(), memory()
    offered = capacity()
    limited = offered.memory_mb < memory_["MemTotal"]
    return {
        "os": release.get("PRETTY_NAME", "an unknown system"),
        "os_id": release.get("ID", ""),
        "os_version": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "systemd_runs": Path("/run/systemd/system").is_dir(),
        "cgroup2": Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "memory_mb": offered.memory_mb,
        "available_mb": (
            min(memory_.get("MemAvailable", 0), offered.memory_mb) if limited else memory_.get("MemAvailable", 0)
        ),
        "swap_mb": memory_.get("SwapTotal", 0),
        "cores": offered.cores,
        "load": os.getloadavg()[0],
        "disks": tuple(disk(row["path"]) for row in wanted["disk"]),
        "clock_synchronised": clock_synchronised(),
        "listeners": tuple(listeners()),
        "lists_age_hours": lists_age(),
        "dpkg_busy": dpkg_busy(),
        "accounts": accounts_named(user["name"] for user in wanted["users"]),
        "own_units": own_units(),
        "root": os.geteuid() == 0,
    }
