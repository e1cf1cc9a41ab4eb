"""The cases of the crash loop, and the shorter selection of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import setups
from parts import SIDES

if TYPE_CHECKING:
    import faults

GUARDIANS = ("hold:internal", "mark:api", "hand_over", "flip")
ROUTERS = ("hold:internal", "close:api", "flip", "release", "record")
SOURCES = ("close:api", "mark:api", "hand_over", "open:api", "flip", "drop_forward:api")
TARGETS = ("arm:api", "mark:api", "hand_over", "open:api", "flip", "follow_back:api")
LATE = ("hold:public", "hold:internal", "close:api", "mark:trade", "point:api", "hand_over", "open:trade", "flip",
        "release", "record", "drop_forward:api", "follow_back:trade", "ended", "clear_intent")  # fmt: skip
# With a Redis, files and processes beside the databases.
WHOLE_GUARDIANS = ("stop", "mark:files", "start", "follow_back:cache")
WHOLE_LATE = ("stop", "close:cache", "mark:files", "point:notebook", "hand_over", "open:cache", "open:files", "record",
              "flip", "start", "release", "drop_forward:files", "follow_back:cache")  # fmt: skip
WHOLE_ROUTERS = ("stop", "start", "release")
SOURCE_CACHES = ("arm:cache", "close:cache", "mark:cache", "point:cache", "hand_over", "open:cache",
                 "follow_back:cache")  # fmt: skip
TARGET_CACHES = ("arm:cache", "mark:cache", "hand_over", "open:cache", "follow_back:cache")
SHARES = {
    "kill": 4, "stop": 2, "late": 1, "moment": 1, "past": 1, "guardian": 1, "reload": 1, "router": 1, "source": 1,
    "target": 1, "recovery": 2, "kill@one": 1, "kill@whole": 4, "stop@whole": 1, "late@whole": 0, "moment@whole": 0,
    "past@whole": 1, "guardian@whole": 1, "reload@whole": 0, "router@whole": 0, "cache@whole": 1, "recovery@whole": 1,
    "kill@loose": 2, "recovery@loose": 1,
}  # fmt: skip
"""How many cases of each kind the shorter selection has."""
LEFT = {"before:hand_over": "docker", "after:hand_over": "native"}
"""Where a controller is killed whose recovery is, and the side that writes before: both end on the Docker side, where
the recovery has most to do."""
UNENDED = frozenset({"late", "moment", "past"})
"""Kinds whose recovery can't end the controller."""
Case = Callable[["faults.Faults"], "faults.Outcome"]
Cases = Mapping[str, tuple[str, Case]]


def cases(
    window: Sequence[str], recoveries: Mapping[str, Sequence[str]], setup: setups.Setup = setups.TWO
) -> dict[str, tuple[str, Case]]:
    """By name: the side that writes before, and what is done."""
    kinds = {"two": _two, "whole": _whole}.get(setup.name)
    found: dict[str, tuple[str, Case]] = {}
    for side in SIDES:
        for point in window:
            _add(found, setup, f"kill/{side}/{point}", side, lambda f, point=point: f.killed(point))
            if kinds and "." not in point:
                _add(found, setup, f"stop/{side}/{point}", side, lambda f, point=point: f.stopped(point))
        for name, case in kinds(side) if kinds else ():
            _add(found, setup, name, side, case)
    for at, points in recoveries.items():
        for point in (each for each in points if each.startswith("before:") and setup is not setups.ONE):
            name, side = f"recovery/{at}/{point}", LEFT[at]
            _add(found, setup, name, side, lambda f, at=at, point=point: f.recovery_killed(at, point))
    return found


def _add(found: dict[str, tuple[str, Case]], setup: setups.Setup, name: str, side: str, case: Case) -> None:
    head, __, tail = name.partition("/")
    found[f"{head}{'' if setup is setups.TWO else f'@{setup.name}'}/{tail}"] = side, case


def _two(side: str) -> Iterator[tuple[str, Case]]:
    yield from _late(side, LATE)
    yield from _guardians(side, GUARDIANS)
    yield from _routers(side, ROUTERS)
    for name in SOURCES:
        yield f"source/{side}/before:{name}", lambda f, name=name: f.source_killed(f"before:{name}")
    for name in TARGETS:
        yield f"target/{side}/before:{name}", lambda f, name=name: f.target_killed(f"before:{name}")


def _whole(side: str) -> Iterator[tuple[str, Case]]:
    yield from _late(side, WHOLE_LATE)
    yield from _guardians(side, WHOLE_GUARDIANS)
    yield from _routers(side, WHOLE_ROUTERS)
    for end, names in (("source", SOURCE_CACHES), ("target", TARGET_CACHES)):
        for name in names:
            title = f"cache/{side}/{end}/before:{name}"
            yield title, lambda f, name=name, end=end: f.cache_killed(f"before:{name}", end)


def _late(side: str, names: Sequence[str]) -> Iterator[tuple[str, Case]]:
    for point in (f"{when}:{name}" for name in names for when in ("before", "after")):
        yield f"late/{side}/{point}", lambda f, point=point: f.late(point)
    for name in names:
        yield f"moment/{side}/before:{name}", lambda f, name=name: f.at_the_moment(f"before:{name}")
    for name in names:
        yield f"past/{side}/before:{name}", lambda f, name=name: f.past(f"before:{name}")


def _guardians(side: str, names: Sequence[str]) -> Iterator[tuple[str, Case]]:
    for name in names:
        for both in (False, True):
            title = f"guardian/{side}/{'both' if both else 'alone'}/before:{name}"
            yield title, lambda f, name=name, both=both: f.guardian_killed(f"before:{name}", both)


def _routers(side: str, names: Sequence[str]) -> Iterator[tuple[str, Case]]:
    for name in names:
        yield f"reload/{side}/before:{name}", lambda f, name=name: f.router_reloaded(f"before:{name}")
        yield f"router/{side}/before:{name}", lambda f, name=name: f.router_killed(f"before:{name}")


def kind(name: str) -> str:
    return name.split("/")[0]


def unended(name: str) -> bool:
    return kind(name).partition("@")[0] in UNENDED


def selection(names: Iterable[str]) -> list[str]:
    """Of every kind as many as SHARES says, at even distances: both sides, and from the first effect to the last.

    Neighbours are two ways at one effect (before and after; alone and both), which are taken in turn.
    """
    by_kind: dict[str, list[str]] = {}
    for name in names:
        by_kind.setdefault(kind(name), []).append(name)
    if unknown := set(by_kind) - set(SHARES):
        raise ValueError(f"SHARES does not name {', '.join(sorted(unknown))}.")
    found: list[str] = []
    for each, there in by_kind.items():
        count = min(SHARES[each], len(there))
        middles = [(2 * number + 1) * len(there) // (2 * count) for number in range(count)]
        if count == 1:
            # The half of it is where the other side's begin.
            middles = [3 * len(there) // 4]
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
