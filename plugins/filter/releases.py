# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks of releases ask of the resolved catalogue; each filter is documented in a file of its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.release import instances


class FilterModule:
    """Filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "release_instances": instances.instances_on,
            "release_obstacles": instances.obstacles,
            "release_part": instances.part_of,
        }
