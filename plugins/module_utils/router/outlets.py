# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlets: networks, as an exchange's, to which a service may connect from one side alone.

The side that does not write is refused there by a table of nftables of our own: its containers by their addresses, its
native processes by their user. It is on disk first, for a boot to put on before containers start, and the watcher keeps
it true. Which side is refused changes in the window: both are, between the closing and the hand-over.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import pwd
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..docker.containers import Container
from ..launcher.sides import DOCKER, NATIVE
from ..migration.journal import write_whole
from .adoption import Run, program
from .maps import RouterError

FILE, RULES = "outlets.json", "outlets.nft"
"""The second is what a boot puts on."""
TABLE, ANY = "cryptobot_outlets", "any"
PRIVATE = {
    4: ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    6: ("::1/128", "fc00::/7", "fe80::/10"),
}
"""What `any` leaves out: this host, its containers and their like."""
FAMILIES = {4: "ip", 6: "ip6"}
HOOKS = {DOCKER: ("forward", "input"), NATIVE: ("output",)}


@dataclass(frozen=True)
class Outlet:
    """Of a service: its Compose services, its native system user, and the networks; `any`: all that are not private."""

    service: str
    group: str
    containers: tuple[str, ...]
    user: str
    networks: tuple[str, ...]

    @classmethod
    def parsed(cls, found: Mapping[str, Any]) -> Outlet:
        return cls(found["service"], found["group"], tuple(found["containers"]), found["user"], tuple(found["networks"]))


