# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and versions of a preflight as lines for the screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..catalogue.report import columns
from ..findings import SEVERITIES

WIDTH = 118


def table(result: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[str]:
    """Of what `preflight_info` returned, or of findings alone: severity, code, object, text, remedy …"""
    if not isinstance(result, Mapping):
        return _findings(result)
    lines = _findings(result.get("findings") or [])
    if host := result.get("host"):
        clock = {True: "synchronised", False: "not synchronised", None: "unknown"}[host["clock_synchronised"]]
        facts = (
            f"{host['os']}, kernel {host['kernel']}, systemd {host['systemd']}, Python {host['python']},"
            f" {host['cores']} cores, "
        )
        lines = [f"{facts}{host['memory_mb']} MB of memory, clock {clock}", "", *lines]
    if rows := result.get("dependencies"):
        cells = [[row[key] for key in ("name", "wanted", "found", "available", "state", "needed_by")] for row in rows]
        lines += ["", *columns(("dependency", "wanted", "found", "available", "state", "needed by"), cells)]
    if answers := result.get("sources"):
        cells = [(one["kind"], one["url"], one["setting"], "yes" if one["reached"] else one["said"]) for one in answers]
        lines += ["", *columns(("source", "address", "set by", "reached"), cells)]
    return lines


def _findings(found: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = []
    ranked = sorted(found, key=lambda one: SEVERITIES.index(one["severity"]))
    for one in ranked:
        what = one.get("object") or ""
        text = textwrap.wrap(str(one["text"]), WIDTH, subsequent_indent="  ")
        lines += [
            f"{one['severity'].upper():8}  {one['code']}{f' ({what})' if what else ''}",
            *(f"  {line.strip()}" for line in text),
        ]
        for label in ("evidence", "remedy"):
            if one.get(label):
                lines += textwrap.wrap(f"{label}: {one[label]}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    counts = {severity: sum(one["severity"] == severity for one in ranked) for severity in SEVERITIES}
    plural = {"decision": "decisions", "warning": "warnings", "note": "notes"}
    said = ", ".join(
        f"{count} {plural.get(name, name) if count > 1 else name}" for name, count in counts.items() if count
    )
    return [*lines, f"{said}." if said else "No findings."]
