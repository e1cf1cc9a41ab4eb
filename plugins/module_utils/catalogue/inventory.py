# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogue needs to know of the inventory: who is in which group, and under which address others reach it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .findings import Findings, shown, suggestion

PARENT = "cryptobot"
GROUPS = tuple(f"cryptobot_{name}" for name in ("database", "cache", "app", "edge", "build", "monitoring", "docker"))
# One server each in this version: what several of them would mean is not decided by adding a host.
SINGLE = ("cryptobot_database", "cryptobot_cache", "cryptobot_edge")
ENVIRONMENTS = ("development", "staging", "production")
LOOPBACK = "127.0.0.1"
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


@dataclass(frozen=True)
class Host:
    """One host. `address` is `cryptobot_address`, else `ansible_host`, else loopback."""

    name: str
    address: str = LOOPBACK
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Inventory:
    """The hosts, in the inventory's order."""

    hosts: tuple[Host, ...]
    environment: str = "development"

    def within(self, group: str) -> list[Host]:
        return [host for host in self.hosts if group in host.groups]

    def first(self, group: str) -> Host | None:
        return next(iter(self.within(group)), None)


def check_inventory(
    inventory: Inventory, catalogue: Mapping[str, Any], groups: Iterable[str], findings: Findings
) -> None:
    """Groups that are needed or not known, addresses that cannot be one.

    `groups`: every group name of the inventory.
    """
    for name in sorted(groups):
        if name.startswith(PARENT) and name not in (PARENT, *GROUPS):
            hint = suggestion(name, GROUPS)
            findings.add(
                f"group {shown(name)}",
                f"is not a group of this collection{'; ' + hint if hint else ''}",
                "cryptobot_app",
            )
    for group, why in needed_groups(catalogue).items():
        if not inventory.within(group):
            findings.add(f"group {group}", f"has no host, but {why}", f"{group}: {{hosts: {{my-host: {{}}}}}}")
    for group in SINGLE:
        if len(found := inventory.within(group)) > 1:
            hosts = ", ".join(host.name for host in found)
            findings.add(
                f"group {group}",
                f"has {len(found)} hosts ({hosts}); this version knows one",
                f"{group}: {{hosts: {{{found[0].name}: {{}}}}}}",
            )
    used = [host for host in inventory.hosts if host.groups & set(GROUPS)]
    for host in used:
        if PARENT not in host.groups:
            findings.add(
                f"host {host.name}",
                "is in a cryptobot_ group that is no child of the group cryptobot",
                "cryptobot: {children: {cryptobot_app: {}}}",
            )
        if not is_address(host.address):
            findings.add(
                f"hosts.{host.name}.cryptobot_address",
                "is neither an IP address nor a host name",
                "cryptobot_address: 10.0.0.5",
            )
        elif len({one.name for one in used}) > 1 and _is_loopback(host.address):
            problem = f"is {host.address}, which other hosts cannot reach, and there are {len(used)} hosts"
            findings.add(f"hosts.{host.name}.cryptobot_address", problem, "cryptobot_address: 10.0.0.5")
        elif len({one.name for one in used}) > 1 and not _is_literal(host.address):
            problem = f"is the name {host.address}; with several hosts, who may reach whom is said by addresses"
            findings.add(f"hosts.{host.name}.cryptobot_address", problem, "cryptobot_address: 10.0.0.5")


def check_compose_hosts(inventory: Inventory, findings: Findings) -> None:
    """Where a Compose project is given, one host has its containers."""
    found = inventory.within("cryptobot_docker")
    example = "cryptobot_docker: {hosts: {my-host: {}}}"
    if not found:
        findings.add("group cryptobot_docker", "has no host, but cryptobot_compose is given", example)
    elif len(found) > 1:
        hosts = ", ".join(host.name for host in found)
        findings.add("group cryptobot_docker", f"has {len(found)} hosts ({hosts}); this version knows one", example)


def needed_groups(catalogue: Mapping[str, Any]) -> dict[str, str]:
    """Groups that must have a host, and why."""
    services, datastores = _mappings(catalogue.get("services")), _mappings(catalogue.get("datastores"))
    kinds = {str(datastore.get("kind")) for datastore in datastores.values()}
    processes = [process for service in services.values() for process in _mappings(service.get("processes")).values()]
    needed = {"cryptobot_app": "services need one to run on"} if services else {}
    if any(process.get("port") for process in processes):
        needed["cryptobot_edge"] = "processes with a port need the proxy"
    if "postgresql" in kinds:
        needed["cryptobot_database"] = "a datastore is of kind postgresql"
    if "redis" in kinds:
        needed["cryptobot_cache"] = "a datastore is of kind redis"
    if services:
        needed["cryptobot_build"] = "releases are built there"
    return needed


def is_address(text: str) -> bool:
    """Whether `text` is an IP address or a host name; something with only digits and dots must be an address."""
    return _is_literal(text) or (bool(_HOSTNAME.fullmatch(text)) and not re.fullmatch(r"[\d.]+", text))


def _is_literal(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def in_url(address: str) -> str:
    """An address as it stands in a URL: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def _is_loopback(address: str) -> bool:
    return address == "localhost" or address.startswith("127.") or address == "::1"


def _mappings(value: object) -> dict[str, Mapping[str, Any]]:
    """The entries of a dictionary by name that are dictionaries themselves."""
    return (
        {str(key): one for key, one in value.items() if isinstance(one, Mapping)} if isinstance(value, Mapping) else {}
    )
