# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of one Redis brought into another, in steps that a crash at any moment leaves clear.

What has arrived is used by nobody until it is verified: a server that followed the source lets no application in before,
else the data waits in spare numbered databases, marked by a key of ours, and changes places with the real ones in one
transaction.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..findings import blocking, sentence
from ..migration import faults
from ..migration.journal import Journal, Step
from ..migration.traces import begun_after, unfinished
from . import facts as redis_facts
from . import replica, scripts
from .client import Connection, RedisError
from .endpoint import Endpoint
from .facts import Facts
from .pages import Copier, Reached
from .strategy import REPLICA, TYPEWISE, Plan, Wish, plan

MARK = "cryptobot-migration:incoming"
"""Key in a database whose content is on its way, or not verified yet."""


@dataclass(frozen=True)
class Task:
    """What to bring where. ``indices``: numbered databases, source → target; empty for all as they are."""

    run: str
    datastore: str
    source: Endpoint
    target: Endpoint
    indices: Mapping[int, int]
    way: str = "auto"
    replace: bool = False

    @property
    def step(self) -> str:
        return f"{'carry' if self.source.local else 'copy'}:redis:{self.datastore}"

    @property
    def activation(self) -> str:
        """The step that puts the copy into place."""
        return f"activate:redis:{self.datastore}"

    @property
    def inputs(self) -> dict[str, Any]:
        indices = {str(index): into for index, into in self.indices.items()}
        return {"source": self.source.title, "target": self.target.title, "indices": indices, "replace": self.replace}


