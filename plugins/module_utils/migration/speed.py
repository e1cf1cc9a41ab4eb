# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast this host works now, and how much room it has. Nothing is left on it."""

from __future__ import annotations

import hashlib
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

REFERENCE_LOOPS = 11_000_000.0
"""Rounds a second of :func:`processor` on the machine on which the costs of the estimate were measured."""
WRITTEN = 48 << 20
HASHED = 64 << 20
SMALL_PROGRAM = "import asyncio, decimal, email.message, inspect, json, logging.config, sqlite3, ssl, urllib.request"
"""What a service written in Python loads anyway, and a fraction of what it loads of its own."""
DATABASE_RATE, HASH_RATE, DISK_RATE = 90e6, 90e6, 200e6
"""Bytes a second of the reference machine, for what cannot be measured: nothing to read, or no place to write."""


def processor(seconds: float = 0.25) -> float:
    """How fast a process of ours runs, by the reference machine."""
    rounds, end = 0, time.perf_counter() + seconds
    began = time.perf_counter()
    while time.perf_counter() < end:
        for __ in range(10_000):
            rounds += 1
    return rounds / (time.perf_counter() - began) / REFERENCE_LOOPS


def program(count: int) -> float:
    """Seconds until so many interpreters, begun at once, have loaded a few modules and ended."""
    words = [sys.executable or "python3", "-I", "-c", SMALL_PROGRAM]
    taken = 0.0
    # The first round brings the files into memory, and does not count.
    for __ in range(2):
        began = time.perf_counter()
        begun = [subprocess.Popen(words, stdin=subprocess.DEVNULL) for __ in range(count)]
        for each in begun:
            each.wait()
        taken = time.perf_counter() - began
    return taken


def call(times: Iterable[float]) -> float:
    """Seconds of a call of the play, by when each of several was on the host; zero where there are not two."""
    return statistics.median([after - before for before, after in itertools.pairwise(times)] or [0.0])


def hashing() -> float:
    """Bytes a second of SHA-256."""
    block = bytes(1 << 20)
    digest, began = hashlib.sha256(), time.perf_counter()
    for __ in range(HASHED >> 20):
        digest.update(block)
    return HASHED / (time.perf_counter() - began)


def writing(directory: str) -> float:
    """Bytes a second onto the disk of a directory, until they are there. The file never has a name."""
    block = os.urandom(1 << 20)
    try:
        descriptor = os.open(existing(directory), os.O_TMPFILE | os.O_WRONLY, 0o600)
    except OSError:
        return 0.0
    began = time.perf_counter()
    try:
        for __ in range(WRITTEN >> 20):
            os.write(descriptor, block)
        os.fsync(descriptor)
    except OSError:
        return 0.0
    finally:
        os.close(descriptor)
    return WRITTEN / (time.perf_counter() - began)


def room(paths: Iterable[str]) -> dict[str, tuple[int, int]]:
    """By path the device and the free bytes of its file system, or of where it will be made."""
    found = {}
    for path in paths:
        there = existing(path)
        status = os.statvfs(there)
        found[path] = (os.stat(there).st_dev, status.f_bavail * status.f_frsize)
    return found


def existing(path: str) -> str:
    """The path itself, or the nearest folder above it that is there."""
    there = Path(path)
    while not there.exists():
        there = there.parent
    return str(there)


def measured(
    servers: Iterable[Mapping[str, Any]], directory: str, jobs: int, calls: Iterable[float] = ()
) -> dict[str, float]:
    """All of it, with what the look at the database servers has measured: the slowest of them counts."""
    found = [each.get("throughput") or {} for each in servers]
    cpu, disk, hashed, cores = processor(), writing(directory), hashing(), len(os.sched_getaffinity(0))
    called = call(calls)
    rates = [float(each["bytes_per_second"]) for each in found if each.get("bytes_per_second")]
    hashes = [float(each["hash_bytes_per_second"]) for each in found if each.get("hash_bytes_per_second")]
    return {
        "cpu": round(cpu, 3),
        "cores": float(cores),
        "jobs": float(jobs),
        "program": round(program(cores), 3),
        **({"call": round(called, 3)} if called else {}),
        "database": min(rates, default=DATABASE_RATE * cpu),
        "hash": min(hashes, default=HASH_RATE * cpu),
        # A file is read, hashed and written.
        "disk": 1 / (1 / (disk or DISK_RATE) + 1 / hashed),
    }
