# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's service names become native addresses: in the host's place of a URL and in `host:port`, and nowhere else.

A word alone is never an address (`KONG_DATABASE=postgres` stays), and neither is a scheme (`postgresql://`), a user,
a path or a query.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# The port that a URL without one means.
DEFAULT_PORTS = {
    "amqp": 5672,
    "http": 80,
    "https": 443,
    "mongodb": 27017,
    "mysql": 3306,
    "postgres": 5432,
    "postgresql": 5432,
    "redis": 6379,
    "rediss": 6379,
    "ws": 80,
    "wss": 443,
}
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
# Scheme, user information, the list of hosts; what follows is not looked at.
_URL = re.compile(
    r"(?<![A-Za-z0-9+.-])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^\s/?#@'\"<>]*@)?"
    r"(?P<hosts>(?:(?!,[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@'\"<>\\])+)"
)
# Where path and query end. A comma ends a URL where another one begins.
_END = re.compile(r"[\s'\"<>]|,(?=[A-Za-z][A-Za-z0-9+.-]*://)|\Z")
_HOST = re.compile(rf"(?P<host>{_NAME})(?::(?P<port>\d{{1,5}}))?")
_PAIR = re.compile(rf"(?<![\w.:/@%-])(?P<host>{_NAME}):(?P<port>\d{{1,5}})(?![\w:@%-]|\.\w)")


@dataclass(frozen=True)
class Address:
    """Where a service is natively."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Rewriter:
    """`addresses`: for each service of Docker, by its port there, the native address.

    A service at a port that is not among them stays and is remembered in `left`: someone must decide.
    """

    def __init__(self, addresses: Mapping[str, Mapping[int, Address]]) -> None:
        self._addresses = addresses
        self.left: list[str] = []

    def rewrite(self, value: Any) -> Any:
        """The same data with every text in it rewritten; keys stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.rewrite(element) for key, element in value.items()}
        if isinstance(value, list | tuple):
            return [self.rewrite(element) for element in value]
        return value

    def text(self, text: str) -> str:
        """Rewrites URLs first; pairs are looked for only outside of them."""
        parts, end = [], 0
        while match := _URL.search(text, end):
            parts += [self._pairs(text[end : match.start()]), self._url(match)]
            end = _END.search(text, match.end()).start()
            parts.append(text[match.end() : end])
        return "".join([*parts, self._pairs(text[end:])])

    def _url(self, match: re.Match[str]) -> str:
        scheme = match["scheme"].lower().partition("+")[0]
        hosts = [self._host(host, DEFAULT_PORTS.get(scheme)) for host in match["hosts"].split(",")]
        return f"{match['scheme']}://{match['user'] or ''}{','.join(hosts)}"

    def _pairs(self, text: str) -> str:
        return _PAIR.sub(lambda match: self._address(match["host"], int(match["port"]), match[0]), text)

    def _host(self, text: str, default: int | None) -> str:
        match = _HOST.fullmatch(text)
        if match is None:
            return text
        return self._address(match["host"], int(match["port"]) if match["port"] else default, text)

    def _address(self, host: str, port: int | None, text: str) -> str:
        ports = self._addresses.get(host)
        if ports is None:
            return text
        if port not in ports:
            self.left.append(text)
            return text
        return str(ports[port])


def addresses_of(resolved: Mapping[str, Any], loopback: str = "127.0.0.1") -> dict[str, dict[int, Address]]:
    """Addresses from a resolved catalogue: processes by their internal doors, servers by their own ports.

    `loopback`: under which address the host that will read the values reaches the proxy.
    """
    found: dict[str, dict[int, Address]] = {}

    def add(name: str, port: int, address: Address) -> None:
        found.setdefault(name, {}).setdefault(port, address)

    for service in resolved["services"].values():
        for process in service["processes"].values():
            docker = process.get("docker") or {}
            if docker.get("service") and docker.get("port") and process.get("internal_port"):
                add(docker["service"], docker["port"], Address(loopback, process["internal_port"]))
    for datastore in resolved["datastores"].values():
        docker = datastore.get("docker") or {}
        if docker.get("service") and datastore.get("port"):
            default = DEFAULT_PORTS.get(datastore["kind"], datastore["port"])
            add(docker["service"], docker.get("port", default), Address(loopback, datastore["port"]))
    return found
