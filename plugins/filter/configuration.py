# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that shows an imported configuration; documented in a file of its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def configuration_table(
    rows: Sequence[Mapping[str, str]],
    secrets: Mapping[str, str] | None = None,
    findings: Sequence[Mapping[str, str]] | None = None,
) -> list[str]:
    """See configuration_table.yml."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = (row["variable"], row["old"], row["new"], row["reason"])
        names = alike.setdefault(key, [])
        if row["service"] not in names:
            names.append(row["service"])
    lines = []
    for (variable, old, new, reason), names in sorted(alike.items()):
        change = old if old == new else f"{old} -> {new}" if new else f"{old} -> not carried"
        lines.append(f"{', '.join(names)}: {variable}: {change}{f' ({reason})' if reason else ''}")
    lines += [f"vault: {name} {what}" for name, what in sorted((secrets or {}).items())]
    return lines + [f"{one['severity']}: {one['object']}: {one['text']} {one['remedy']}" for one in findings or []]


class FilterModule:
    """The filter."""

    def filters(self) -> dict[str, Any]:
        """By name."""
        return {"configuration_table": configuration_table}
