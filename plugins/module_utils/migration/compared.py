# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comparisons of all kinds have found, beside which side writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import words

SHOWN = 5
"""Differences of a datastore that are shown; the evidence holds all that were named."""
WRITERS = {
    "docker": "Docker writes; the native side stands still",
    "native": "the native side writes; Docker's stands still",
    "none": "nobody writes",
}


def compared(
    results: Iterable[Mapping[str, Any]], writers: Mapping[str, str], configuration: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """``lines`` for the screen, and ``unexplained``: what differs although nobody writes it.

    ``configuration``: result of M(cryptobot.native.configuration_compare); nothing that is written explains a difference there.
    """
    found: dict[str, list[str]] = {}
    for result in results:
        item = result.get("item") or {}
        names = [each["datastore"] for each in item.get("databases", [])] or [item.get("datastore", "")]
        found |= {name: [] for name in names}
        for difference in result.get("differences") or []:
            found.setdefault(difference.get("datastore") or names[0], []).append(difference["text"])
    rows = [[name, _verdict(texts), WRITERS.get(writers.get(name, ""), "")] for name, texts in found.items()]
    unexplained = [f"{name}: {texts[0]}" for name, texts in found.items() if texts and writers.get(name) == "none"]
    if configuration:
        found["configuration"] = [
            "{service}.{process} {variable}: {reason}".format(**each) for each in configuration["differences"]
        ]
        unexplained += [f"configuration: {text}" for text in found["configuration"]]
        checked = f"{words.count(len(configuration['variables']))} variables"
        rows.append(["configuration", _verdict(found["configuration"]), checked])
    lines = words.columns(("datastore", "comparison", "writer"), rows)
    for name, texts in found.items():
        if texts:
            more = [f"  … and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
            lines += ["", f"{name}:", *(f"  {text}" for text in texts[:SHOWN]), *more]
    return {"lines": lines, "unexplained": unexplained}


def failure(datastore: str, result: Mapping[str, Any]) -> str:
    """What a comparison of one datastore found, a sentence each; nothing where there are no differences."""
    if result["equal"]:
        return ""
    texts = [each["text"] for each in result["differences"]]
    more = len(texts[SHOWN:]) + result["unnamed"]
    rest = f" {more} more are named in {result['evidence']}." if more > 0 else ""
    return f"The data of {datastore} differs: {' '.join(texts[:SHOWN])}{rest}"


def _verdict(texts: list[str]) -> str:
    if not texts:
        return "equal"
    return f"{words.count(len(texts))} difference{'' if len(texts) == 1 else 's'}"
