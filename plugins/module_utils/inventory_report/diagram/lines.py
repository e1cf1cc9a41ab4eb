# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines between boxes: level and upright pieces, in lanes between the columns.

In a channel between two columns a net has one upright piece, to which all its ends lead. The lanes are ordered so that
few pieces cross and none lies on another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .columns import Columns, Item
from .graph import Box, Drawing, Link, Net, Point, Route, nets_of

LANE, MARGIN, LEAST_CHANNEL = 9.0, 20.0, 56.0
PIN, PIN_ROOM = 9.0, 10.0
"""Distance of two lines at the side of a box, and room left at its corners."""
SAME = 4.0
"""Two level pieces nearer than this would be taken for one."""
ON_TOP = 60
"""How many crossings one is worth that lies on another."""


@dataclass(eq=False)
class Crossing:
    """A net in a channel: where its ends are at either side, and the lane of its upright piece."""

    net: Net
    lefts: list[float] = field(default_factory=list)
    rights: list[float] = field(default_factory=list)
    lane: int = 0
    x: float = 0.0

    @property
    def low(self) -> float:
        return min(self.lefts + self.rights)

    @property
    def high(self) -> float:
        return max(self.lefts + self.rights)

    @property
    def straight(self) -> bool:
        return self.high - self.low < 0.5


def pins_of(boxes: dict[str, Box], links: Sequence[Link]) -> dict[str, int]:
    """By box, how many lines its busier side has: it must be high enough for them."""
    sides: dict[tuple[str, bool], int] = {}
    for net in nets_of(boxes, links):
        ends = [(net.target, not net.from_left)]
        for link in net.links:
            same = boxes[link.source].column == boxes[link.target].column
            ends.append((link.source, net.from_left or same))
        for end in ends:
            sides[end] = sides.get(end, 0) + 1
    return {key: max(sides.get((key, False), 0), sides.get((key, True), 0)) for key in boxes}


def least_height(pins: int) -> float:
    return PIN * max(0, pins - 1) + 2 * PIN_ROOM


def arrange(boxes: dict[str, Box], links: Sequence[Link]) -> Drawing:
    """Gives every box its place and every link its way. Boxes of a column are aligned at the left."""
    nets = nets_of(boxes, links)
    columns = Columns(boxes, nets)
    for item in columns.of_box.values():
        item.box.y = item.centre - item.size / 2
    pins = _pins(columns, nets, boxes)
    _level(columns, nets, boxes, pins)
    channels = [_channel(column, columns, nets, boxes, pins) for column in range(len(columns.columns))]
    places, width = _horizontally(boxes, channels)
    routes = [Route(link, _way(link, net, boxes, columns, channels, pins)) for net in nets for link in net.links]
    top = min([box.y for box in boxes.values()] + [y for route in routes for __, y in route.points])
    bottom = max([box.y + box.height for box in boxes.values()] + [y for route in routes for __, y in route.points])
    for box in boxes.values():
        box.y -= top
    routes = [Route(route.link, [(x, y - top) for x, y in route.points]) for route in routes]
    return Drawing(boxes, routes, places, width, bottom - top)


Pins = dict[tuple[Net, str, bool], float]
"""Of a net, a box, and whether it is the right side: the height of the line there."""


def _pins(columns: Columns, nets: Sequence[Net], boxes: dict[str, Box]) -> Pins:
    """Lines at the side of a box, in the order of where they lead."""
    sides: dict[tuple[str, bool], list[tuple[float, str, Net]]] = {}
    for net in nets:
        for channel in range(net.first, max(net.last, net.first + 1)):
            lefts, rights = columns.ends(net, channel, boxes)
            for items, right in ((lefts, True), (rights, False)):
                for item in items:
                    if item.box:
                        others = [other for other in lefts + rights if other is not item] or [item]
                        wish = sum(other.centre for other in others) / len(others)
                        entry = (wish, f"{net.target} {net.from_left}", net)
                        if entry not in sides.setdefault((item.key, right), []):
                            sides[item.key, right].append(entry)
    pins: Pins = {}
    for (key, right), entries in sides.items():
        box = boxes[key]
        entries.sort(key=lambda entry: entry[:2])
        first = box.middle - PIN * (len(entries) - 1) / 2
        for place, (__, __, net) in enumerate(entries):
            pins[net, key, right] = first + PIN * place
    return pins


def _level(columns: Columns, nets: Sequence[Net], boxes: dict[str, Box], pins: Pins) -> None:
    """Moves lines at the sides of boxes together, and passing lines alone, so that more of them need no bend."""
    others: dict[tuple[Net, str, bool], list[Item]] = {}
    for net in nets:
        for channel in range(net.first, net.last):
            lefts, rights = columns.ends(net, channel, boxes)
            if len(lefts) == len(rights) == 1:
                for item, other, right in ((lefts[0], rights[0], True), (rights[0], lefts[0], False)):
                    if item.box:
                        others[net, item.key, right] = [other]
    sides: dict[tuple[str, bool], list[Net]] = {}
    for net, key, right in pins:
        sides.setdefault((key, right), []).append(net)
    for (key, right), members in sorted(sides.items(), key=lambda side: (boxes[side[0][0]].column, side[0])):
        room = boxes[key].height / 2 - PIN_ROOM - PIN * (len(members) - 1) / 2
        wished = [
            _height(other, net, not right, pins) - pins[net, key, right]
            for net in members
            for other in others.get((net, key, right), [])
        ]
        wished = [shift for shift in wished if abs(shift) <= room]
        if wished:
            shift = max(wished, key=lambda one: (sum(abs(one - other) < 0.5 for other in wished), -abs(one)))
            for net in members:
                pins[net, key, right] += shift
    near = sorted(columns.passing.items(), key=lambda one: abs(one[0][1] - boxes[one[0][0].target].column))
    for (net, column), item in near:
        ends = [(column, 1), (column - 1, 0)] if net.from_left else [(column - 1, 0), (column, 1)]
        for channel, side in ends:  # The end towards the target first: from there on nothing joins.
            joined = columns.ends(net, channel, boxes)[side]
            wish = _height(joined[0], net, side == 0, pins) if len(joined) == 1 else None
            if wish is not None and columns.within(item, wish) == wish:
                item.centre = wish
                break


