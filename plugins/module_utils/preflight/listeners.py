# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens where on a host, read from the kernel: no program of the host is needed for it."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LISTEN = "0A"
EVERYWHERE = ("0.0.0.0", "::", "*")


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket and the process that has it; without one where only systemd keeps it."""

    port: int
    address: str
    pid: int = 0
    process: str = ""
    unit: str = ""

    @property
    def holder(self) -> str:
        """For people: process, number and unit."""
        if not self.pid:
            return "the kernel or another container"
        return f"{self.process} (process {self.pid}{', ' + self.unit if self.unit else ''})"


def sockets(table: str) -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of each listening socket of ``/proc/net/tcp`` or ``tcp6``."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == LISTEN:
            address, __, port = fields[1].partition(":")
            yield address_of(address), int(port, 16), fields[9]


def address_of(text: str) -> str:
    """The kernel writes an address in words of the machine's own order: little endian wherever this runs."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    return str(ipaddress.ip_address(b"".join(words)))


def unit_of(cgroup: str) -> str:
    """The innermost systemd unit out of ``/proc/<pid>/cgroup``, of either layout; empty for none."""
    lines = [line.split(":", 2) for line in cgroup.splitlines() if line.count(":") >= 2]
    named = [path for __, controllers, path in lines if controllers in ("", "name=systemd")]
    for path in sorted(named, key=len, reverse=True):
        for part in reversed(path.split("/")):
            if re.search(r"\.(service|scope|socket)$", part):
                return part
    return ""


def listeners(proc: Path = Path("/proc")) -> list[Listener]:
    """All of this host, each once, by port. Where a process and systemd both have a socket, it is the process's."""
    wanted = {}
    for name in ("tcp", "tcp6"):
        try:
            table = (proc / "net" / name).read_text()
        except OSError:
            continue
        wanted.update({inode: (address, port) for address, port, inode in sockets(table)})
    holders = _holders(proc, set(wanted))
    found = {Listener(port, address, *holders.get(inode, (0, "", ""))) for inode, (address, port) in wanted.items()}
    return sorted(found, key=lambda one: (one.port, one.address, one.pid))


def _holders(proc: Path, inodes: set[str]) -> Mapping[str, tuple[int, str, str]]:
    found: dict[str, tuple[int, str, str]] = {}
    numbers = sorted((int(path.name) for path in proc.iterdir() if path.name.isdigit()), reverse=True)
    for number in numbers:  # The first process comes last: systemd keeps descriptors for others.
        mine = _socket_inodes(proc / str(number) / "fd") & (inodes - set(found))
        if mine:
            name, unit = _read(proc / str(number) / "comm"), unit_of(_read(proc / str(number) / "cgroup"))
            found.update(dict.fromkeys(mine, (number, name, unit)))
    return found


def _socket_inodes(directory: Path) -> set[str]:
    found = set()
    try:
        names = os.listdir(directory)
    except OSError:
        return found
    for name in names:
        try:
            target = os.readlink(directory / name)
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def meets(wanted: str, held: str) -> bool:
    """Whether two listeners at one port get in each other's way."""
    return wanted in EVERYWHERE or held in EVERYWHERE or wanted == held or f"::ffff:{wanted}" == held
