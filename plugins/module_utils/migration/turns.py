# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which migration group comes first, and goes back last, where groups share a datastore."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalogue.lending import Catalogue, borrowers, lent_to
from ..launcher.sides import DOCKER


def in_the_way(catalogue: Catalogue, group: str, sides: Mapping[str, Any], to: str) -> list[str]:
    """Sentences that say why a migration group cannot change to a side before or after others with which it shares a
    datastore. ``sides``: the fact `cryptobot_sides`."""
    if group == "all" or group not in catalogue["migration_groups"]:
        return []
    groups, services = sides["groups"], catalogue["services"]
    if to == DOCKER:
        gone = {
            store: catalogue["datastores"][store]["migration_group"]
            for service in services.values()
            if service["migration_group"] == group
            for store in lent_to(catalogue, service)
            if sides["datastores"].get(store) != DOCKER
        }
        return [
            f"The datastore {store}, which {group} uses, went to the native side with {lender}. Go back with that first: "
            f"ansible-playbook cryptobot.native.rollback -e migration_group={lender}"
            for store, lender in sorted(gone.items())
        ]
    left = {
        name: stores
        for name, stores in borrowers(catalogue, [group]).items()
        if groups.get(services[name]["migration_group"]) == DOCKER
    }
    return [
        f"The datastore {', '.join(stores)} moves with {group}, and {name} uses it, which Docker serves. Its group comes "
        f"first: ansible-playbook cryptobot.native.cut_over -e migration_group={services[name]['migration_group']}"
        for name, stores in sorted(left.items())
    ]
