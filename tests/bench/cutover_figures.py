"""What a benchmark of windows says, from the answers that clients got and the times that the module gave."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import paired

AFTER = 1.0
"""Seconds after a release in which a slow read still counts as the window's."""
WIDTH = 60
MEDIAN_MS, WORST_MS, HELD_WRITE_MS, READ_MS, RATIO = 100, 250, 1000, 200, 1.5
Steps = Mapping[str, Mapping[str, float]]


class Answer(Protocol):
    """A line of the load's log."""

    start: float
    end: float
    write: bool
    status: int

    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True)
class Switch:
    """One window, in seconds. ``in_flight``: the longest write that was under way when the doors were held;
    ``waited``: the slowest of those that were under way at the release; ``read``: the slowest one meanwhile."""

    window: float
    held: float
    gap: float
    in_flight: float
    waited: float
    read: float
    acknowledged: int
    failed: int
    lost: int
    doubled: int
    wrong: tuple[str, ...] = ()
    steps: Steps = field(default_factory=dict)


@dataclass
class Size:
    """All windows at one size of the databases. ``read`` and ``write`` are what 99 of 100 took while nothing changed;
    ``rates`` writes and reads a second meanwhile; ``given_up`` what windows that failed have said."""

    title: str
    megabytes: float
    rates: tuple[float, float]
    read: float
    write: float
    switches: list[Switch] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)


def percentile(values: Sequence[float], share: float) -> float:
    """The least one that so many per cent do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] if ordered else 0.0


def p99(answers: Sequence[Answer], write: bool) -> float:
    return percentile([each.seconds for each in answers if each.write == write and each.status == 200], 99)


def rates(answers: Sequence[Answer], seconds: float) -> tuple[float, float]:
    """Writes and reads that were answered well, a second."""
    good = [each.write for each in answers if each.status == 200]
    return sum(good) / seconds, (len(good) - sum(good)) / seconds


def moments(steps: Steps, ended: float) -> tuple[float, float]:
    """When the first door was held and when requests went on, on the clock by which ``ended`` was written."""
    zero = ended - steps["ended"]["at"]
    release = steps["release"]
    return zero + steps["hold:public"]["at"], zero + release["at"] + release["seconds"]


def slowest(answers: Sequence[Answer], hold: float, released: float) -> tuple[float, float, float]:
    """``in_flight``, ``waited`` and ``read`` of a :class:`Switch`."""
    good = [each for each in answers if each.status == 200]
    writes = [each for each in good if each.write]
    in_flight = [each.seconds for each in writes if each.start < hold < each.end < released]
    waited = [each.seconds for each in writes if each.start < released <= each.end]
    reads = [each.seconds for each in good if not each.write and each.end > hold and each.start < released + AFTER]
    return max(in_flight, default=0.0), max(waited, default=0.0), max(reads, default=0.0)


def results(sizes: Sequence[Size]) -> list[dict[str, Any]]:
    """Lines of the table, one size after the other, then the ratio of the largest to the smallest."""
    found = [line for size in sizes for line in _size(size)]
    medians = [_median(size, "window") for size in sizes if size.switches]
    if len(medians) > 1 and medians[0]:
        title = f"write window, median, {sizes[-1].title} against {sizes[0].title}"
        found.append(paired.measured(title, medians[-1] / medians[0], "", RATIO))
    return found


def _median(size: Size, name: str) -> float:
    return statistics.median(getattr(each, name) for each in size.switches)


def _size(size: Size) -> list[dict[str, Any]]:
    def line(name: str, value: float, unit: str = "", aim: float | None = None) -> dict[str, Any]:
        return paired.measured(f"{size.title}: {name}", value, unit, aim)

    there = size.switches
    found = [
        line("databases of one side together", size.megabytes, "MB"),
        line("writes a second while nothing changed", size.rates[0], "1/s"),
        line("reads a second while nothing changed", size.rates[1], "1/s"),
        line("windows", len(there)),
        line("windows given up", len(size.given_up), "", 0),
    ]
    if not there:
        return found
    for name, title, aims in (
        ("window", "write window (drained to released)", (MEDIAN_MS, WORST_MS)),
        ("held", "hold to release", (None, None)),
        ("in_flight", "longest write in flight at the hold", (None, None)),
        ("gap", "longest gap between acknowledged writes", (None, None)),
    ):
        found.append(line(f"{title}, median", _median(size, name) * 1000, "ms", aims[0]))
        found.append(line(f"{title}, worst", max(getattr(each, name) for each in there) * 1000, "ms", aims[1]))
    above = max(each.read for each in there) - size.read
    return [
        *found,
        line("slowest write that waited", max(each.waited for each in there) * 1000, "ms", HELD_WRITE_MS),
        line("writes while nothing changed, p99", size.write * 1000, "ms"),
        line("reads while nothing changed, p99", size.read * 1000, "ms"),
        line("slowest read of a window, above that", above * 1000, "ms", READ_MS),
        line("writes acknowledged", sum(each.acknowledged for each in there)),
        line("requests failed", sum(each.failed for each in there), "", 0),
        line("acknowledged writes lost", sum(each.lost for each in there), "", 0),
        line("rows doubled", sum(each.doubled for each in there), "", 0),
        line("windows after which anything was wrong", sum(bool(each.wrong) for each in there), "", 0),
    ]


def diagram(steps: Steps) -> str:
    """From the first hold to the release; a mark is `#`."""
    first, last = steps["hold:public"]["at"], steps["release"]["at"] + steps["release"]["seconds"]
    shown = {name: each for name, each in steps.items() if first <= each["at"] <= last}
    scale = WIDTH / (last - first)
    lines = []
    for name, each in sorted(shown.items(), key=lambda item: item[1]["at"]):
        start, length = (each["at"] - first) * scale, max(1, round(each["seconds"] * scale))
        bar = (" " * int(start) + "#" * length)[:WIDTH]
        lines.append(f"{name:18} |{bar:{WIDTH}}| {(each['at'] - first) * 1000:5.0f} + {each['seconds'] * 1000:.0f} ms")
    return "\n".join(lines)
