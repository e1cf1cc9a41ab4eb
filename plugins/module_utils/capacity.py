# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory and cores that programs on a host really have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Capacity:
    """What this host, or the container around it, offers."""

    memory_mb: int
    cores: int


def capacity(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> Capacity:
    """Memory and cores, the smaller of the machine's and the control group's."""
    total = next(int(line.split()[1]) for line in (proc / "meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    cores = len(os.sched_getaffinity(0))
    limit = _read(cgroup / "memory.max")
    quota = _read(cgroup / "cpu.max").split()
    if limit.isdigit():
        total = min(total, int(limit) // 1024)
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, int(quota[0]) // int(quota[1])))
    return Capacity(total // 1024, cores)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
