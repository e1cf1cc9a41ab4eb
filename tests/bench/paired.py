"""Benchmarks in pairs: ours and the others in turn, A B A B, so that what else the machine does meets all of them alike.

A ratio is taken within each round, and its median and spread over the rounds are what counts; single times say little on a
busy machine. Results go to build/bench/<name>.json as a list of name, value, unit, against, against_value, ratio, aim, met.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 5
RESULTS = Path(__file__).resolve().parents[2] / "build" / "bench"
Times = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Contender:
    """One of those that are measured. `prepare` runs before each turn and is not measured; where `run` returns a number, that
    is its measure in place of the seconds it took."""

    name: str
    run: Callable[[], float | None]
    prepare: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Ratio:
    """Of two contenders, within the rounds: the median, and the least and the most."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def rounds(contenders: Sequence[Contender], count: int = ROUNDS) -> dict[str, list[float]]:
    """Lets all run in turn, `count` times, every second round the other way round; prints each measure as it comes."""
    times: dict[str, list[float]] = {each.name: [] for each in contenders}
    width = max(len(each.name) for each in contenders)
    for turn in range(count):
        for each in contenders if turn % 2 == 0 else list(reversed(contenders)):
            each.prepare()
            began = time.monotonic()
            given = each.run()
            measure = time.monotonic() - began if given is None else given
            times[each.name].append(measure)
            print(f"  round {turn + 1}  {each.name:{width}}  {measure:9.2f}", file=sys.stderr, flush=True)
    return times


def ratio(times: Times, ours: str, against: str | Sequence[str]) -> Ratio:
    """Ours by the other; by the best of several, in each round anew."""
    others = [against] if isinstance(against, str) else list(against)
    found = [mine / min(best) for mine, *best in zip(times[ours], *(times[other] for other in others), strict=True)]
    return Ratio(statistics.median(found), min(found), max(found))


def result(
    name: str, times: Times, ours: str, against: str | Sequence[str], unit: str = "s", aim: float | None = None
) -> dict[str, Any]:
    """One line of the results. `aim`: the ratio may be as high as this; None prints a ratio without an aim."""
    others = [against] if isinstance(against, str) else list(against)
    found = ratio(times, ours, others)
    fastest = min(others, key=lambda other: statistics.median(times[other]))
    return {
        "name": name,
        "value": round(statistics.median(times[ours]), 3),
        "unit": unit,
        "against": fastest,
        "against_value": round(statistics.median(times[fastest]), 3),
        "ratio": round(found.median, 3),
        "spread": [round(found.least, 3), round(found.most, 3)],
        "aim": aim,
        "met": None if aim is None else found.median <= aim,
    }


def measured(name: str, value: float, unit: str, aim: float | None = None, *, at_least: bool = False) -> dict[str, Any]:
    """A line for a value that is not compared with another one: keys a second, megabytes."""
    met = None if aim is None else (value >= aim if at_least else value <= aim)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "against": None,
        "against_value": None,
        "ratio": None,
        "spread": None,
        "aim": aim,
        "met": met,
    }


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Results as a table for the screen and for docs/benchmarks.md."""
    lines = ["| what | value | against | its value | ratio | spread | aim | met |", "|---|---|---|---|---|---|---|---|"]
    for each in results:
        spread = f"{each['spread'][0]:.2f} to {each['spread'][1]:.2f}" if each.get("spread") else ""
        cells = [
            each["name"],
            f"{each['value']:.2f} {each['unit']}",
            each["against"] or "",
            f"{each['against_value']:.2f} {each['unit']}" if each["against_value"] is not None else "",
            f"{each['ratio']:.2f}" if each["ratio"] is not None else "",
            spread,
            "" if each["aim"] is None else f"{each['aim']:g}",
            {True: "yes", False: "no", None: ""}[each["met"]],
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def write(name: str, results: Sequence[Mapping[str, Any]]) -> Path:
    """Keeps the results, and prints them."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(list(results), indent=2) + "\n", encoding="utf-8")
    print(table(results))
    return path
