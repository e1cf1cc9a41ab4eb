# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adoption: what clients send to published ports, and what containers send each other, meets the router's doors.

One table of nftables of our own for each family, before Docker's in priority, put on and taken off whole. No other one
is read or changed. A new connection is redirected to a door's port; one that was made before stays where it is.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..docker.containers import Container
from .containers import HOST, Door, chosen
from .maps import RouterError

TABLE = "cryptobot_router"
FAMILIES = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
EVERYWHERE = {4: "0.0.0.0", 6: "::"}
BRIDGED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
Run = Callable[[Sequence[str], str], "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class Adoption:
    """What the tables hold; values are ports of doors.

    Keys of ``published`` are an address as published (`0.0.0.0` and `::`: all of the host's) and a port, of ``calls``
    a container's address and port. From elsewhere ``doors`` take redirected packets only.
    """

    published: Mapping[tuple[str, int], int] = field(default_factory=dict)
    calls: Mapping[tuple[str, int], int] = field(default_factory=dict)
    bridges: frozenset[str] = frozenset()
    doors: frozenset[int] = frozenset()

    def lines(self) -> list[str]:
        """For a diff, and for people."""
        found = [f"{address}:{port} -> {door}" for (address, port), door in sorted(self.published.items())]
        found += [f"call {address}:{port} -> {door}" for (address, port), door in sorted(self.calls.items())]
        found += [f"bridge {name}" for name in sorted(self.bridges)]
        return found + [f"closed {port}" for port in sorted(self.doors)]


def wanted(
    doors: Iterable[Door],
    containers: Sequence[Container],
    networks: Mapping[str, Mapping[str, str]],
    ipv6: bool = False,
    standins: Iterable[Container] = (),
) -> Adoption:
    """For the containers as they are; calls on networks at which a door does not listen stay direct.

    ``standins`` are called in their place. Ports that Docker chose, and those on the host's network, cannot be adopted.
    """
    published: dict[tuple[str, int], int] = {}
    calls: dict[tuple[str, int], int] = {}
    closed, standins = set(), list(standins)
    for door in doors:
        container = chosen(containers, door.container) if door.container else None
        if not container or container.network_mode == HOST:
            continue
        for one in container.bindings:
            if one.protocol == "tcp" and one.container_port == door.port and one.host_port:
                for address in [one.address] if one.address else EVERYWHERE.values():
                    if ipv6 or ":" not in address:
                        published[address, one.host_port] = door.public
                        closed.add(door.public)
        for called in [container, *(one for one in standins if one.service == door.container)]:
            calls.update(
                {
                    (address, door.port): door.internal
                    for name, address in called.addresses.items()
                    if called.running and networks.get(name, {}).get("gateway") in door.bridges
                }
            )
    bridges = frozenset(one["interface"] for one in networks.values())
    return Adoption(published, calls, bridges, frozenset(closed))


def not_adopted(doors: Iterable[Door], containers: Iterable[Container]) -> list[str]:
    """Published ports that no door stands for, as people read them: they stay with their containers."""
    known = {(door.container, door.port) for door in doors}
    return sorted(
        f"{container.service}:{one.container_port} at {one.address}:{one.host_port}"
        for container in containers
        for one in container.published
        if (container.service, one.container_port) not in known or one.protocol != "tcp"
    )


def text(adoption: Adoption | None, ipv6: bool = False, boot: bool = False) -> str:
    """What `nft -f` carries out at once: the tables as they are to be, or gone.

    ``boot``: where the containers are is not known yet, and an address may be another one's by now. So no call is led
    anywhere, and none goes directly; who calls sends the first packet again until the watcher has looked.
    """
    parts = []
    for version in (4, 6) if ipv6 else (4,):
        family = FAMILIES[version][0]
        # Declared first, so that it can be deleted whether it is there or not.
        parts.append(f"table {family} {TABLE}\ndelete table {family} {TABLE}\n")
        if adoption:
            parts.append(_table(adoption, version, boot))
    return "".join(parts)


def _table(adoption: Adoption, version: int, boot: bool) -> str:
    family, kind = FAMILIES[version]
    mine = {key: door for key, door in adoption.published.items() if _version(key[0]) == version}
    exact = {key: door for key, door in mine.items() if key[0] != EVERYWHERE[version]}
    everywhere = {port: door for (address, port), door in mine.items() if address == EVERYWHERE[version]}
    calls = {key: door for key, door in adoption.calls.items() if _version(key[0]) == version}
    waiting = ", ".join(str(port) for port in sorted({port for __, port in calls})) if boot else ""
    if boot:
        calls = {}
    to_published = [
        f"meta l4proto tcp redirect to {family} daddr . tcp dport map @published",
        "fib daddr type local meta l4proto tcp redirect to tcp dport map @everywhere",
    ]
    to_calls = f"iifname @bridges meta l4proto tcp redirect to {family} daddr . tcp dport map @calls"
    bodies = [
        _set(
            "map published",
            f"{kind} . inet_service : inet_service",
            [f"{a} . {p} : {d}" for (a, p), d in exact.items()],
        ),
        _set("map everywhere", "inet_service : inet_service", [f"{p} : {d}" for p, d in everywhere.items()]),
        _set("map calls", f"{kind} . inet_service : inet_service", [f"{a} . {p} : {d}" for (a, p), d in calls.items()]),
        _set("set bridges", "ifname", [f'"{name}"' for name in adoption.bridges]),
        _set("set doors", "inet_service", [str(port) for port in adoption.doors]),
        _chain("prerouting", "type nat hook prerouting priority -110", [to_calls, *to_published]),
        _chain("output", "type nat hook output priority -110", to_published),
        _chain(
            "input",
            "type filter hook input priority -5",
            ['iifname != "lo" tcp dport @doors ct status & dnat == 0 counter reject with tcp reset'],
        ),
    ]
    if waiting:
        first = f"iifname @bridges tcp dport {{ {waiting} }} tcp flags & (syn | ack) == syn counter drop"
        bodies.append(_chain("forward", "type filter hook forward priority -5", [first]))
    return f"table {family} {TABLE} {{\n{''.join(bodies)}}}\n"


def _set(head: str, kind: str, elements: Iterable[str]) -> str:
    content = ", ".join(sorted(elements))
    return f"  {head} {{\n    type {kind};\n" + (f"    elements = {{ {content} }}\n" if content else "") + "  }\n"


def _chain(name: str, hook: str, rules: Iterable[str]) -> str:
    return f"  chain {name} {{\n    {hook}; policy accept;\n" + "".join(f"    {rule}\n" for rule in rules) + "  }\n"


def _version(address: str) -> int:
    return 6 if ":" in address else 4


class Tables:
    """The tables in the kernel. ``run`` starts a program with a text as its input."""

    def __init__(self, run: Run | None = None, ipv6: bool = False) -> None:
        self._run, self._ipv6 = run or program, ipv6

    def read(self) -> Adoption | None:
        """What is on; None where there is no table. Chains that somebody took out count as not on."""
        found = [self._read(version) for version in ((4, 6) if self._ipv6 else (4,))]
        there = [one for one in found if one]
        if not there:
            return None
        return Adoption(
            {key: door for one in there for key, door in one.published.items()},
            {key: door for one in there for key, door in one.calls.items()},
            frozenset.union(*(one.bridges for one in there)),
            frozenset.union(*(one.doors for one in there)),
        )

    def put(self, adoption: Adoption | None) -> None:
        """On or off in one transaction of the kernel. Raises RouterError with what nft said."""
        done = self._run(["nft", "-f", "-"], text(adoption, self._ipv6))
        if done.returncode:
            what = "put on" if adoption else "taken off"
            raise RouterError(
                f"The table {TABLE} cannot be {what}; nothing was changed. nft says: {done.stderr.strip()}"
            )

    def _read(self, version: int) -> Adoption | None:
        done = self._run(["nft", "-j", "list", "table", FAMILIES[version][0], TABLE], "")
        if done.returncode:
            if "No such file" in done.stderr:
                return None
            raise RouterError(f"The tables of nftables cannot be read. nft says: {done.stderr.strip()}")
        return parsed(json.loads(done.stdout), version)


def parsed(listed: Mapping[str, Any], version: int = 4) -> Adoption | None:
    """From `nft -j list table`; None where a chain or a rule of it is missing."""
    sets: dict[str, list[Any]] = {}
    rules: dict[str, int] = {}
    for entry in listed["nftables"]:
        for kind in ("map", "set"):
            if kind in entry:
                sets[entry[kind]["name"]] = entry[kind].get("elem", [])
        if "rule" in entry:
            rules[entry["rule"]["chain"]] = rules.get(entry["rule"]["chain"], 0) + 1
    if rules != {"prerouting": 3, "output": 2, "input": 1}:
        return None
    exact = {_key(key): door for key, door in sets.get("published", [])}
    return Adoption(
        {**exact, **{(EVERYWHERE[version], port): door for port, door in sets.get("everywhere", [])}},
        {_key(key): door for key, door in sets.get("calls", [])},
        frozenset(sets.get("bridges", [])),
        frozenset(sets.get("doors", [])),
    )


def _key(element: Mapping[str, Any]) -> tuple[str, int]:
    address, port = element["concat"]
    return address, port


def calls_pass_the_table(path: Path = BRIDGED) -> bool:
    """Whether packets between containers of one network are shown to the tables at all."""
    try:
        return path.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def program(words: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
    """Start a program with a text as its input."""
    try:
        return subprocess.run(words, input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RouterError(
            f"There is no program {words[0]} on this host. Install it: apt install nftables conntrack"
        ) from None
