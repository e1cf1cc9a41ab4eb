# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that the platform will open on a host, against who listens there already."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..findings import BLOCKING, NOTE
from .host import Host
from .listeners import Listener, meets

REDIS_UNIT = "redis-server@cryptobot.service"
PROXY_OF_DOCKER = "docker-proxy"
KEEPERS = ("systemd", "init")
REMEDIES = {
    "entrance": "set cryptobot_entrance: {port: …} in the inventory",
    "public": "give the process another port in the catalogue (processes.<name>.port)",
    "internal": "give the process another internal_port in the catalogue",
    "process": "give the process another range in the catalogue (processes.<name>.listen)",
    "server": "move that program to another port",
    "access": "give the datastore another access_port in the catalogue",
}

Row = tuple[str, str, str, str, str, str]
"""Severity, code, object, text, remedy, evidence."""


def port_findings(wanted: Mapping[str, Any], host: Host) -> Iterator[Row]:
    published = set(wanted["published"])
    for one in wanted["ports"]:
        for held in host.listeners:
            if held.port == one["port"] and meets(one["address"], held.address) and not ours(held, one, host):
                yield _foreign(one, held)
                break
    if published:
        yield (
            NOTE,
            "published",
            "ports",
            (
                f"The Compose project publishes {_numbers(published)}. It keeps them; a door of the platform at such a"
                " port opens at port + 30000."
            ),
            "Nothing: the doors move to their ports when the project is given up.",
            f"docker inspect: {_numbers(published)}",
        )


def ours(held: Listener, wanted: Mapping[str, Any], host: Host) -> bool:
    """Whether a listener belongs to what the inventory describes, and so is no clash."""
    if held.unit.startswith("cryptobot") or held.unit == REDIS_UNIT:
        return True
    if wanted["owner"] == "PostgreSQL" and held.unit.startswith("postgresql@"):
        return True  # It is taken over.
    # A descriptor that systemd keeps for a unit which is stopped or restarts just now.
    return held.process in KEEPERS and held.pid == 1 and bool(host.own_units)


def _foreign(wanted: Mapping[str, Any], held: Listener) -> Row:
    what = {"entrance": "the entrance", "server": wanted["owner"], "access": wanted["owner"]}.get(
        wanted["kind"], f"the {wanted['kind']} door of {wanted['owner']}"
    )
    if wanted["kind"] == "process":
        what = f"the process {wanted['owner']}"
    if held.process == PROXY_OF_DOCKER:
        holder = "Docker for a container"
        stop = f"See docker ps --filter publish={held.port}; stop or move that container"
    else:
        holder = held.holder
        stop = f"Stop it (systemctl disable --now {held.unit})" if held.unit.endswith(".service") else "Stop it"
    text = f"Port {held.port}, at which {what} listens, is held by {holder}."
    return (
        BLOCKING,
        "port",
        str(held.port),
        text,
        _beside(wanted) or f"{stop}, or {REMEDIES[wanted['kind']]}.",
        f"{held.address}:{held.port} {held.holder}",
    )


def _beside(wanted: Mapping[str, Any]) -> str:
    """What Redis needs is an instance of its own: another application's server at the same port keeps it."""
    if not wanted.get("stores"):
        return ""
    named = ", ".join(f"{name}: {{port: {wanted['port'] + 1}}}" for name in wanted["stores"])
    return (
        "Leave it to its users, and give the platform's own instance another port:"
        f" cryptobot_datastores__port: {{{named}}}. Stop it only if nobody needs it."
    )


def _numbers(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
