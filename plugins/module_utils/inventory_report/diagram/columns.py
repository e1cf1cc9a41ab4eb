# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of boxes in their columns, and their height on the page: few crossings, short and straight lines.

After Sugiyama's method: a line that passes a column has a place of its own there, like a thin box; columns are ordered
by the mean place of what their boxes are joined to, then neighbours are exchanged while that saves crossings; places
are the closest to the wished ones that keep the order and the distances (isotonic regression).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .graph import Box, Net

BOX_GAP, LINE_GAP, BESIDE_BOX = 26.0, 9.0, 14.0
SWEEPS, PLACINGS = 12, 14
STRAIGHT = 8.0
"""How much more a bend in a passing line counts than a slanted link of a box."""


@dataclass(eq=False)
class Item:
    """A box, or where a net passes a column."""

    column: int
    size: float
    key: str
    box: Box | None = None
    net: Net | None = None
    before: list[tuple[Item, float]] = field(default_factory=list)
    """What it is joined to in the column to the left, with weights."""
    behind: list[tuple[Item, float]] = field(default_factory=list)
    centre: float = 0.0


class Columns:
    """Items of all columns, in order from the top."""

    def __init__(self, boxes: dict[str, Box], nets: Sequence[Net]) -> None:
        count = 1 + max(box.column for box in boxes.values())
        self.columns: list[list[Item]] = [[] for __ in range(count)]
        self.of_box: dict[str, Item] = {}
        self.passing: dict[tuple[Net, int], Item] = {}
        for key, box in boxes.items():
            item = Item(box.column, box.height, key, box=box)
            self.columns[box.column].append(item)
            self.of_box[key] = item
        for net in nets:
            self._thread(net, boxes)
        self._order()
        self._place()

    def _thread(self, net: Net, boxes: dict[str, Box]) -> None:
        at = boxes[net.target].column
        for column in range(net.first + 1, at) if net.from_left else range(at + 1, net.last):
            item = Item(column, 0.0, f"{net.target} {net.from_left}", net=net)
            self.columns[column].append(item)
            self.passing[net, column] = item
        for column in range(net.first, net.last):
            lefts, rights = self.ends(net, column, boxes)
            for left in lefts:
                for right in rights:
                    weight = STRAIGHT if left.net and right.net else 1.0
                    left.behind.append((right, weight))
                    right.before.append((left, weight))

    def ends(self, net: Net, channel: int, boxes: dict[str, Box]) -> tuple[list[Item], list[Item]]:
        """The items that a net joins between a column and the next: those of the column, and those of the next."""
        at = boxes[net.target].column
        here = [self.of_box[link.source] for link in net.links if boxes[link.source].column == channel]
        there = [self.of_box[link.source] for link in net.links if boxes[link.source].column == channel + 1]
        passing, next_passing = self.passing.get((net, channel)), self.passing.get((net, channel + 1))
        if net.from_left:
            lefts = here + ([passing] if passing else [])
            return lefts, [self.of_box[net.target]] if channel + 1 == at else [next_passing] if next_passing else []
        rights = there + ([next_passing] if next_passing else []) if channel >= at else []
        if channel == at:
            return [self.of_box[net.target], *here], rights
        return [passing] if passing else [], rights

    # The order

    def _order(self) -> None:
        best, least = self._snapshot(), self._crossings()
        for sweep in range(SWEEPS):
            rightwards = sweep % 2 == 0
            for column in self.columns if rightwards else reversed(self.columns):
                self._sort(column, rightwards)
            self._exchange()
            if (crossings := self._crossings()) < least:
                best, least = self._snapshot(), crossings
            if not least:
                break
        self.columns = best

    def _snapshot(self) -> list[list[Item]]:
        return [list(column) for column in self.columns]

    def _sort(self, column: list[Item], rightwards: bool) -> None:
        self._number()
        wish = {item: _mean(item.before if rightwards else item.behind, item.centre) for item in column}
        column.sort(key=lambda item: (wish[item], item.centre))

    def _number(self) -> None:
        """Places in order, spread evenly over the height that all columns share."""
        for column in self.columns:
            for place, item in enumerate(column):
                item.centre = (place + 0.5) / len(column)

    def _exchange(self) -> None:
        """Neighbours change places while that saves crossings."""
        for __ in range(4):
            saved = False
            self._number()
            for column in self.columns:
                for place in range(len(column) - 1):
                    upper, lower = column[place], column[place + 1]
                    if _between(lower, upper) < _between(upper, lower):
                        column[place], column[place + 1] = lower, upper
                        upper.centre, lower.centre = lower.centre, upper.centre
                        saved = True
            if not saved:
                return

    def _crossings(self) -> int:
        self._number()
        return sum(
            _between(upper, lower, left=False)
            for column in self.columns
            for place, upper in enumerate(column)
            for lower in column[place + 1 :]
        )

    # The places

    def _place(self) -> None:
        for column in self.columns:
            at = 0.0
            for place, item in enumerate(column):
                at += distance(column[place - 1], item) if place else 0.0
                item.centre = at
            middle = at / 2
            for item in column:
                item.centre -= middle
        for placing in range(PLACINGS):
            last = placing >= PLACINGS - 2
            for column in self.columns if placing % 2 == 0 else reversed(self.columns):
                joined = [item.before + item.behind for item in column]
                wishes = [_mean(pairs, item.centre) for pairs, item in zip(joined, column, strict=True)]
                weights = [max(sum(weight for __, weight in pairs), 0.1) for pairs in joined]
                _settle(column, wishes, weights)
        if last:
            self._straighten()

    def _straighten(self) -> None:
        """A passing line takes the height of its next piece where nothing is in the way."""
        for (net, column), item in sorted(self.passing.items(), key=lambda pair: -pair[0][1]):
            after = self.passing.get((net, column + 1))
            if after:
                item.centre = self.within(item, after.centre)

    def within(self, item: Item, wished: float) -> float:
        column = self.columns[item.column]
        place = column.index(item)
        low = column[place - 1].centre + distance(column[place - 1], item) if place else float("-inf")
        high = column[place + 1].centre - distance(item, column[place + 1]) if place + 1 < len(column) else float("inf")
        return min(max(wished, low), high)


