# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose name must go on being answered in Docker while its container is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .alone import alone


def standins(catalogue: Mapping[str, Any], group: str) -> list[str]:
    """Compose services of this group that run on one side alone, have a door, and are called by containers of other groups,
    which stay behind when it leaves."""
    services = catalogue["services"]
    moving = {name for name, each in services.items() if group in ("all", each["migration_group"])}
    called = {callee for name, each in services.items() if name not in moving and _contained(each) for callee in each["calls"]}
    return sorted(
        process["docker"]["service"]
        for name in moving & called
        for process in services[name]["processes"].values()
        if process.get("port") and alone(catalogue, services[name], process) and _service(process)
    )


def _contained(service: Mapping[str, Any]) -> bool:
    return any(_service(process) for process in service["processes"].values())


def _service(process: Mapping[str, Any]) -> str:
    return (process.get("docker") or {}).get("service") or ""
