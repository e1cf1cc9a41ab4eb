# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks and roles ask of the sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import queries
from ansible_collections.cryptobot.native.plugins.module_utils.migration import published, sides


def sides_outline(resolved: Mapping[str, Any], host: str) -> dict[str, Any]:
    """See sides_outline.yml."""
    return sides.outline(resolved) | {"ports": published.needed(resolved, host, queries.ports(resolved))}


def native(items: list[Any], fact: Mapping[str, Any] | None, kind: str = "services") -> list[Any]:
    """See native.yml."""
    return [item for item in items if sides.is_native(fact, kind, item["name"] if isinstance(item, Mapping) else item)]


class FilterModule:
    """Filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"native": native, "sides_outline": sides_outline}
