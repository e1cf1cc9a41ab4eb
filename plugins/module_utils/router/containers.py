# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the containers behind the router's doors are, and how they are published and called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..docker.containers import Container
from ..docker.engine import Engine
from .maps import NOWHERE

HOST = "host"


@dataclass(frozen=True)
class Door:
    """A door of the catalogue: see `edge_catalogue.sided_doors`. ``container`` is its Compose service, or empty."""

    name: str
    group: str
    container: str
    port: int
    public: int
    internal: int
    variable: str
    reads: str = "pass"
    bridges: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)


@dataclass(frozen=True)
class Access:
    """A shared datastore's front end: see `edge_catalogue.accesses`. ``container`` is its Compose service."""

    name: str
    container: str
    port: int
    variable: str

    def as_dict(self) -> dict[str, Any]:
        """Its server is in the section of its own name, and a door's are in three."""
        return {**self.__dict__, "backends": [self.name]}


def doors(options: Iterable[Mapping[str, Any]]) -> list[Door]:
    """Doors from what a play or a file gives."""
    return [Door(**{name: one[name] for name in Door.__dataclass_fields__ if name in one}) for one in options]


def accesses(options: Iterable[Mapping[str, Any]]) -> list[Access]:
    """The same of accesses."""
    return [Access(**{name: one[name] for name in Access.__dataclass_fields__ if name in one}) for one in options]


def address_of(container: Container) -> str:
    """Its own on the first of its networks, or the host's on the host's network; empty while it has none."""
    if not container.running:
        return ""
    if container.network_mode == HOST:
        return "127.0.0.1"
    return next(iter(container.addresses.values()), "")


def chosen(containers: Iterable[Container], service: str) -> Container | None:
    """The one that serves: a running one before a stopped one, the lowest number first."""
    mine = [one for one in containers if one.service == service]
    return min(mine, key=lambda one: (not one.running, one.number), default=None)


def addresses(wanted: Iterable[Door | Access], containers: Sequence[Container]) -> dict[str, str]:
    """Address and port by the variable of each; refused at once where no container has one."""
    found = {}
    for door in wanted:
        container = chosen(containers, door.container) if door.container else None
        host = address_of(container) if container else ""
        found[door.variable] = f"{host}:{door.port}" if host and door.port else NOWHERE
    return found


def unheard(
    wanted: Iterable[Door], containers: Sequence[Container], networks: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Addresses of the host on networks of doors' containers at which their internal doors do not listen."""
    there = gateways(containers, networks)
    return sorted(
        {address for door in wanted for address in there.get(door.container, ()) if address not in door.bridges}
    )


def scaled(wanted: Iterable[Door], containers: Sequence[Container]) -> list[str]:
    """Compose services of doors that run in more than one container: the router leads to one."""
    services = {door.container for door in wanted if door.container}
    running = [one.service for one in containers if one.running]
    return sorted(service for service in services if running.count(service) > 1)


def networks_of(engine: Engine, containers: Iterable[Container]) -> dict[str, dict[str, str]]:
    """Of each bridge network of the containers, by name: its interface on the host, and the host's address on it."""
    names = sorted({name for one in containers for name in one.networks if one.network_mode != HOST})
    if not names:
        return {}
    known = set(engine.client("network", "ls", "--filter", "driver=bridge", "--format", "{{.Name}}").split())
    return {raw["Name"]: _network(raw) for raw in engine.inspect("network", [name for name in names if name in known])}


def _network(raw: Mapping[str, Any]) -> dict[str, str]:
    options = raw.get("Options") or {}
    configured = (raw.get("IPAM") or {}).get("Config") or []
    gateways = [one.get("Gateway", "") for one in configured]
    return {
        "interface": options.get("com.docker.network.bridge.name") or f"br-{raw['Id'][:12]}",
        "subnet": next((one.get("Subnet", "") for one in configured if ":" not in one.get("Subnet", ":")), ""),
        "gateway": next((one.partition("/")[0] for one in gateways if one and ":" not in one), ""),
    }


def gateways(containers: Iterable[Container], networks: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The host's addresses on the networks of each Compose service, running or not."""
    return _of_networks(containers, networks, "gateway")


def subnets(containers: Iterable[Container], networks: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The addresses from which each Compose service, running or not, calls the host."""
    return _of_networks(containers, networks, "subnet")


def _of_networks(
    containers: Iterable[Container], networks: Mapping[str, Mapping[str, str]], what: str
) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for container in containers:
        there = {networks[name].get(what, "") for name in container.networks if name in networks}
        found.setdefault(container.service, set()).update(there - {""})
    return {service: sorted(addresses) for service, addresses in sorted(found.items()) if addresses}
