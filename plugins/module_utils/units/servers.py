# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's processes as the proxy on another host knows them: kept from requests while they restart, and open again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .edge import Edge
from .plan import RUNNING

UP_SECONDS = 60.0
"""For the proxy to see a process that is healthy: it looks once a second."""


@dataclass(frozen=True)
class Server:
    """One instance. `live`: it is of the slot that serves."""

    name: str
    backends: tuple[str, ...]
    drain_seconds: float = 20
    live: bool = True


def servers(units: Iterable[Mapping[str, Any]], slots: Mapping[str, str], among: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Of a host's units those that the proxy leads to; `among`: only these. `slots`: the live one of each process."""
    return [
        {
            "name": unit["server"],
            "backends": list(unit["backends"]),
            "drain_seconds": unit["drain_seconds"],
            "live": slots.get(f"{unit['service']}-{unit['process']}", "a") == unit["slot"],
        }
        for unit in units
        if unit["server"] and unit["side"] in RUNNING and (among is None or unit["name"] in among)
    ]


def drain(edge: Edge, leaving: Sequence[Server]) -> list[str]:
    """No new requests, and the end of those that are under way. What nobody else serves is left: its requests wait in its socket."""
    drained = [one for one in leaving if edge.others_serve(one.backends, _beside(one, leaving))]
    for one in drained:
        edge.set_state(one.backends, one.name, "drain")
    for one in drained:
        edge.wait_idle(one.backends, one.name, one.drain_seconds)
    return [_named(one) for one in drained]


def undrain(edge: Edge, returning: Sequence[Server], gate: bool = True) -> list[str]:
    """They take requests again; with `gate` it returns when the proxy sees all that are live up, and raises EdgeError where it does not."""
    closed = [one for one in returning if edge.draining(one.backends, one.name)]
    for one in returning:
        if not one.live and one in closed:
            edge.wait_gone(one.backends, one.name)
        edge.set_state(one.backends, one.name, "ready")
    for one in returning:
        if gate and one.live:
            edge.wait_up(one.backends, one.name, UP_SECONDS)
    return [_named(one) for one in closed]


def _beside(one: Server, leaving: Sequence[Server]) -> set[str]:
    return {other.name for other in leaving if set(other.backends) & set(one.backends)}


def _named(one: Server) -> str:
    return f"{one.backends[0].rpartition('_')[0]}/{one.name}"
