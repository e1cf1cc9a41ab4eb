# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..findings import ACCEPTED, BLOCKING, DECISION, NOTE, Finding
from . import page, plan, words

KINDS = {BLOCKING: "bad", DECISION: "warn", ACCEPTED: "soft", NOTE: "soft"}
PHASES = {
    "backup": "backup, while Docker serves",
    "stop": "stop in Docker",
    "copy": "copy",
    "verify": "verify",
    "switch": "bring into place, and change sides",
    "start": "start natively, wave by wave",
}
FIXED = {"call": "a call of the play", "program": "the start of a small program"}


def render(content: Mapping[str, Any], at: str) -> str:
    """The page of a plan made at a time."""
    seconds = content["seconds"]
    lead = (
        f"Compose project {content['project']}, migration group {content['group']}, made {at}. "
        f"{words.size(content['bytes'])} move in {len(content['items'])} datastores; "
        + ("in one window." if content["window"] else f"users wait {words.duration(seconds['freeze'])}.")
    )
    return page.page(
        "Migration plan",
        lead,
        page.section("What moves", _items(content)),
        page.section("How long", _phases(seconds), page.mark(_measured(content["speeds"]), "soft")),
        *_findings(content),
        page.section("Disk", _disk(content)) if content["disk"] else "",
    )


def _items(content: Mapping[str, Any]) -> page.Raw:
    heads = (
        "datastore",
        "kind",
        "used by",
        "moves with",
        "how",
        "why so",
        "#size",
        "#content",
        "#backup",
        "#copy",
        "#verify",
    )
    rows = []
    for item in content["items"]:
        how = item["method"] + (f", {item['way']}" if item["way"] and item["way"] != item["method"] else "")
        moves = item["group"] + (f" (shared by {', '.join(item['shared_by'])})" if item["shared_by"] else "")
        times = [words.duration(item["seconds"][name]) for name in ("backup", "copy", "verify")]
        amount = f"{words.count(item['count'])} {item['unit']}" if item["unit"] else ""
        reasons = " ".join(item["reasons"])
        size = words.size(item["bytes"])
        rows.append(
            [
                page.code(item["datastore"]),
                item["kind"],
                ", ".join(item["users"]),
                moves,
                how,
                reasons,
                size,
                amount,
                *times,
            ]
        )
    return page.table(heads, rows)


def _phases(seconds: Mapping[str, float]) -> page.Raw:
    whole = sum(seconds[name] for name in PHASES) or 1.0
    rows, left = [], 0.0
    for name, title in PHASES.items():
        if not seconds[name]:
            continue
        width = seconds[name] / whole
        rows.append([title, words.duration(seconds[name]), page.track(left, width)])
        left += width
    if seconds["freeze"]:
        rows.append([page.mark("users wait", "warn"), words.duration(seconds["freeze"]), ""])
    rows.append(["altogether, without installing", words.duration(seconds["total"]), ""])
    return page.table(("part", "#time", ""), rows)


def _measured(speeds: Mapping[str, float]) -> str:
    rates = [f"{name} {words.size(speeds[name])}/s" for name in ("database", "hash", "disk") if name in speeds]
    fixed = [f"{title} {words.duration(speeds[name])}" for name, title in FIXED.items() if name in speeds]
    said = ", ".join(rates + fixed)
    return f"Measured just before: {said}; processor {speeds.get('cpu', 1.0):.2f} of the reference machine's."


def _findings(content: Mapping[str, Any]) -> list[page.Raw]:
    sections = []
    for severity, title in plan.TITLES.items():
        found = [each for each in content["findings"] if each["severity"] == severity]
        if found:
            rows = [[page.mark(Finding(**each).name, KINDS[severity]), each["text"], each["remedy"]] for each in found]
            sections.append(page.section(title, page.table(("what", "text", "what to do"), rows)))
    return sections


def _disk(content: Mapping[str, Any]) -> page.Raw:
    rows = [
        [page.code(path), words.size(each["needed"]), words.size(each["free"]), ", ".join(each.get("for", []))]
        for path, each in sorted(content["disk"].items())
    ]
    return page.table(("file system of", "#needed", "#free", "for"), rows)
