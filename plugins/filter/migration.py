# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the resolved catalogue means for a migration from a Compose project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.migration import (
    compared,
    given,
    looks,
    mapping,
    standing,
    turns,
    windowed,
    writing,
)

DOCUMENTATION = r"""
name: migration
author: Cryptobot Native contributors (@cryptobot)
version_added: 0.1.0
short_description: What moves with a migration group
description: Turns the resolved catalogue into what moves together, and reasons against it.
positional: group, window
options:
  _input:
    description: The resolved catalogue.
    type: dict
    required: true
  group:
    description: A migration group, or V(all).
    type: str
    required: true
  window:
    description: Whether it is to change sides in one window, and not by stopping, copying and starting.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show what moves
  ansible.builtin.debug:
    msg: "{{ ansible_facts['cryptobot'] | cryptobot.native.migration('all') }}"
"""

RETURN = r"""
_value:
  description: C(groups), C(datastores), C(writers) and C(refusals).
  type: dict
"""


def moving(catalogue: dict[str, Any], group: str, window: bool = False) -> dict[str, list[str]]:
    """See migration.yml."""
    found = mapping.moving(catalogue, group, window)
    if window and (group == "all" or group in catalogue["migration_groups"]):
        found["refusals"] = [*found["refusals"], *windowed.refusals(catalogue, group, found["datastores"])]
    return found


class FilterModule:
    """Filters on the catalogue for the migration role."""

    def filters(self) -> dict[str, Callable]:
        return {
            "migration": moving,
            "migration_window": windowed.window,
            "migration_guests": windowed.guests,
            "migration_outlets": windowed.outlets,
            "migration_in_the_way": turns.in_the_way,
            "migration_trees": windowed.trees,
            "migration_standins": standing.standins,
            "migration_stores": mapping.stores,
            "migration_keepers": mapping.keepers,
            "migration_urls": mapping.urls,
            "migration_compared": compared.compared,
            "migration_backward": mapping.backward,
            "migration_mapped": mapping.mapped,
            "migration_given": given.given,
            "migration_refusal": writing.refusal,
            "migration_parts": mapping.parts,
            "migration_volumes": mapping.other_volumes,
            "migration_sharing": looks.sharing,
            "migration_services": looks.services,
        }
