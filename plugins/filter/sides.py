# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks and roles ask of the sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import queries
from ansible_collections.cryptobot.native.plugins.module_utils.migration import published, sides


def sides_outline(resolved: Mapping[str, Any], host: str) -> dict[str, Any]:
    """See sides_outline.yml."""
    return sides.outline(resolved) | {"ports": published.needed(resolved, host, queries.ports(resolved))}


def native(items: list[Any], fact: Mapping[str, Any] | None, kind: str = "services") -> list[Any]:
    """See native.yml."""
    return [item for item in items if sides.is_native(fact, kind, item["name"] if isinstance(item, Mapping) else item)]


def reserving(settings: Mapping[str, Any], ports: str) -> dict[str, Any]:
    """See reserving.yml."""
    if not ports:
        return dict(settings)
    try:
        return {**settings, published.SETTING: published.merged(str(settings.get(published.SETTING, "")), ports)}
    except ValueError:
        raise AnsibleFilterError(f"{published.SETTING} is no list of ports such as 8080,9000-9003") from None


class FilterModule:
    """Filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"native": native, "reserving": reserving, "sides_outline": sides_outline}
