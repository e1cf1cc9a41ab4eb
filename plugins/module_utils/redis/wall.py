# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wall in this host's firewall round a Redis that would come back open.

A server without a file of users starts again as its command line says: with everyone's rights, and as nobody's replica.
So whoever is not the controller is refused by a table of nftables of our own, which is on disk first, to be put on again
at a boot: packets of the controller carry a mark, and the connection of the server that follows is known by its ends.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..docker.engine import DockerError
from ..migration.journal import write_whole
from ..router.adoption import Run, program
from .client import PACKET_MARK, RedisError
from .endpoint import Endpoint

FILE, RULES = "redis-walls.json", "redis-walls.nft"
"""The second is what a boot puts on, before containers start."""
PREFIX = "cryptobot_redis_"
Address = tuple[str, int]
HOOKS = {"output": "", "forward": "", "input": 'iifname != "lo" '}
"""What comes in by the loopback was seen as it went out."""


@dataclass(frozen=True)
class Wall:
    """``name``: of the datastore and the side. ``server``: options of an endpoint, so that its address can be asked for
    again. ``links``: ends that pass."""

    name: str
    server: Mapping[str, Any]
    address: Address
    links: tuple[Address, ...] = ()

    @property
    def table(self) -> str:
        return PREFIX + re.sub(r"\W", "_", self.name)

    def text(self) -> str:
        """What ``nft -f`` carries out at once."""
        chains = "".join(
            f"  chain {hook} {{\n    type filter hook {hook} priority -5; policy accept;\n{self._rules(where)}  }}\n"
            for hook, where in HOOKS.items()
        )
        return f"{without(self.table)}table inet {self.table} {{\n{chains}}}\n"

    def _rules(self, where: str) -> str:
        host, port = self.address
        family = _family(host)
        to = f"{family} daddr {host} tcp dport {port}"
        passes = [f"{_family(end)} saddr {end} tcp sport {number} {to} accept" for end, number in self.links]
        refuse = f"{where}{to} meta mark != {PACKET_MARK} counter reject with tcp reset"
        return "".join(f"    {rule}\n" for rule in (*passes, refuse))


def without(table: str) -> str:
    """Declared first, so that it can be deleted whether it is there or not."""
    return f"table inet {table}\ndelete table inet {table}\n"


class Walls:
    """Those of a host, kept in a folder of it."""

    def __init__(self, folder: Path | str, run: Run = program) -> None:
        self._path, self._run = Path(folder) / FILE, run

    def read(self) -> dict[str, Wall]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {name: _wall(found) for name, found in document.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError):
            raise RedisError(f"{self._path} is damaged: remove it, and begin to follow again") from None

    def put(self, wall: Wall) -> None:
        """On disk, then in the kernel. May be repeated."""
        self._write({**self.read(), wall.name: wall})
        self._nft(wall.text(), f"The wall round {wall.name} cannot be put on")

    def remove(self, name: str) -> None:
        """May be repeated."""
        walls = self.read()
        if wall := walls.pop(name, None):
            self._nft(without(wall.table), f"The wall round {name} cannot be taken down")
            self._write(walls)

    def again(self, address: Callable[[Mapping[str, Any]], Address]) -> list[str]:
        """Put on what is not, or is at an address that its server had before; their names. One whose server does not run
        stays where it is."""
        found = []
        for wall in self.read().values():
            try:
                now = replace(wall, address=address(wall.server))
            except (RedisError, DockerError):
                now = wall
            if now != wall or self._run(["nft", "list", "table", "inet", wall.table], "").returncode:
                self.put(now)
                found.append(wall.name)
        return sorted(found)

    def _nft(self, text: str, what: str) -> None:
        done = self._run(["nft", "-f", "-"], text)
        if done.returncode:
            raise RedisError(f"{what}. nft says: {done.stderr.strip()}")

    def _write(self, walls: Mapping[str, Wall]) -> None:
        document = {name: asdict(wall) for name, wall in walls.items()}
        write_whole(self._path.with_name(RULES), "".join(wall.text() for wall in walls.values()))
        write_whole(self._path, json.dumps(document, indent=1, sort_keys=True) + "\n")


def address(endpoint: Endpoint) -> Address:
    """Where packets to a server go. Raises RedisError for one that is reached by a file."""
    if endpoint.path:
        raise RedisError(f"{endpoint.title} is reached by a socket file, and no wall can be put round it")
    try:
        return str(ipaddress.ip_address(endpoint.host)), endpoint.port
    except ValueError:
        return socket.gethostbyname(endpoint.host), endpoint.port


def walls_again(folder: Path | str, run: Run = program) -> list[str]:
    """When a container has another address, or a firewall was loaded anew; their names."""
    return Walls(folder, run).again(lambda server: address(Endpoint.from_options(server)))


def _wall(found: Mapping[str, Any]) -> Wall:
    return Wall(found["name"], found["server"], _address(found["address"]), tuple(map(_address, found["links"])))


def _address(found: Sequence[Any]) -> Address:
    host, port = found
    return host, port


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"
