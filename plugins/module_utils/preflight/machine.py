# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the machine itself stands in the way: system, memory, disks, clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import software
from ..findings import BLOCKING, NOTE, WARNING, Finding
from .host import Disk, Host

LEAST_FREE_FILES = 20_000
ROOM_MB = 2000
"""Free room beside what is installed, below which there is a warning: data, logs and further releases grow into it."""
LEAST_SHARE = 0.6
"""Of the memory that is wanted: below it the kernel would kill processes at work."""
LONGEST_BEHIND, NOTED_BEHIND, LONGEST_AHEAD = 30, 5, 180
"""Seconds between controller and host: tokens end by the clock, so services on two hosts must agree. The host is asked
some time after the controller looked at its clock, so only much more than that counts as ahead."""


def system(wanted: Mapping[str, Any], host: Host) -> Iterator[Finding]:
    if not host.root:
        remedy = "Let Ansible become root there: become: true, or a user of sudo."
        yield Finding(
            BLOCKING, "not-root", "user", "The host was not looked at as root, so installing would fail.", remedy
        )
    if host.os_id != "debian" or host.os_version not in software.SYSTEMS:
        text = f"The host runs {host.os}; the platform is made for and tested on Debian 12 and 13."
        remedy = "Install one of them on the host, or name another host in the inventory."
        yield Finding(BLOCKING, "system", "os", text, remedy, f"ID={host.os_id} VERSION_ID={host.os_version}")
    if not host.systemd_runs:
        text = "systemd does not run this host, and the platform's services are systemd units."
        remedy = "Boot the host with systemd; a container needs it as its first process."
        yield Finding(BLOCKING, "systemd", "systemd", text, remedy, "/run/systemd/system is not there")
    elif host.systemd and software.older(host.systemd, software.OLDEST["systemd"]):
        text = f"systemd is {host.systemd}; units need {software.OLDEST['systemd']} or newer."
        yield Finding(BLOCKING, "systemd", "systemd", text, "Upgrade the host to Debian 12 or 13.", host.systemd)
    if software.older(host.kernel, software.OLDEST["linux"]):
        text = f"The kernel is {host.kernel}; the platform is tested from {software.OLDEST['linux']} on."
        yield Finding(
            WARNING, "kernel", "kernel", text, "Boot a newer kernel before the platform carries load.", host.kernel
        )
    if not host.cgroup2:
        text = (
            "The host has the old layout of control groups: memory limits of units hold, pressure and weights may not."
        )
        yield Finding(
            NOTE,
            "cgroup",
            "kernel",
            text,
            "Boot with systemd.unified_cgroup_hierarchy=1.",
            "no /sys/fs/cgroup/cgroup.controllers",
        )
    if software.older(host.python, software.OLDEST["python"]):
        text = f"Python is {host.python}; {software.OLDEST['python']} is the oldest that works."
        yield Finding(
            BLOCKING, "python", "python", text, "Upgrade the host, or set ansible_python_interpreter.", host.python
        )
    for one in wanted["interpreters"]:
        if not host.interpreters.get(one["name"]):
            services = ", ".join(one["needed_by"])
            text = f"There is no {one['name']} on this host, and {services} run with it."
            remedy = f"Install it, or set services.{one['needed_by'][0]}.python.interpreter: python3 for Debian's own."
            yield Finding(BLOCKING, "interpreter", one["name"], text, remedy)


def room(wanted: Mapping[str, Any], host: Host) -> Iterator[Finding]:
    need, have = wanted["memory_mb"], host.memory_mb
    if have < need:
        largest = sorted(wanted["memory_parts"].items(), key=lambda part: -part[1])[:4]
        evidence = f"{have} MB, of which {host.available_mb} MB are free; largest: " + ", ".join(
            f"{name} {size}" for name, size in largest
        )
        severity = BLOCKING if have < need * LEAST_SHARE else WARNING
        text = f"The host has {have} MB of memory; what it is to run takes about {need} MB."
        yield Finding(
            severity,
            "memory",
            "memory",
            text,
            "Give it more memory, or move services to another host by the inventory.",
            evidence,
        )
    if host.cores < 2:
        text = "The host has one core: a build or a backup slows every request."
        yield Finding(WARNING, "cores", "cpu", text, "Give it two or more.", f"{host.cores} usable")
    elif host.load > 2 * host.cores:
        text = "The host is busy already."
        yield Finding(NOTE, "load", "cpu", text, "See what runs: top.", f"load {host.load:.1f} on {host.cores} cores")


