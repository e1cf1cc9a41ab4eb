# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may reach what a host has opened at its own address for other hosts of the platform.

Of what is the platform's alone. PostgreSQL is not among it: others may use the same server, and its own rules name addresses already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue.derived import PGBOUNCER_PORT
from .catalogue.queries import services_on
from .edge_catalogue import called_from_elsewhere

EDGE, LOOPBACK = "cryptobot_edge", "127."


def rules(catalogue: Mapping[str, Any], host: str, sides: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """By purpose the ``ports`` at the host's ``address`` and the ``sources`` that may come to them; nobody else may."""
    address = catalogue["hosts"][host]["address"]
    found = [
        _rule("processes, for the proxy", _process_ports(catalogue, host), _with(catalogue, host, EDGE)),
        _rule("internal doors, for services", _internal_doors(catalogue, host), _running(catalogue, host)),
        _rule("Redis, for its users", *_redis(catalogue, host, sides or {})),
        _rule("pools of connections, for their users", *_pools(catalogue, host)),
    ]
    return [_at(address, rule) for rule in found if rule["ports"] and rule["sources"]]


def _at(address: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Without sources of the address's own family nobody comes in."""
    six = ":" in address
    same = [source for source in rule["sources"] if (":" in source) == six]
    return {**rule, "address": address, "family": "ip6" if six else "ip", "sources": same}


def _rule(purpose: str, ports: Iterable[int], sources: Iterable[str]) -> dict[str, Any]:
    return {"purpose": purpose, "ports": sorted(set(ports)), "sources": sorted(set(sources))}


def _with(catalogue: Mapping[str, Any], host: str, group: str) -> list[str]:
    return [each["address"] for name, each in catalogue["hosts"].items() if name != host and group in each["groups"]]


def _running(catalogue: Mapping[str, Any], host: str, services: Iterable[str] | None = None) -> list[str]:
    """Addresses of other hosts that run any of the services, or any at all."""
    return [
        each["address"]
        for name, each in catalogue["hosts"].items()
        if name != host and (set(each["services"]) & set(services) if services is not None else each["services"])
    ]


def _process_ports(catalogue: Mapping[str, Any], host: str) -> list[int]:
    units = [unit for service in services_on(catalogue, host) for process in service["processes"].values() for unit in process["units"]]
    return [unit["port"] for unit in units if unit["port"] and not unit["listen"].startswith(LOOPBACK)]


def _internal_doors(catalogue: Mapping[str, Any], host: str) -> list[int]:
    here = EDGE in catalogue["hosts"][host]["groups"] and called_from_elsewhere(catalogue, host)
    return [door["internal"] for door in catalogue["doors"]] if here else []


def _redis(catalogue: Mapping[str, Any], host: str, sides: Mapping[str, Any]) -> tuple[list[int], list[str]]:
    """While Docker's server can follow this one, its networks come in, too."""
    stores = [each for each in catalogue["datastores"].values() if each["kind"] == "redis" and each["host"] == host]
    users = {name for store in stores for name in store["users"]}
    containers = {(store.get("docker") or {}).get("service") for store in stores}
    subnets = [subnet for name, found in (sides.get("subnets") or {}).items() if name in containers for subnet in found]
    return [store["port"] for store in stores], [*_running(catalogue, host, users), *subnets]


def _pools(catalogue: Mapping[str, Any], host: str) -> tuple[list[int], list[str]]:
    users = {
        name
        for store in catalogue["datastores"].values()
        if store["kind"] == "postgresql" and store["host"] == host
        for name in store["users"]
        if store["pools"][name] != "none"
    }
    return [PGBOUNCER_PORT] if users else [], _running(catalogue, host, users)
