# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the progress callback counts and how it words it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# What a failure shows beside its message, in this order; everything else is for -v.
DETAILS = ("reason", "stderr", "stdout", "module_stderr", "module_stdout", "rc", "cmd")
LINES_OF_OUTPUT = 60


@dataclass
class Step:
    """One play."""

    number: int
    of: int
    name: str
    started: float
    seconds: float = 0.0
    changed: int = 0
    failed: int = 0

    @property
    def head(self) -> str:
        width = len(str(self.of))
        return f"[{self.number:>{width}}/{self.of}] {self.name}"

    @property
    def outcome(self) -> str:
        """`4.1 s, 3 changed`."""
        parts = [duration(self.seconds)]
        parts += [f"{self.changed} changed"] if self.changed else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """`4.1 s`, `2 min 05 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def failure_text(result: Mapping[str, Any]) -> str:
    """A failed result as text with its own line breaks."""
    lines = _message(result)
    for key in DETAILS:
        value = result.get(key)
        if value not in (None, "", []) and str(value) not in "\n".join(lines):
            lines += _detail(key, value)
    return "\n".join(lines)


def _message(result: Mapping[str, Any]) -> list[str]:
    value = result.get("msg") or result.get("censored") or "failed without a message"
    lines = value if isinstance(value, list) else [value]
    return "\n".join(map(str, lines)).rstrip().split("\n")


def _detail(key: str, value: Any) -> Iterable[str]:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    lines = text.rstrip().split("\n")
    if len(lines) == 1:
        return [f"{key}: {lines[0]}"]
    left_out = len(lines) - LINES_OF_OUTPUT
    kept = [f"… {left_out} lines before, with -v", *lines[-LINES_OF_OUTPUT:]] if left_out > 0 else lines
    return [f"{key}:", *(f"  {line}" for line in kept)]


def table(steps: Iterable[Step]) -> list[str]:
    """Steps and their durations, the columns in line."""
    rows = [(step.name, duration(step.seconds), str(step.changed or "")) for step in steps]
    rows = [("step", "took", "changed"), *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        f"{name:<{widths[0]}}  {took:>{widths[1]}}  {changed:>{widths[2]}}".rstrip() for name, took, changed in rows
    ]
