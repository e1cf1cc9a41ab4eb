# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role `firewall` makes of the resolved catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils import firewall


class FilterModule:
    """Filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"firewall_rules": firewall.rules}
