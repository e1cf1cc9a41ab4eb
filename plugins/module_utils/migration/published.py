# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the host that a Compose project publishes: its own until it is given up, running or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ..catalogue.derived import ADOPTED_OFFSET
from ..catalogue.lending import has_access
from ..docker.containers import Container
from ..docker.engine import DockerError, Engine
from ..edge_catalogue import is_loopback

SETTING = "net.ipv4.ip_local_reserved_ports"
RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")
ACCESS = "access"
MOVABLE = ("entrance", "public")
"""Kinds of doors that the proxy opens beside the published port."""


def published_ports(containers: Iterable[Container]) -> dict[int, str]:
    """TCP ports of the host, each with the Compose service that has it; not those that Docker chooses by itself."""
    return {
        one.host_port: container.service
        for container in containers
        for one in container.published
        if one.protocol == "tcp" and one.host_port
    }


def on_loopback(containers: Iterable[Container]) -> list[int]:
    """Of these ports those that only programs of the host reach."""
    every = [one for container in containers for one in container.published if one.protocol == "tcp" and one.host_port]
    outside = {one.host_port for one in every if not is_loopback(one.address)}
    return sorted({one.host_port for one in every} - outside)


def containers_of(engine: Engine, project: str) -> list[Container]:
    """Of a project. Raises :class:`DockerError` where it has none: nothing says what it publishes."""
    containers = engine.containers(project)
    if containers:
        return containers
    others = engine.projects()
    there = f"There are containers of {', '.join(others)}" if others else "There is no container of any Compose project"
    raise DockerError(
        f"The Docker Engine of this host has no container of the Compose project {project}. {there}. "
        "Check cryptobot_compose.project; where the project was taken down for good, take cryptobot_compose out of the "
        "inventory."
    )


def clashes(published: Mapping[int, str], wanted: Iterable[Mapping[str, Any]]) -> list[str]:
    """What this host must listen on and cannot, as sentences. ``wanted``: as :func:`needed` gives them."""
    found = []
    for one in wanted:
        port = one["port"]
        if one["kind"] in MOVABLE:
            adopted = port + ADOPTED_OFFSET
            if port in published and adopted in published:
                found.append(
                    _clash(adopted, published[adopted], f"the door of {one['owner']} opens while {port} is published")
                )
        elif port in published:
            found.append(_clash(port, published[port], f"{one['owner']} listens natively"))
    return found


def _clash(port: int, service: str, why: str) -> str:
    return (
        f"The Compose service {service} publishes port {port} of this host, where {why}. Publish it at another port in "
        "the Compose file, or only inside its network, and recreate that container."
    )


def needed(catalogue: Mapping[str, Any], host: str, ports: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of ``ports`` (of the whole platform) those that this host opens, its datastores' servers, and the front ends of those
    that are shared, which it has while there is a Compose project."""
    groups = catalogue["hosts"].get(host, {}).get("groups", [])
    kinds = {
        "process": "cryptobot_app",
        "entrance": "cryptobot_edge",
        "public": "cryptobot_edge",
        "internal": "cryptobot_edge",
    }
    found = [{key: one[key] for key in ("port", "kind", "owner")} for one in ports if kinds[one["kind"]] in groups]
    stores = [store for store in catalogue["datastores"].values() if store.get("host") == host and store.get("port")]
    names = {"postgresql": "PostgreSQL", "redis": "Redis"}
    servers = {(store["port"], names.get(store["kind"], store["name"])) for store in stores}
    found += [{"port": port, "kind": "server", "owner": owner} for port, owner in sorted(servers)]
    shared = [store for store in catalogue["datastores"].values() if has_access(store)] if "cryptobot_edge" in groups else []
    return found + [{"port": store["access_port"], "kind": ACCESS, "owner": f"the access to {store['name']}"} for store in shared]


def reserved(published: Iterable[int], now: str) -> str:
    """The kernel's list of ports that no outgoing connection gets: ``now``, and the doors beside those published."""
    ports = sorted({port + ADOPTED_OFFSET for port in published if port + ADOPTED_OFFSET <= 65535})
    return merged(now, ",".join(map(str, ports))) if ports else ""


def merged(*lists: str) -> str:
    """Lists of ports such as ``8080,9000-9003`` as one, as the kernel spells it. Raises ValueError for another text."""
    ports: set[int] = set()
    for part in filter(None, (part.strip() for text in lists for part in text.split(","))):
        first, __, last = part.partition("-")
        ports.update(range(int(first), int(last or first) + 1))
    runs = [[port for __, port in run] for __, run in groupby(enumerate(sorted(ports)), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def reserved_now(path: Path = RESERVED) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