@dataclass(frozen=True)
class Book:
    """``closed``: sides that are refused, by migration group. ``addresses``: of containers, by Compose service."""

    outlets: tuple[Outlet, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_closed(self, groups: Iterable[str], side: str, is_closed: bool) -> Book:
        closed = dict(self.closed)
        for group in {each.group for each in self.outlets} & set(groups):
            others = tuple(each for each in closed.get(group, ()) if each != side)
            closed[group] = tuple(sorted((*others, side))) if is_closed else others
        return replace(self, closed=closed)

    def by_record(self, groups: Iterable[str], sides: Mapping[str, str]) -> Book:
        """``sides``: by group the one that serves; whatever else there is of it is refused."""
        found = {
            group: tuple(side for side in (DOCKER, NATIVE) if side != sides.get(group, DOCKER))
            for group in {each.group for each in self.outlets} & set(groups)
        }
        return replace(self, closed={**self.closed, **found})

    def rules(self, uid: Callable[[str], int | None]) -> dict[str, list[str]]:
        """By hook."""
        found: dict[str, list[str]] = {hook: [] for hooks in HOOKS.values() for hook in hooks}
        for outlet in self.outlets:
            for side in self.closed.get(outlet.group, ()):
                for family in FAMILIES:
                    for source in self._sources(outlet, side, family, uid):
                        for to in _destinations(outlet.networks, family):
                            for hook in HOOKS[side]:
                                found[hook].append(f"{source}{to} meta l4proto tcp counter reject with tcp reset")
                                found[hook].append(f"{source}{to} counter reject")
        return found

    def _sources(self, outlet: Outlet, side: str, family: int, uid: Callable[[str], int | None]) -> list[str]:
        if side == NATIVE:
            number = uid(outlet.user)
            return [] if number is None else [f"meta skuid {number} "]
        every = sorted({address for name in outlet.containers for address in self.addresses.get(name, ())})
        own = [address for address in every if ipaddress.ip_address(address).version == family]
        return [f"{FAMILIES[family]} saddr {{ {', '.join(own)} }} "] if own else []

    def text(self, uid: Callable[[str], int | None]) -> str:
        """What ``nft -f`` carries out at once. An empty chain is called by the rules' digest, so that they are known again."""
        table = f"table inet {TABLE}\ndelete table inet {TABLE}\n"
        rules = self.rules(uid)
        if not any(rules.values()):
            return table
        chains = "".join(
            f"  chain {hook} {{\n    type filter hook {hook} priority -5; policy accept;\n"
            + "".join(f"    {rule}\n" for rule in each)
            + "  }\n"
            for hook, each in rules.items()
        )
        return f"{table}table inet {TABLE} {{\n{chains}  chain {_digest(chains)} {{\n  }}\n}}\n"


class Outlets:
    """Those of a host, kept in a folder of it. Whoever changes them has the router's lock."""

    def __init__(self, folder: Path | str, run: Run = program) -> None:
        self._path, self._run = Path(folder) / FILE, run

    def read(self) -> Book:
        """Raises RouterError for a damaged file."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            closed = {group: tuple(each) for group, each in found["closed"].items()}
            addresses = {name: tuple(each) for name, each in found["addresses"].items()}
            return Book(tuple(Outlet.parsed(each) for each in found["outlets"]), closed, addresses)
        except FileNotFoundError:
            return Book()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise RouterError(
                f"{self._path} is damaged: remove it, and make it anew: ansible-playbook cryptobot.native.cut_over -e "
                "migration_group=NAME"
            ) from None

    def wanted(self, outlets: Iterable[Outlet], groups: Iterable[str], sides: Mapping[str, str], containers: Iterable[Container]) -> Book:
        """These in place of those of the groups. ``sides``: by group the one that writes; the other one is refused."""
        book, groups = self.read(), set(groups)
        kept = tuple(each for each in book.outlets if each.group not in groups)
        closed = {group: each for group, each in book.closed.items() if group not in groups}
        made = Book((*kept, *outlets), closed, book.addresses).by_record(groups, sides)
        return replace(made, addresses=addresses(made.outlets, containers))

    def put(self, book: Book) -> None:
        """On disk, then in the kernel. May be repeated."""
        text = book.text(_uid)
        write_whole(self._path.with_name(RULES), text)
        write_whole(self._path, json.dumps(asdict(book), indent=1, sort_keys=True) + "\n")
        done = self._run(["nft", "-f", "-"], text)
        if done.returncode:
            raise RouterError(f"The table {TABLE} cannot be put on, so outgoing connections are not refused. nft says: {done.stderr.strip()}")

    def close(self, groups: Iterable[str], side: str) -> None:
        """From now on this side is refused. May be repeated."""
        self.put(self.read().with_closed(groups, side, True))

    def open(self, groups: Iterable[str], side: str) -> None:
        """This side may connect, and the other one may not. May be repeated."""
        other = NATIVE if side == DOCKER else DOCKER
        self.put(self.read().with_closed(groups, other, True).with_closed(groups, side, False))

    def again(self, containers: Iterable[Container], sides: Mapping[str, str] | None = None) -> list[str]:
        """Put on what is not, or knows an address or a user of before; sentences about what was done. ``sides``: what the
        record says, which counts where no window is under way."""
        book = self.read()
        if not book.outlets:
            return []
        now = replace(book, addresses={**book.addresses, **addresses(book.outlets, containers)})
        if sides is not None:
            now = now.by_record(book.closed, sides)
        if now == book and self._is_on(book):
            return []
        self.put(now)
        return ["refused the side that does not write its outgoing connections again"]

    def _is_on(self, book: Book) -> bool:
        text = book.text(_uid)
        done = self._run(["nft", "list", "table", "inet", TABLE], "")
        names = [line.split()[1] for line in text.splitlines() if line.startswith("  chain rules_")]
        return done.returncode == 0 and names[0] in done.stdout if names else True


def addresses(outlets: Iterable[Outlet], containers: Iterable[Container]) -> dict[str, tuple[str, ...]]:
    """By Compose service that has one: of its running containers."""
    wanted = {name for outlet in outlets for name in outlet.containers}
    found: dict[str, set[str]] = {}
    for one in containers:
        if one.service in wanted and one.running:
            found.setdefault(one.service, set()).update(one.addresses.values())
    return {name: tuple(sorted(each)) for name, each in found.items() if each}


def unreachable(outlets: Iterable[Outlet], containers: Iterable[Container]) -> list[str]:
    """Sentences about running containers that cannot be told from the host itself."""
    wanted = {name: outlet for outlet in outlets for name in outlet.containers}
    return [
        f"The container {one.name} has no address of its own (network_mode: {one.network_mode}), so the outgoing connections of "
        f"{wanted[one.service].service} cannot be refused (egress_fence). Give it a network of the Compose project, or take "
        "egress_fence out of the catalogue."
        for one in containers
        if one.service in wanted and one.running and not any(one.addresses.values())
    ]


def _destinations(networks: Iterable[str], family: int) -> list[str]:
    """Matches, each of which is enough."""
    named = [ipaddress.ip_network(each, strict=False) for each in networks if each != ANY]
    own = [str(each) for each in ipaddress.collapse_addresses(each for each in named if each.version == family)]
    found = [f"{FAMILIES[family]} daddr {{ {', '.join(own)} }}"] if own else []
    return [*found, *([f"{FAMILIES[family]} daddr != {{ {', '.join(PRIVATE[family])} }}"] if ANY in networks else [])]


def _digest(text: str) -> str:
    return f"rules_{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _uid(name: str) -> int | None:
    """None while there is no such user."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