def disks(wanted: Mapping[str, Any], host: Host) -> Iterator[Finding]:
    needs = {row["path"]: row for row in wanted["disk"]}
    mounts: dict[str, list[Disk]] = {}
    for disk in host.disks:
        mounts.setdefault(disk.mount, []).append(disk)
        if not disk.writable:
            text = f"The file system of {disk.path} is read-only."
            remedy = (
                f"Mount it writable (mount -o remount,rw {disk.mount}); look into dmesg first, for the kernel does this"
                " after errors."
            )
            yield Finding(BLOCKING, "read-only", disk.path, text, remedy, f"mounted at {disk.mount}")
    for mount, there in mounts.items():
        need = sum(needs[disk.path]["mb"] for disk in there)
        free = there[0].free_mb
        parts = ", ".join(f"{needs[disk.path]['for']} {needs[disk.path]['mb']}" for disk in there)
        evidence = f"{free} of {there[0].total_mb} MB free; wanted: {parts}"
        installed = bool(host.own_units)
        if free < need and not installed:
            text = f"{mount} has {free} MB free; installing takes about {need} MB there."
            yield Finding(
                BLOCKING,
                "disk",
                mount,
                text,
                f"Make room, or grow the file system; du -xh {mount} | sort -h shows what is large.",
                evidence,
            )
        elif free < (0 if installed else need) + ROOM_MB:
            text = f"{mount} has {free} MB free, which leaves little for data, logs and further releases."
            yield Finding(WARNING, "disk", mount, text, "Grow the file system before data come.", evidence)
        if 0 <= there[0].free_files < LEAST_FREE_FILES:
            text = f"{mount} can take only {there[0].free_files} more files; an environment alone has thousands."
            yield Finding(
                BLOCKING,
                "inodes",
                mount,
                text,
                "Remove files (df -i), or make the file system anew with more.",
                evidence,
            )


def clock(host: Host, controller_time: float) -> Iterator[Finding]:
    services = [
        unit
        for unit in ("systemd-timesyncd.service", "chrony.service", "ntpsec.service", "openntpd.service")
        if unit in host.active
    ]
    evidence = f"adjtimex: not synchronised; active: {', '.join(services) or 'no time service'}"
    if host.clock_synchronised is False and host.container:
        text = "The clock is not synchronised; a container has that of the machine around it."
        yield Finding(NOTE, "clock", "clock", text, "Synchronise the machine's.", evidence)
    elif host.clock_synchronised is False and services:
        text = "The clock is not synchronised, though a service for it runs: its servers do not answer."
        yield Finding(
            WARNING,
            "clock",
            "clock",
            text,
            "See timedatectl timesync-status or chronyc sources; NTP is UDP port 123.",
            evidence,
        )
    elif host.clock_synchronised is False:
        text = "The clock is not synchronised. The role base installs systemd-timesyncd unless base_time_sync is false."
        yield Finding(
            NOTE, "clock", "clock", text, "Nothing, if that may be; else run a time service of your own.", evidence
        )
    skew = host.clock - controller_time if controller_time and host.clock else 0.0
    if skew < -NOTED_BEHIND or skew > LONGEST_AHEAD:
        severity = BLOCKING if skew > 0 or skew < -LONGEST_BEHIND else WARNING
        text = (
            f"The clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the controller's; tokens end by it."
        )
        yield Finding(
            severity, "clock-skew", "clock", text, "Set the clock of the host, or the controller's.", f"{skew:+.1f} s"
        )
