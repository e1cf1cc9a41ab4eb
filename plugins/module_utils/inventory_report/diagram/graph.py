# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a layered diagram consists of: boxes in columns, links between them, and what became of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

CALLS, USES, READS = "calls", "uses", "reads"
Point = tuple[float, float]


@dataclass
class Box:
    """Something with a place. ``x`` and ``y`` are its upper left corner, in pixels like all lengths."""

    key: str
    column: int
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Link:
    """``source`` and ``target`` are keys of boxes."""

    source: str
    target: str
    kind: str = CALLS


@dataclass(eq=False)
class Net:
    """All links that enter one box on one side. They join on their way, like tracks to one platform.

    A net from the left ends at the left side of its target and comes from columns before it; a net from the right
    ends at the right side and comes from the target's own column and those behind it.
    """

    target: str
    from_left: bool
    links: list[Link] = field(default_factory=list)
    first: int = 0
    """Of the columns of its boxes, the lowest number."""
    last: int = 0
    """And the highest."""


@dataclass(frozen=True)
class Route:
    """A link as it is drawn, from the source's side to the tip of the arrow."""

    link: Link
    points: Sequence[Point]


@dataclass(frozen=True)
class Drawing:
    """Everything with its place. ``columns``: left edge and width of each."""

    boxes: dict[str, Box]
    routes: list[Route]
    columns: list[tuple[float, float]]
    width: float
    height: float


def nets_of(boxes: dict[str, Box], links: Sequence[Link]) -> list[Net]:
    """By target and side, in the order of the links."""
    found: dict[tuple[str, bool], Net] = {}
    for link in links:
        source, target = boxes[link.source].column, boxes[link.target].column
        net = found.setdefault((link.target, source < target), Net(link.target, source < target, [], target, target))
        net.links.append(link)
        net.first, net.last = min(net.first, source), max(net.last, source)
    return list(found.values())
