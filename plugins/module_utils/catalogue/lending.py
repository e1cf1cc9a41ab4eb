# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datastores that migration groups share: such a one moves with one group, and until then the other groups' native processes
use it where it is, in its container.

It is *lent* to a service whose group does not move it. The service then has users of its own there, comes by the
router's front end (`access_port`), and finds out at each start which of both places holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Catalogue = Mapping[str, Any]
SERVERS = ("postgresql", "redis")


def has_access(store: Mapping[str, Any]) -> bool:
    """Whether the router has a front end for it while it is in its container."""
    return bool(store.get("access_port") and (store.get("docker") or {}).get("service"))


def can_lend(store: Mapping[str, Any]) -> bool:
    """Whether native processes can use it in its container."""
    return bool(store["kind"] in SERVERS and has_access(store))


def lent_to(catalogue: Catalogue, service: Mapping[str, Any]) -> list[str]:
    """The datastores that a service of the resolved catalogue uses and another migration group moves."""
    return sorted(
        name
        for name in service["uses"]
        if can_lend(store := catalogue["datastores"][name]) and store["migration_group"] != service["migration_group"]
    )


def borrowers(catalogue: Catalogue, groups: Iterable[str]) -> dict[str, list[str]]:
    """Services outside of these migration groups that use what moves with them, each with the datastores."""
    groups = list(groups)
    found = {
        name: [store for store in lent_to(catalogue, each) if catalogue["datastores"][store]["migration_group"] in groups]
        for name, each in catalogue["services"].items()
        if each["migration_group"] not in groups
    }
    return {name: stores for name, stores in found.items() if stores}
