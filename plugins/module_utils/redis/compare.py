# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers' data compared by content: a sweep that proves keys equal, then those one by one that it can't prove so, and
those that differ once more, since live data changes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from . import facts as redis_facts
from .canonical import Reader, Record, Rules
from .client import Connection
from .detail import differing, shown
from .endpoint import Endpoint
from .facts import Facts
from .side import Side
from .sweep import Sweep
from .transfer import MARK, libraries

SETTINGS = ("maxmemory-policy", "notify-keyspace-events", "databases", "appendonly")
"""Of use to applications; they follow the native configuration and are told, not counted as differences."""
COARSE = 10
"""Before 7.0 a server only tells what is left of a key's time; expiries are digested that much coarser than the tolerance."""
NO_SCRIPTS = "{} lets its user run no scripts (EVAL_RO), so values above 16 KB were read in full, which takes longer."


@dataclass(frozen=True)
class Wish:
    """``indices``: source → target, empty for all as they are. ``most``: differences that are named."""

    datastore: str
    indices: Mapping[int, int] = field(default_factory=dict)
    tolerance_ms: int = 1000
    show_values: bool = False
    most: int = 1000


class Database:
    """One numbered database on both sides."""

    def __init__(self, index: int, redis: tuple[Connection, Connection], readers: list[Reader]) -> None:
        self.index, self.redis, self._readers = index, redis, readers
        self.keys = [0, 0]
        self._digests = hashlib.sha256(), hashlib.sha256()

    def records(self, keys: list[bytes]) -> list[dict[bytes, Record]]:
        """These keys on both sides, read at once."""
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda reader: reader.records(keys), self._readers))

    def equal(self, digest: bytes) -> None:
        """A part of both sides has this digest."""
        for each in self._digests:
            each.update(digest)

    def read(self, records: list[dict[bytes, Record]], keys: list[bytes]) -> None:
        """Keys of both sides were read one by one."""
        for digest, side in zip(self._digests, records, strict=True):
            digest.update("".join(f"{side[key].kind}{side[key].base};" for key in keys).encode())

    def digests(self) -> list[str]:
        """Of everything on either side, in the order of this reading."""
        return [digest.hexdigest() for digest in self._digests]


class Comparison:
    """Compares two servers under one wish."""

    def __init__(self, source: Endpoint, target: Endpoint, wish: Wish) -> None:
        self._ends, self._wish = (source, target), wish
        self.differences: list[dict[str, Any]] = []
        self.unnamed = 0
        self._notes: list[str] = []

    def run(self) -> dict[str, Any]:
        """The result of the module ``redis_compare``."""
        started = time.monotonic()
        facts = tuple(redis_facts.gather(end) for end in self._ends)
        rules, indices = self._rules(facts), {}
        for index, into in sorted(self._indices(facts).items()):
            begun = time.monotonic()
            database = self._compared(index, into, facts, rules)
            digests = database.digests()
            indices[str(index)] = {
                "target": into,
                "keys": database.keys[0],
                "target_keys": database.keys[1],
                "digest": digests[0],
                "target_digest": digests[1],
                "seconds": round(time.monotonic() - begun, 3),
            }
        self._functions(facts)
        keys, seconds = (sum(each[name] for each in indices.values()) for name in ("keys", "seconds"))
        return {
            "equal": not self.differences and not self.unnamed,
            "differences": self.differences,
            "unnamed": self.unnamed,
            "indices": indices,
            "notes": [*dict.fromkeys(self._notes), *notes(*facts)],
            "versions": {"source": facts[0].release, "target": facts[1].release},
            "keys": keys,
            "keys_per_second": round(keys / seconds) if seconds else 0,
            "seconds": round(time.monotonic() - started, 3),
        }

    def _indices(self, facts: tuple[Facts, ...]) -> dict[int, int]:
        if self._wish.indices:
            return dict(self._wish.indices)
        return {index: index for fact in facts for index in fact.indices}

    def _rules(self, facts: tuple[Facts, ...]) -> Rules:
        new = all(fact.at_least(7) for fact in facts)
        return Rules(
            fields=any(each.expiring_fields for fact in facts for each in fact.indices.values()),
            counters=new,
            scores=len({(fact.product, fact.version[:2]) for fact in facts}) > 1,
            quantum=1 if new else COARSE * max(1, self._wish.tolerance_ms),
            mark=MARK.encode(),
        )

    def _compared(self, index: int, into: int, facts: tuple[Facts, ...], rules: Rules) -> Database:
        with ExitStack() as stack:
            places = list(zip(self._ends, (index, into), facts, strict=True))
            redis = [[stack.enter_context(end.connect(at)) for __ in range(2)] for end, at, __ in places]
            asides = redis[0][1], redis[1][1]
            readers = [Reader(aside, rules, fact) for aside, fact in zip(asides, facts, strict=True)]
            database = Database(index, asides, readers)
            sides = [Side(*pair, fact) for pair, fact in zip(redis, facts, strict=True)]
            expiring = any(fact.indices[at].expiring for __, at, fact in places if at in fact.indices)
            for page in self._sweep(sides, rules, expiring).run():
                database.keys[0] += page.found
                database.keys[1] += page.theirs
                database.equal(page.digest)
                if page.keys:
                    self._look(database, page.keys, rules)
        return database

    def _sweep(self, sides: list[Side], rules: Rules, expiring: bool) -> Sweep:
        scripts = [side.runs_scripts() for side in sides]
        self._notes += [NO_SCRIPTS.format(end.title) for end, runs in zip(self._ends, scripts, strict=True) if not runs]
        return Sweep(sides[0], sides[1], rules, expiring, all(scripts))

    def _look(self, database: Database, keys: list[bytes], rules: Rules) -> None:
        records = database.records(keys)
        suspects = [key for key in keys if self._what(records[0][key], records[1][key])]
        if suspects:
            again = database.records(suspects)
            records = [{**side, **new} for side, new in zip(records, again, strict=True)]
        database.read(records, keys)
        named = {each["object"] for each in self.differences}
        for key in suspects:
            source, target = (side[key] for side in records)
            what = self._what(source, target)
            if not what or f"{database.index}:{shown(key)}" in named:
                continue
            if len(self.differences) >= self._wish.most:
                self.unnamed += 1
                continue
            self.differences.append(self._difference(database, key, what, source, target, rules))

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
        self, database: Database, key: bytes, what: list[str], source: Record, target: Record, rules: Rules
    ) -> dict[str, Any]:
        index, redis = database.index, database.redis
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
