# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be healthy for the whole platform to be, and the table in which people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .catalogue.queries import services_on
from .edge_catalogue import public_port
from .migration.alone import alone
from .migration.sides import DOCKER, NATIVE, STANDBY, is_native, process_side

HEADINGS = ("service", "process", "unit", "health", "door")


def targets(catalogue: dict[str, Any], host: str, sides: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The targets of ``service_health`` that ``host`` asks.

    An edge host asks every public door, through the proxy, as a user does. An application host asks systemd for
    the processes that have no door. One that is both asks both; any other host asks nothing. Only native services
    are asked for: a Compose project has health checks of its own.
    """
    groups = catalogue["hosts"].get(host, {}).get("groups", [])
    asked: list[dict[str, Any]] = []
    if "cryptobot_edge" in groups:
        bind = catalogue["edge"]["bind"]
        address = "127.0.0.1" if bind in ("0.0.0.0", "*") else bind
        for door in catalogue["doors"]:
            if not is_native(sides, "services", door["service"]):
                continue
            health, port = _process(catalogue, door)["health"], public_port(door["public"], sides)
            url = f"http://{address}:{port}"
            if health.get("path"):
                asked.append({"name": door["name"], "url": url + health["path"], "expect": health.get("expect")})
            else:
                asked.append({"name": door["name"], "tcp": f"{address}:{port}"})
    if "cryptobot_app" in groups:
        asked += [
            {"name": unit["unit"], "unit": unit["unit"]}
            for service in services_on(catalogue, host)
            if is_native(sides, "services", service["name"])
            for process in service["processes"].values()
            if process["port"] is None
            for unit in process["units"]
            if unit["slot"] == "a"
        ]
    return [{key: value for key, value in target.items() if value is not None} for target in asked]


def rows(
    catalogue: dict[str, Any], answers: Iterable[dict[str, Any]], sides: Mapping[str, Any] | None = None
) -> list[tuple[str, ...]]:
    """One row a process, in the order of the waves: service, process, its first unit, what was seen, its door."""
    seen = {answer["name"]: answer for answer in answers}
    doors = {(door["service"], door["process"]): door for door in catalogue["doors"]}
    result = []
    for name in (name for wave in catalogue["waves"] for name in wave):
        for process in catalogue["services"][name]["processes"].values():
            door = doors.get((name, process["name"]))
            unit = process["units"][0]["unit"] if process["units"] else "-"
            answer = seen.get(door["name"] if door else unit)
            if answer is None:
                health = _not_asked(catalogue, sides, catalogue["services"][name], process)
            else:
                health = "healthy" if answer["healthy"] else f"unhealthy: {answer['saw']}"
            result.append((name, process["name"], unit, health, f":{public_port(door['public'], sides)}" if door else "-"))
    return result


def _not_asked(
    catalogue: Mapping[str, Any], sides: Mapping[str, Any] | None, service: Mapping[str, Any], process: Mapping[str, Any]
) -> str:
    side = process_side(sides, service, alone(catalogue, service, process))
    words = {NATIVE: "not asked", DOCKER: "on the Docker side", STANDBY: "stands by, Docker serves"}
    return words.get(side, "stopped for a migration")


def table(catalogue: dict[str, Any], answers: Iterable[dict[str, Any]], sides: Mapping[str, Any] | None = None) -> list[str]:
    """The rows as aligned lines under their headings."""
    lines = [HEADINGS, *rows(catalogue, answers, sides)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _process(catalogue: dict[str, Any], door: dict[str, Any]) -> dict[str, Any]:
    process: dict[str, Any] = catalogue["services"][door["service"]]["processes"][door["process"]]
    return process
