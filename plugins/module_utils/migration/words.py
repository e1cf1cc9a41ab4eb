# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, times and tables for people."""

from __future__ import annotations

from collections.abc import Sequence

UNITS = ("B", "kB", "MB", "GB", "TB")


def size(number: float) -> str:
    """Bytes with three digits: ``1.06 GB``."""
    unit = UNITS[0]
    for unit in UNITS:
        if number < 999.5 or unit == UNITS[-1]:
            break
        number /= 1000
    return f"{number:.0f} {unit}" if unit == UNITS[0] else f"{number:.3g} {unit}"


def count(number: int) -> str:
    """A number with its thousands parted."""
    return f"{number:,}".replace(",", " ")


def duration(seconds: float) -> str:
    """Seconds as people say it: ``0.4 s``, ``12 s``, ``3 min 20 s``, ``1 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table for a terminal, as lines. A head that begins with ``#`` is that of numbers, which end at the right."""
    right = [head.startswith("#") for head in heads]
    lines = [[head.lstrip("#") for head in heads], *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(heads))]
    return [
        "  ".join(
            cell.rjust(width) if on_right else cell.ljust(width)
            for cell, width, on_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]


def escaped(name: bytes) -> str:
    """Bytes as text: what is no letter or sign of UTF-8 as an escape."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