def _height(item: Item, net: Net, right: bool, pins: Pins) -> float:
    return pins[net, item.key, right] if item.box else item.centre


def _channel(channel: int, columns: Columns, nets: Sequence[Net], boxes: dict[str, Box], pins: Pins) -> list[Crossing]:
    found = []
    for net in nets:
        lefts, rights = columns.ends(net, channel, boxes)
        only_same = not net.from_left and net.first == net.last == channel
        if lefts and (rights or only_same):
            crossing = Crossing(net)
            crossing.lefts = [_height(item, net, True, pins) for item in lefts]
            crossing.rights = [_height(item, net, False, pins) for item in rights]
            found.append(crossing)
    bent = [one for one in found if not one.straight or not one.rights]
    _lanes(_sifted(bent))
    return found


def _cost(left: Crossing, right: Crossing) -> int:
    """Of one net's upright piece to the left of another's."""
    crossed = sum(right.low < y < right.high for y in left.rights) + sum(left.low < y < left.high for y in right.lefts)
    covered = sum(abs(one - other) < SAME for one in left.rights for other in right.lefts)
    return crossed + ON_TOP * covered


def _sifted(crossings: list[Crossing]) -> list[Crossing]:
    """Each in turn goes where it costs least, until nothing moves."""
    order = sorted(crossings, key=lambda one: (one.low, one.high, one.net.target))
    cost = {(one, other): _cost(one, other) for one in order for other in order if one is not other}
    for __ in range(8):
        moved = False
        for one in list(order):
            place = order.index(one)
            order.pop(place)
            prices = [sum(cost[one, other] for other in order)]
            for other in order:
                prices.append(prices[-1] - cost[one, other] + cost[other, one])
            least = min(prices)
            best = place if prices[place] == least else prices.index(least)
            order.insert(best, one)
            moved = moved or best != place
        if not moved:
            break
    return order


def _lanes(order: Sequence[Crossing]) -> None:
    """Pieces that are not beside each other share a lane."""
    for place, one in enumerate(order):
        beside = [
            other for other in order[:place] if other.low - 2 * LANE < one.high and one.low - 2 * LANE < other.high
        ]
        one.lane = 1 + max((other.lane for other in beside), default=-1)


def _horizontally(
    boxes: dict[str, Box], channels: Sequence[Sequence[Crossing]]
) -> tuple[list[tuple[float, float]], float]:
    """Columns with their widths, and the whole width. A channel, at the right of its column, is as wide as its lanes."""
    places, x = [], 0.0
    for column, crossings in enumerate(channels):
        members = [box for box in boxes.values() if box.column == column]
        width = max((box.width for box in members), default=0.0)
        for box in members:
            box.x = x
        places.append((x, width))
        x += width
        if crossings or column + 1 < len(channels):
            lanes = 1 + max((one.lane for one in crossings), default=0)
            room = max(LEAST_CHANNEL, 2 * MARGIN + (lanes - 1) * LANE)
            first = x + (room - (lanes - 1) * LANE) / 2
            for one in crossings:
                one.x = first + one.lane * LANE
            x += room
    return places, x


def _way(
    link: Link,
    net: Net,
    boxes: dict[str, Box],
    columns: Columns,
    channels: Sequence[Sequence[Crossing]],
    pins: Pins,
) -> list[Point]:
    source, target = boxes[link.source], boxes[link.target]
    lane = {channel: one.x for channel, crossings in enumerate(channels) for one in crossings if one.net is net}
    if source.column == target.column:
        start, end = pins[net, link.source, True], pins[net, link.target, True]
        x = lane[source.column]
        return _plain([(source.x + source.width, start), (x, start), (x, end), (target.x + target.width, end)])
    step = 1 if net.from_left else -1
    y = pins[net, link.source, net.from_left]
    points = [(source.x + (source.width if net.from_left else 0.0), y)]
    for column in range(source.column, target.column, step):
        x = lane[column if net.from_left else column - 1]
        passing = columns.passing.get((net, column + step))
        after = pins[net, link.target, not net.from_left] if column + step == target.column else passing.centre
        points += [(x, y), (x, after)]
        y = after
    points.append((target.x + (0.0 if net.from_left else target.width), y))
    return _plain(points)


def _plain(points: Sequence[Point]) -> list[Point]:
    """Without pieces of no length, and without points in the middle of a straight piece."""
    found: list[Point] = []
    for point in points:
        if found and abs(found[-1][0] - point[0]) < 0.01 and abs(found[-1][1] - point[1]) < 0.01:
            continue
        if len(found) > 1 and (found[-2][0] == found[-1][0] == point[0] or found[-2][1] == found[-1][1] == point[1]):
            found.pop()
        found.append(point)
    return found
