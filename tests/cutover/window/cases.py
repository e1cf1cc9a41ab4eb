"""The cases of the crash loop, and the shorter selection of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from parts import SIDES

if TYPE_CHECKING:
    import faults

GUARDIANS = ("hold:internal", "mark:api", "hand_over", "flip")
ROUTERS = ("hold:internal", "close:api", "flip", "release", "record")
SOURCES = ("close:api", "mark:api", "hand_over", "open:api", "flip", "drop_forward:api")
TARGETS = ("arm:api", "mark:api", "hand_over", "open:api", "flip", "follow_back:api")
LATE = ("hold:public", "hold:internal", "close:api", "mark:trade", "point:api", "hand_over", "open:trade", "flip",
        "release", "record", "drop_forward:api", "follow_back:trade", "ended", "clear_intent")  # fmt: skip
SHARES = {
    "kill": 14, "stop": 6, "late": 4, "guardian": 2, "reload": 2, "router": 1, "source": 2, "target": 2, "recovery": 5,
}  # fmt: skip
"""How many cases of each kind the shorter selection has."""
Case = Callable[["faults.Faults"], "faults.Outcome"]
Cases = Mapping[str, tuple[str, Case]]


def cases(window: Sequence[str], recoveries: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, Case]]:
    """By name: the side that writes before, and what is done."""
    found: dict[str, tuple[str, Case]] = {}
    for side in SIDES:
        for point in window:
            found[f"kill/{side}/{point}"] = side, lambda f, point=point: f.killed(point)
            found[f"stop/{side}/{point}"] = side, lambda f, point=point: f.stopped(point)
        for point in (f"{when}:{name}" for name in LATE for when in ("before", "after")):
            found[f"late/{side}/{point}"] = side, lambda f, point=point: f.late(point)
        for name in GUARDIANS:
            for both in (False, True):
                title = f"guardian/{side}/{'both' if both else 'alone'}/before:{name}"
                found[title] = side, lambda f, name=name, both=both: f.guardian_killed(f"before:{name}", both)
        for name in ROUTERS:
            found[f"reload/{side}/before:{name}"] = side, lambda f, name=name: f.router_reloaded(f"before:{name}")
            found[f"router/{side}/before:{name}"] = side, lambda f, name=name: f.router_killed(f"before:{name}")
        for name in SOURCES:
            found[f"source/{side}/before:{name}"] = side, lambda f, name=name: f.source_killed(f"before:{name}")
        for name in TARGETS:
            found[f"target/{side}/before:{name}"] = side, lambda f, name=name: f.target_killed(f"before:{name}")
    for at, points in recoveries.items():
        for point in (each for each in points if each.startswith("before:")):
            found[f"recovery/{at}/{point}"] = "", lambda f, at=at, point=point: f.recovery_killed(at, point)
    return found


def kind(name: str) -> str:
    return name.split("/")[0]


def selection(names: Iterable[str]) -> list[str]:
    """Of every kind as many as SHARES says, at even distances: both sides, and from the first effect to the last.

    Neighbours are two ways at one effect (before and after; alone and both), which are taken in turn.
    """
    by_kind: dict[str, list[str]] = {}
    for name in names:
        by_kind.setdefault(kind(name), []).append(name)
    if set(by_kind) != set(SHARES):
        raise ValueError(f"SHARES names {', '.join(SHARES)}, and the kinds of cases are {', '.join(by_kind)}.")
    found: list[str] = []
    for each, there in by_kind.items():
        count = min(SHARES[each], len(there))
        middles = [(2 * number + 1) * len(there) // (2 * count) for number in range(count)]
        if len(there) >= 2 * count:
            middles = [middle - middle % 2 + number % 2 for number, middle in enumerate(middles)]
        found += [there[middle] for middle in middles]
    return found


def shard(names: Iterable[str], number: int, count: int) -> list[str]:
    """The part ``number`` of ``count``, each with some of every kind; together they are all."""
    if not 1 <= number <= count:
        raise ValueError(f"There is no shard {number}/{count}: there are 1/{count} to {count}/{count}.")
    ordered = list(names)
    mixed = sorted(ordered, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    mine = set(mixed[number - 1 :: count])
    return [name for name in ordered if name in mine]
