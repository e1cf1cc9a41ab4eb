# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers' data compared by content: one pass over both at once, counted into buckets, then the exact keys of the buckets
that differ, and those looked at once more, since live data changes.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from . import facts as redis_facts
from .canonical import BUCKET, BYTEWISE, RECORD, Reader, Record, Rules
from .client import Connection
from .detail import differing, shown
from .endpoint import Endpoint
from .facts import Facts
from .transfer import MARK, libraries

PAGE = 1000
BUCKETS = 16**BUCKET
AT_ONCE = 100_000
"""Keys that are held in memory at a time while differing buckets are looked into."""
AGAIN = 200
SETTINGS = ("maxmemory-policy", "notify-keyspace-events", "databases", "appendonly")
"""Of use to applications; they follow the native configuration and are told, not counted as differences."""
COARSE = 10
"""Before 7.0 a server only tells what is left of a key's time, so expiries are digested that much coarser than the tolerance."""


@dataclass(frozen=True)
class Wish:
    """``indices``: source → target, empty for all as they are. ``most``: differences that are named."""

    datastore: str
    indices: Mapping[int, int] = field(default_factory=dict)
    tolerance_ms: int = 1000
    show_values: bool = False
    most: int = 1000


@dataclass
class Sums:
    """Digests of one database, counted into buckets: order plays no part, and equal ones do not cancel each other."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, digests: bytes) -> None:
        """Digests of :data:`RECORD` hexadecimal digits each, joined."""
        counts, sums = self.counts, self.sums
        for number in struct.unpack(">" + "Q12x" * (len(digests) // RECORD), bytes.fromhex(digests.decode())):
            bucket = number >> (64 - 4 * BUCKET)
            counts[bucket] += 1
            sums[bucket] += number

    @property
    def keys(self) -> int:
        return sum(self.counts)

    def digest(self) -> str:
        """One digest of the whole database."""
        whole = hashlib.sha256()
        for count, total in zip(self.counts, self.sums, strict=True):
            whole.update(b"%d:%d;" % (count, total))
        return whole.hexdigest()


class Comparison:
    """Compares two servers under one wish."""

    def __init__(self, source: Endpoint, target: Endpoint, wish: Wish) -> None:
        self._ends, self._wish = (source, target), wish
        self.differences: list[dict[str, Any]] = []
        self.unnamed = 0

    def run(self) -> dict[str, Any]:
        """The result of the module ``redis_compare``."""
        started = time.monotonic()
        facts = tuple(redis_facts.gather(end) for end in self._ends)
        rules = self._rules(facts)
        indices, scanned, keys = {}, 0.0, 0
        for index, into in sorted(self._indices(facts).items()):
            begun = time.monotonic()
            with ExitStack() as stack:
                readers = [
                    stack.enter_context(end.connect(at)) for end, at in zip(self._ends, (index, into), strict=True)
                ]
                sides = [
                    Reader(redis, rules, fact.at_least(7), fact.at_least(7, 4))
                    for redis, fact in zip(readers, facts, strict=True)
                ]
                sums = self._sums(sides)
                seconds = time.monotonic() - begun
                scanned, keys = scanned + seconds, keys + sums[0].keys
                self._name(index, sides, readers, sums, rules)
            indices[str(index)] = {
                "target": into,
                "keys": sums[0].keys,
                "target_keys": sums[1].keys,
                "digest": sums[0].digest(),
                "target_digest": sums[1].digest(),
                "seconds": round(seconds, 3),
            }
        self._functions(facts)
        return {
            "equal": not self.differences and not self.unnamed,
            "differences": self.differences,
            "unnamed": self.unnamed,
            "indices": indices,
            "notes": notes(*facts),
            "versions": {"source": facts[0].release, "target": facts[1].release},
            "keys": keys,
            "keys_per_second": round(keys / scanned) if scanned else 0,
            "seconds": round(time.monotonic() - started, 3),
        }

    def _indices(self, facts: tuple[Facts, ...]) -> dict[int, int]:
        if self._wish.indices:
            return dict(self._wish.indices)
        return {index: index for fact in facts for index in fact.indices}

    def _rules(self, facts: tuple[Facts, ...]) -> Rules:
        with self._ends[0].connect() as source, self._ends[1].connect() as target:
            bytewise = all(redis.call("EVAL", BYTEWISE, "0") == 1 for redis in (source, target))
        new = all(fact.at_least(7) for fact in facts)
        return Rules(
            bytewise,
            fields=any(each.expiring_fields for fact in facts for each in fact.indices.values()),
            counters=new,
            quantum=1 if new else COARSE * max(1, self._wish.tolerance_ms),
            mark=MARK,
            scores=len({(fact.product, fact.version[:2]) for fact in facts}) > 1,
        )

    @staticmethod
    def _sums(sides: list[Reader]) -> list[Sums]:
        """Both sides at once."""

        def counted(side: Reader) -> Sums:
            found = Sums()
            for digests in side.sums(PAGE):
                found.add(digests)
            return found

        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(counted, sides))

    def _name(self, index: int, sides: list[Reader], redis: list[Connection], sums: list[Sums], rules: Rules) -> None:
        source, target = sums
        different = [
            bucket
            for bucket in range(BUCKETS)
            if (source.counts[bucket], source.sums[bucket]) != (target.counts[bucket], target.sums[bucket])
        ]
        for group in _groups(different, source, target):
            if len(self.differences) >= self._wish.most:
                self.unnamed += sum(abs(source.counts[bucket] - target.counts[bucket]) or 1 for bucket in group)
                continue
            buckets = {f"{bucket:0{BUCKET}x}" for bucket in group}
            with ThreadPoolExecutor(2) as pool:
                found = list(pool.map(lambda side: dict(side.listed(PAGE, buckets)), sides))
            suspects = sorted(key for key in {*found[0], *found[1]} if found[0].get(key) != found[1].get(key))
            self._look_again(index, suspects, sides, redis, rules)

    def _look_again(
        self, index: int, keys: list[bytes], sides: list[Reader], redis: list[Connection], rules: Rules
    ) -> None:
        named = {(each["key"]["index"], each["object"]) for each in self.differences if each["kind"] == "key"}
        for place in range(0, len(keys), AGAIN):
            part = keys[place : place + AGAIN]
            records = [side.named(part) for side in sides]
            for key in part:
                what = self._what(records[0][key], records[1][key])
                if not what or (index, f"{index}:{shown(key)}") in named:
                    continue
                if len(self.differences) >= self._wish.most:
                    self.unnamed += 1
                    continue
                self.differences.append(
                    self._difference(index, key, what, records[0][key], records[1][key], redis, rules)
                )

    def _what(self, source: Record, target: Record) -> list[str]:
        """In what two keys differ; what only one side has is about to expire or is missing."""
        if source.exists != target.exists:
            only = source if source.exists else target
            expired = 0 < only.ends <= time.time() * 1000 + self._wish.tolerance_ms
            return [] if expired else ["missing" if source.exists else "added"]
        if not source.exists:
            return []
        found = []
        if source.kind != target.kind:
            found.append("type")
        elif source.base != target.base:
            found.append("value")
        if (source.ends < 0) != (target.ends < 0) or abs(source.ends - target.ends) > self._wish.tolerance_ms:
            found.append("expiry")
        return found

    def _difference(
        self,
        index: int,
        key: bytes,
        what: list[str],
        source: Record,
        target: Record,
        redis: list[Connection],
        rules: Rules,
    ) -> dict[str, Any]:
        name, kind = shown(key), (source if source.exists else target).kind
        columns, texts = list(what), []
        for each in what:
            match each:
                case "missing":
                    texts.append(f"the {kind} is missing on the target")
                case "added":
                    texts.append(f"the {kind} is on the target only")
                case "type":
                    texts.append(f"is a {source.kind} in the source and a {target.kind} on the target")
                case "expiry":
                    texts.append(_expiry(source.ends, target.ends))
                case _:
                    details = differing(redis[0], redis[1], key, kind, rules, self._wish.show_values)
                    columns = [*(word for word in columns if word != "value"), *details.columns]
                    texts += details.texts
        return {
            "datastore": self._wish.datastore,
            "kind": "key",
            "object": f"{index}:{name}",
            "key": {"index": index, "key": name, "type": kind},
            "columns": columns,
            "source": source.base[:12] if source.exists else None,
            "target": target.base[:12] if target.exists else None,
            "text": f"{kind} {name} in database {index}: {'; '.join(texts)}.",
        }

    def _functions(self, facts: tuple[Facts, ...]) -> None:
        if not all(fact.at_least(7) for fact in facts):
            return
        with self._ends[0].connect() as source, self._ends[1].connect() as target:
            ours, theirs = libraries(source), libraries(target)
        for name in sorted({*ours, *theirs}):
            if ours.get(name) == theirs.get(name):
                continue
            what = "missing" if name not in theirs else "added" if name not in ours else "code"
            says = {
                "missing": "is missing on the target",
                "added": "is on the target only",
                "code": "has other code on the target",
            }
            codes = [
                hashlib.sha1(each[name], usedforsecurity=False).hexdigest()[:12] if name in each else None
                for each in (ours, theirs)
            ]
            self.differences.append(
                {
                    "datastore": self._wish.datastore,
                    "kind": "function",
                    "object": shown(name),
                    "key": {"library": shown(name)},
                    "columns": [what],
                    "source": codes[0],
                    "target": codes[1],
                    "text": f"The library of functions {shown(name)} {says[what]}.",
                }
            )


def _groups(different: list[int], source: Sums, target: Sums) -> Iterable[list[int]]:
    """Buckets in groups that fit in memory. One key that differs lies in two buckets: both sides' digests of it."""
    group: list[int] = []
    size = 0
    for bucket in different:
        group.append(bucket)
        size += max(source.counts[bucket], target.counts[bucket])
        if size >= AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _expiry(source: int, target: int) -> str:
    if target < 0:
        return "does not expire on the target"
    if source < 0:
        return "expires on the target only"
    return f"expires {abs(target - source)} ms {'later' if target > source else 'earlier'} on the target"


def notes(source: Facts, target: Facts) -> list[str]:
    """What differs by intent: settings and users follow the native configuration."""
    found = []
    for name in SETTINGS:
        values = [fact.settings.get(name) for fact in (source, target)]
        if None not in values and values[0] != values[1]:
            found.append(
                f"The setting {name} is {values[0] or 'empty'} in the source and {values[1] or 'empty'} on the target."
            )
    others = [name for name in source.writers if name not in ("default", *target.writers)]
    if others:
        found.append(
            f"Users of the source who are not let in on the target yet, or have other names there: {', '.join(others)}."
        )
    return found
