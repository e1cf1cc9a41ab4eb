# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preflight asks of a host, and what it found as text; each filter is documented in a file of its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptobot.native.plugins.filter.catalogue import explained
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.table import table
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.wishes import wishes


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"preflight_wishes": explained(wishes), "preflight_table": explained(table)}
