# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of equal lightness, by hue: OKLCH (Björn Ottosson, 2020: bottosson.github.io)."""

from __future__ import annotations

import math
from collections.abc import Sequence

FIRST_HUE = 262.0
SPREAD = 0.8
"""Share of a group's part of the circle that its members are spread over."""
APART = 16.0
"""Degrees between neighbours, at most: members of a small group keep together."""


def hexadecimal(lightness: float, chroma: float, hue: float) -> str:
    """An sRGB colour; the chroma is lessened where the screen has none so strong."""
    while chroma > 0:
        channels = _linear(lightness, chroma, hue)
        if all(-0.0005 <= channel <= 1.0005 for channel in channels):
            break
        chroma -= 0.005
    else:
        channels = _linear(lightness, 0.0, hue)
    return "#" + "".join(f"{round(255 * _gamma(min(max(channel, 0.0), 1.0))):02x}" for channel in channels)


def _linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055


def hues(groups: Sequence[str], members: Sequence[tuple[str, str]]) -> tuple[dict[str, float], dict[str, float]]:
    """Of each group, and of each member (name and group): members of a group are neighbours on the circle."""
    named = {group: [name for name, its in members if its == group] for group in groups}
    shares = {group: math.sqrt(1 + len(names)) for group, names in named.items()}
    of_group, of_member, at = {}, {}, FIRST_HUE
    for place, (group, names) in enumerate(named.items()):
        part = 360 * shares[group] / sum(shares.values())
        at -= part / 2 if place else 0.0
        of_group[group] = at % 360
        width = min(part * SPREAD, APART * (len(names) - 1))
        for number, name in enumerate(names):
            share = 0.5 - number / (len(names) - 1) if len(names) > 1 else 0.0
            of_member[name] = (at + width * share) % 360
        at -= part / 2
    return of_group, of_member
