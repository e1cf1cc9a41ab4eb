# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the resolved catalogue to the sockets that the proxy's launcher keeps."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from .catalogue.derived import ADOPTED_OFFSET, PORTS, identifier
from .catalogue.lending import has_access
from .migration.alone import alone

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::", "*")


def public_port(port: int, sides: Mapping[str, Any] | None) -> int:
    """Where a public door is: at its port, or beside it while a Compose project publishes that one, running or not."""
    return port + ADOPTED_OFFSET if port in (sides or {}).get("published", ()) else port


def endpoint(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def called_from_elsewhere(catalogue: Mapping[str, Any], host: str) -> bool:
    """Whether services run on another host than the proxy: their calls come to its own address."""
    return any(other["services"] for name, other in catalogue["hosts"].items() if name != host)


def listen(
    catalogue: Mapping[str, Any], host: str, tls_port: int = 0, sides: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Name to address: the entrance, of each process its public door and its internal one, and the stores' accesses."""
    bind = str(catalogue["edge"].get("bind", EVERYWHERE[0])).replace("*", EVERYWHERE[0])
    sockets = {"entrance": endpoint(bind, public_port(catalogue["edge"]["port"], sides))}
    if tls_port:
        sockets["entrance_tls"] = endpoint(bind, public_port(tls_port, sides))
    address = catalogue["hosts"][host]["address"]
    elsewhere = called_from_elsewhere(catalogue, host) and not is_loopback(address)
    for door in catalogue["doors"]:
        sockets.update(_public(door, bind, sides or {}))
        sockets[f"{door['name']}_internal"] = endpoint(LOOPBACK, door["internal"])
        if elsewhere:
            sockets[f"{door['name']}_internal_hosts"] = endpoint(address, door["internal"])
        for number, gateway in enumerate(_bridges(catalogue, door, sides or {}), 1):
            sockets[f"{door['name']}_internal_bridge{number}"] = endpoint(gateway, door["internal"])
    for access in accesses(catalogue, host, sides or {}):
        sockets[access["name"]] = endpoint(LOOPBACK, access["listen"])
        if access["sources"]:
            sockets[f"{access['name']}_hosts"] = endpoint(address, access["listen"])
    return sockets


def _public(door: Mapping[str, Any], bind: str, sides: Mapping[str, Any]) -> dict[str, str]:
    """A port that containers publish on loopback alone has a door that is closed from outside, too."""
    port = public_port(door["public"], sides)
    if door["public"] in sides.get("loopback", ()):
        return {f"{door['name']}_public": endpoint(LOOPBACK, port)}
    found = {f"{door['name']}_public": endpoint(bind, port)}
    if sides.get("ipv6") and bind == EVERYWHERE[0] and port != door["public"]:
        found[f"{door['name']}_public_v6"] = endpoint(EVERYWHERE[1], port)
    return found


def _bridges(catalogue: Mapping[str, Any], door: Mapping[str, Any], sides: Mapping[str, Any]) -> list[str]:
    """The host's addresses on the networks of a door's container, where redirected calls between containers arrive."""
    return list(sides.get("bridges", {}).get(container_of(catalogue, door)[0], ()))


def container_of(catalogue: Mapping[str, Any], door: Mapping[str, Any]) -> tuple[str, int]:
    """The Compose service behind a door, and its port there; empty and 0 for what Docker does not have."""
    service = catalogue.get("services", {}).get(door["service"], {})
    docker = service.get("processes", {}).get(door["process"], {}).get("docker") or {}
    return docker.get("service", ""), docker.get("port") or 0


def sided_doors(catalogue: Mapping[str, Any], host: str, sides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the router needs of each door while either side can serve.

    ``public`` is the port at which the proxy listens, ``variable`` names the container's address in the configuration,
    and ``bridges`` are the host's addresses at which the internal door listens for containers.
    """
    found = []
    for door in catalogue["doors"]:
        service, port = container_of(catalogue, door)
        process = catalogue["services"][door["service"]]["processes"][door["process"]]
        found.append(
            {
                "name": door["name"],
                "group": catalogue["services"][door["service"]]["migration_group"],
                "container": service,
                "port": port,
                "public": public_port(door["public"], sides),
                "internal": door["internal"],
                "reads": process.get("reads", "pass"),
                "variable": f"{door['name'].upper()}_CONTAINER",
                "bridges": _bridges(catalogue, door, sides),
            }
        )
    return found


def accesses(catalogue: Mapping[str, Any], host: str, sides: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Shared datastores that native processes reach in their containers; none without a Compose project on this host.

    ``listen`` is the port at which the proxy takes connections for the container's ``port``. ``sources`` are who may
    connect where services on other hosts use the store, which may ask nobody for a password; else it is empty.
    """
    if not sides.get("project"):
        return []
    found = []
    for name, store in catalogue.get("datastores", {}).items():
        if not has_access(store):
            continue
        docker = store["docker"]
        users = {one["address"] for one in catalogue["hosts"].values() if {*one["services"]} & {*store["users"]}}
        own, socket = catalogue["hosts"][host]["address"], f"access_{identifier(name)}"
        found.append(
            {
                "name": socket,
                "datastore": name,
                "container": docker["service"],
                "port": docker.get("port") or PORTS[store["kind"]],
                "listen": store["access_port"],
                "sources": ["127.0.0.0/8", *sorted({own, *users})] if users - {own} and not is_loopback(own) else [],
                "variable": f"{socket.upper()}_CONTAINER",
            }
        )
    return found


def exclusive_containers(catalogue: Mapping[str, Any]) -> dict[str, str]:
    """Compose service to migration group, for processes that run on one side alone."""
    return {
        process["docker"]["service"]: service["migration_group"]
        for service in catalogue["services"].values()
        for process in service["processes"].values()
        if alone(catalogue, service, process) and (process.get("docker") or {}).get("service")
    }