def distance(upper: Item, lower: Item) -> float:
    """Between the middles of two neighbours, at least."""
    gap = BOX_GAP if upper.box and lower.box else BESIDE_BOX if upper.box or lower.box else LINE_GAP
    return upper.size / 2 + gap + lower.size / 2


def _mean(pairs: Sequence[tuple[Item, float]], otherwise: float) -> float:
    whole = sum(weight for __, weight in pairs)
    return sum(other.centre * weight for other, weight in pairs) / whole if whole else otherwise


def _between(upper: Item, lower: Item, left: bool = True) -> int:
    """Crossings of the links of two neighbours, the first one above the other."""

    def count(above: Iterable[tuple[Item, float]], below: Sequence[tuple[Item, float]]) -> int:
        return sum(one.centre > other.centre for one, __ in above for other, __ in below)

    behind = count(upper.behind, lower.behind)
    return behind + count(upper.before, lower.before) if left else behind


def _settle(column: Sequence[Item], wishes: Sequence[float], weights: Sequence[float]) -> None:
    """Each as near to its wish as order and distances allow, by least squares (pooled neighbours)."""
    offsets, at = [], 0.0
    for place, item in enumerate(column):
        at += distance(column[place - 1], item) if place else 0.0
        offsets.append(at)
    pools: list[tuple[float, float, int]] = []  # mean of wish minus offset, weight, number of items
    for wish, weight, offset in zip(wishes, weights, offsets, strict=True):
        mean, whole, members = wish - offset, weight, 1
        while pools and pools[-1][0] > mean:
            other, other_whole, other_members = pools.pop()
            mean = (mean * whole + other * other_whole) / (whole + other_whole)
            whole, members = whole + other_whole, members + other_members
        pools.append((mean, whole, members))
    place = 0
    for mean, __, members in pools:
        for item, offset in zip(column[place : place + members], offsets[place : place + members], strict=True):
            item.centre = mean + offset
        place += members