class Transfer:
    """One task on this host, and its traces in the journal."""

    def __init__(self, task: Task, journal: Journal) -> None:
        self._task, self._journal = task, journal

    def plan(self) -> Plan:
        """Reads both servers; changes nothing."""
        return self._look()[2]

    def copied(self) -> tuple[bool, dict[str, Any]]:
        """The data is whole on the target; whether anything was done, and the evidence."""
        task = self._task
        done = self._journal.done(task.run, task.step, task.inputs)
        if done and (begun_after(self._journal, task.run, task.activation, task.step) or self._still_there(done)):
            return False, dict(done)
        source, target, planned = self._look()
        if against := blocking(planned.findings):
            raise RedisError(sentence(against).rstrip("."))
        with self._journal.step(task.run, task.step, task.inputs) as step:
            started = time.monotonic()
            reached = self._reached(step, source, target, planned)
            if reached is None:
                step.anew()
            step.progress(
                {
                    "writing": planned.way,
                    "target": task.target.title,
                    "target_run": target.run_id,
                    "source_run": source.run_id,
                    "indices": _texts(planned.indices),
                }
            )
            if planned.way == REPLICA:
                self._follow(planned, step.name)
            else:
                self._fill(planned, source, target, step, reached)
            step.evidence = {
                "way": planned.way,
                "reasons": list(planned.reasons),
                "indices": _texts(planned.indices),
                "final": _texts(planned.final),
                "keys": self._counted(planned.indices),
                "source": source.release,
                "target": target.release,
                "seconds": round(time.monotonic() - started, 3),
            }
        return True, dict(step.evidence)

    def active(self) -> tuple[bool, dict[str, Any]]:
        """What was copied is what the target serves, and a restart keeps it."""
        task = self._task
        name = task.activation
        if (done := self._journal.done(task.run, name, task.inputs)) is not None:
            return False, dict(done)
        copied = self._journal.done(task.run, task.step, task.inputs)
        if copied is None:
            raise RedisError(
                f"{task.datastore} is not copied whole yet, and can't be activated. Copy and verify it first"
            )
        with self._journal.step(task.run, name, task.inputs) as step:
            for index, into in copied["final"].items():
                if (waits := copied["indices"][index]) != into:
                    exchange(task.target, waits, into, name)
            with self._target() as target:
                if redis_facts.information(target, "replication").get("role") != "master":
                    replica.leave(target)
                step.evidence = {**self._persist(target), "indices": copied["final"]}
        return True, dict(step.evidence)

    def absent(self, check: bool = False) -> bool:
        """Nothing is left on the target of a copy that was not activated; whether there was something."""
        task, left = self._task, self._left()
        if left is None or check:
            return left is not None
        with self._journal.step(task.run, f"absent:redis:{task.datastore}", task.inputs):
            if left["writing"] == REPLICA:
                facts = redis_facts.gather(task.target)
                if facts.writers:
                    raise RedisError(
                        f"Applications write to {task.target.title} ({', '.join(facts.writers)}), so nothing of it is removed"
                    )
                with self._target() as target:
                    replica.leave(target)
                    target.call("FLUSHALL")
                    if facts.functions:
                        target.call("FUNCTION", "FLUSH")
            else:
                for index in left["indices"].values():
                    with self._target(index) as target:
                        if target.call("EXISTS", MARK):
                            target.call("FLUSHDB")
        return True

    # Looking

    def _look(self) -> tuple[Facts, Facts, Plan]:
        task, left = self._task, self._left()
        source, target = redis_facts.gather(task.source), redis_facts.gather(task.target)
        wish = Wish(
            task.indices,
            task.way,
            task.replace,
            closed=task.target.local or not task.replace,
            ours=left is not None and left["writing"] == REPLICA,
            spare=(
                {int(index): into for index, into in left["indices"].items()}
                if left and left["writing"] != REPLICA
                else {}
            ),
        )
        census = self._census(source) if source.modules or source.version[:2] > target.version[:2] else None
        return source, target, plan(source, target, wish, census)

    def _census(self, facts: Facts) -> dict[str, int]:
        counts: dict[str, int] = {}
        for index in facts.indices:
            cursor = b"0"
            with self._task.source.connect(index) as redis:
                while True:
                    cursor, *found = redis.ask(facts.script, scripts.CENSUS, "0", cursor, "1000")
                    for kind, count in zip(found[::2], found[1::2], strict=True):
                        counts[kind.decode()] = counts.get(kind.decode(), 0) + count
                    if cursor == b"0":
                        break
        return counts

    def _left(self) -> dict[str, Any] | None:
        """What the last copy of this datastore to this target began to write, if it was neither activated nor removed."""
        task = self._task
        return unfinished(self._journal, ("redis",), task.datastore, task.target.title, ("activate", "absent"))

    def _still_there(self, done: Mapping[str, Any]) -> bool:
        """A target that lost its content since, or is half gone, is copied to again; one that was activated has moved it."""
        if self._left() is None:
            return True
        now = redis_facts.gather(self._task.target).indices
        return all(
            not count or now.get(done["indices"][index], redis_facts.Index()).keys
            for index, count in done["keys"].items()
        )

    def _counted(self, indices: Mapping[int, int]) -> dict[str, int]:
        """Keys on the target, by the source's index, without our mark."""
        found = {}
        for index, into in indices.items():
            with self._target(into) as target:
                found[str(index)] = target.call("DBSIZE") - target.call("EXISTS", MARK)
        return found

    # Copying

    def _follow(self, planned: Plan, name: str) -> None:
        shares: list[faults.Shares] = []

        def reached(arrived: int, whole: int) -> None:
            if whole and not shares:
                shares.append(faults.Shares(name, whole))
            if shares:
                shares[0].reached(arrived)

        with self._target() as target:
            replica.follow(target, self._task.source, reached)
            faults.point(f"{name}:promote")
            replica.leave(target)
            self._persist(target)

    def _fill(self, planned: Plan, source: Facts, target: Facts, step: Step, reached: Reached | None) -> None:
        if reached is None:
            for index in planned.indices.values():
                prepare(self._task.target, index, self._task.run)
        shares = faults.Shares(step.name, planned.keys)

        def report(now: Reached) -> None:
            step.progress(
                {
                    "index": now.index,
                    "cursor": now.cursor.decode(),
                    "copied": now.copied,
                    "source_run": source.run_id,
                    "target_run": target.run_id,
                }
            )
            shares.reached(now.copied)

        copier = Copier(
            self._task.source.connect, self._task.target.connect, source, target, planned.way == TYPEWISE, report
        )
        copier.run(planned.indices, reached)
        if source.at_least(7) and target.at_least(7):
            self._copy_functions()

    def _reached(self, step: Step, source: Facts, target: Facts, planned: Plan) -> Reached | None:
        """How far an earlier attempt came. A cursor means nothing to a server that was started again."""
        last = step.resumed
        if planned.way == REPLICA or not last or "index" not in last:
            return None
        if (last["source_run"], last["target_run"]) != (source.run_id, target.run_id):
            return None
        first = next((each for each in step.history if "writing" in each), {})
        if first.get("writing") != planned.way or first.get("indices") != _texts(planned.indices):
            return None
        if last["cursor"] == "0":
            later = [index for index in sorted(planned.indices) if index > last["index"]]
            return Reached(later[0] if later else last["index"] + 1, b"0", last["copied"])
        return Reached(last["index"], last["cursor"].encode(), last["copied"])

    def _copy_functions(self) -> None:
        with self._task.source.connect() as source, self._target() as target:
            wanted = libraries(source)
            for name in libraries(target):
                if name not in wanted and self._task.replace:
                    target.call("FUNCTION", "DELETE", name)
            for code in wanted.values():
                target.ask("FUNCTION", "LOAD", "REPLACE", code)

    # Activating

    def _persist(self, target: Connection) -> dict[str, str]:
        return replica.settle(target, target.call("CONFIG", "GET", "appendonly")[1:] == ["yes"])

    def _target(self, index: int = 0) -> Connection:
        return self._task.target.connect(index)


def exchange(target: Endpoint, waits: int, into: int, name: str) -> None:
    """Databases change places in one transaction with the removal of the mark, so that no crash makes it happen twice."""
    with target.connect(waits) as redis:
        if redis.call("EXISTS", MARK):
            faults.point(f"rename:{name}")
            with _transaction(redis):
                redis.call("SWAPDB", str(waits), str(into))
                redis.call("SELECT", str(into))
                redis.call("DEL", MARK)
            redis.call("SELECT", str(waits))
        faults.point(f"{name}:exchanged")
        redis.call("FLUSHDB", "ASYNC")


def prepare(target: Endpoint, index: int, run: str) -> None:
    """An empty database that nobody takes for a whole one."""
    with target.connect(index) as redis:
        redis.call("FLUSHDB")
        redis.call("SET", MARK, run)


def libraries(redis: Connection) -> dict[bytes, bytes]:
    """Libraries of functions: code by name."""
    found = {}
    for each in redis.ask("FUNCTION", "LIST", "WITHCODE"):
        properties = dict(zip(each[::2], each[1::2], strict=True))
        found[properties[b"library_name"]] = properties[b"library_code"]
    return found


@contextmanager
def _transaction(redis: Connection) -> Iterator[None]:
    redis.call("MULTI")
    yield
    redis.call("EXEC")


def _texts(indices: Mapping[int, int]) -> dict[str, int]:
    return {str(index): into for index, into in indices.items()}
