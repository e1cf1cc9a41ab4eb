# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that go round the router: connections to containers made before their adoption, or past it.

Three ways lead there: packets that Docker's own rules sent on (only the kernel's table of connections knows them), its
docker-proxy, and programs of this host that call a container's address. Those of HAProxy itself are the router's.
"""

from __future__ import annotations

import ipaddress
import json
import re
import subprocess
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from .maps import RouterError

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
ROUTER = "haproxy"
GONE = "a program that has gone"
BETWEEN = "between containers"
_PROCESS = re.compile(r'\("([^"]*)",pid=(\d+)')
_FIELD = re.compile(r"\b(src|dst|sport|dport)=(\S+)")


@dataclass(frozen=True)
class Flow:
    """One connection: from where, to which container's address and port, by which way."""

    client: str
    address: str
    port: int
    way: str

    def __str__(self) -> str:
        return f"{self.client} to {self.address}:{self.port} ({self.way})"


def named(flows: Sequence[Flow], most: int = 10) -> str:
    """For a sentence."""
    more = f"; and {len(flows) - most} more" if len(flows) > most else ""
    return "; ".join(str(flow) for flow in flows[:most]) + more


def parse_conntrack(listed: str, targets: Collection[tuple[str, int]], own: Collection[str]) -> list[Flow]:
    """Established flows to targets from clients elsewhere. The answer's source is where a flow really goes."""
    found = []
    for line in listed.splitlines():
        fields = _FIELD.findall(line)
        if "ESTABLISHED" not in line or len(fields) < 8:
            continue
        there, back = dict(fields[:4]), dict(fields[4:8])
        target = back["src"], int(back["sport"])
        if target in targets and there["src"] not in own:
            direct = (there["dst"], int(there["dport"])) == target
            way = BETWEEN if direct else f"by port {there['dport']}"
            found.append(Flow(f"{there['src']}:{there['sport']}", *target, way))
    return found


def parse_sockets(listed: str, targets: Collection[tuple[str, int]]) -> list[Flow]:
    """Connections of this host's programs to targets, HAProxy's own left out."""
    found = []
    for line in listed.splitlines():
        words = line.split()
        if len(words) < 4:
            continue
        peer, port = _endpoint(words[3])
        program = _PROCESS.search(line)
        name = program[1] if program else GONE
        if (peer, port) in targets and name != ROUTER:
            found.append(Flow(words[2], peer, port, f"{name}, process {program[2]}" if program else name))
    return found


def _endpoint(text: str) -> tuple[str, int]:
    host, __, port = text.rpartition(":")
    address = host.strip("[]").partition("%")[0]
    return address.removeprefix("::ffff:"), int(port) if port.isdigit() else 0


class Flows:
    """What the kernel knows of connections. ``run`` starts a program; tests give their own."""

    def __init__(self, run: Run | None = None) -> None:
        self._run = run or _run

    def around(self, targets: Iterable[tuple[str, int]]) -> list[Flow]:
        """Flows to targets (address and port of containers) that the router does not carry."""
        wanted = set(targets)
        tracked = parse_conntrack(
            self._said("conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED"), wanted, self._own()
        )
        return sorted({*tracked, *self._sockets(wanted)}, key=str)

    def _sockets(self, wanted: set[tuple[str, int]]) -> list[Flow]:
        """`ss` looks for programs first: who connects meanwhile, as HAProxy often does, is known to the next look."""
        there = parse_sockets(self._said("ss", "-Htnp", "state", "established"), wanted)
        unsure = {flow.client for flow in there if flow.way == GONE}
        if not unsure:
            return there
        again = parse_sockets(self._said("ss", "-Htnp", "state", "established"), wanted)
        return [flow for flow in there if flow.way != GONE] + [flow for flow in again if flow.client in unsure]

    def _own(self) -> set[str]:
        listed = json.loads(self._said("ip", "-j", "address", "show"))
        return {str(one["local"]) for link in listed for one in link.get("addr_info", []) if "local" in one}

    def _said(self, *words: str) -> str:
        done = self._run(words)
        if done.returncode:
            raise RouterError(
                f"{words[0]} failed, and connections past the router cannot be counted: {done.stderr.strip()}"
            )
        return done.stdout


def end_flow(pid: int, flow: Flow, run: Run | None = None) -> int:
    """End one connection at its container, from inside the network of the container's process ``pid``; how many ended.

    Its client sees a reset, and fails where a request was on its way.
    """
    host, port = _endpoint(flow.client)
    return _end(pid, ["dst", host, "dport", "=", str(port), "sport", "=", str(flow.port)], run)


def end_between(pid: int, address: str, port: int, run: Run | None = None) -> int:
    """End a container's connections to another one, from inside the network of its process ``pid``; how many ended.

    Only while they are idle, under a hold: an ended one with a request on its way fails.
    """
    return _end(pid, ["dst", address, "dport", "=", str(port)], run)


def _end(pid: int, match: list[str], run: Run | None) -> int:
    ipaddress.ip_address(match[1])
    words = ["nsenter", "-t", str(pid), "-n", "ss", "-KHtn", "state", "established", *match]
    done = (run or _run)(words)
    if done.returncode:
        raise RouterError(f"Connections of process {pid} ({' '.join(match)}) cannot be ended: {done.stderr.strip()}")
    return len([line for line in done.stdout.splitlines() if line.strip()])


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(list(words), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RouterError(
            f"There is no program {words[0]} on this host. Install it: apt install conntrack iproute2"
        ) from None
