# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release is about, of the resolved catalogue: its part, the instances of processes, and what stands against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..catalogue.queries import services_on
from ..migration.sides import is_native
from ..units.catalogue import edge_names

Catalogue = Mapping[str, Any]


def part_of(catalogue: Catalogue, names: Sequence[str]) -> dict[str, Any]:
    """The catalogue with these services alone."""
    hosts = {
        name: {**host, "services": [each for each in host.get("services", []) if each in names]}
        for name, host in catalogue["hosts"].items()
    }
    return {**catalogue, "services": {name: catalogue["services"][name] for name in names}, "hosts": hosts}


def instances_on(catalogue: Catalogue, host: str) -> list[dict[str, Any]]:
    """Every instance of every process of a host, both slots. ``twin``: the other slot can serve beside it."""
    return [
        _instance(catalogue, service, process, one)
        for service in services_on(catalogue, host)
        for process in service["processes"].values()
        for one in process["units"]
    ]


def _instance(
    catalogue: Catalogue, service: Mapping[str, Any], process: Mapping[str, Any], one: Mapping[str, Any]
) -> dict[str, Any]:
    listen, health = one.get("listen"), process.get("health") or {}
    backends, server = edge_names(catalogue, service["name"], process["name"], listen)
    path = health.get("path") if listen else None
    return {
        "name": one["unit"],
        "service": service["name"],
        "process": f"{service['name']}-{process['name']}",
        "slot": one["slot"],
        "static": service["runtime"] == "static",
        "twin": bool(backends) and not process.get("exclusive") and service["runtime"] != "static",
        "server": server,
        "backends": backends,
        "drain_seconds": float(process.get("drain_seconds", 20)),
        "start_timeout": float(process.get("start_timeout", 90)),
        "url": f"http://{listen}{path}" if path else "",
        "expect": health.get("expect") if path else None,
    }


def obstacles(catalogue: Catalogue, names: Sequence[str], sides: Mapping[str, Any] | None = None) -> list[str]:
    """Sentences about why these services cannot be released."""
    if not names:
        return ["Say which services: -e release_service=NAME[,NAME]."]
    known = catalogue["services"]
    if unknown := [name for name in names if name not in known]:
        return [f"The catalogue has no service {', '.join(unknown)}. It has {', '.join(sorted(known))}."]
    found = []
    for name in names:
        if not is_native(sides, "services", name):
            found.append(
                f"{name} is on the Docker side: what it runs there is Docker's. Move it first: "
                "ansible-playbook cryptobot.native.migrate."
            )
    hosts = sorted({host for host, each in catalogue["hosts"].items() if set(names) & set(each.get("services", []))})
    if len(hosts) != 1:
        found.append(
            f"{', '.join(names)} are on {len(hosts)} hosts ({', '.join(hosts)}), and a release is of one host. "
            "Release those of one host at a time; a service that is on several is rolled out by site.yml."
        )
        return found
    host = hosts[0]
    if "cryptobot_edge" not in catalogue["hosts"][host].get("groups", []):
        found.append(
            f"The proxy is on another host than {', '.join(names)} ({host}), so a twin cannot be kept from it until it is healthy. "
            "Roll out by site.yml."
        )
    for name in names:
        for store in sorted(known[name]["uses"]) if known[name].get("migration") else ():
            spec = catalogue["datastores"][store]
            if spec["kind"] == "postgresql" and spec.get("host") not in (None, host):
                found.append(
                    f"The database {store} of {name} is on {spec['host']}, and a release locks and compares schemas on its own "
                    f"host ({host}) alone. Roll out by site.yml."
                )
    return found
