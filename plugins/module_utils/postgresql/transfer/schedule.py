# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does what next: parts of tables and definitions, spread over a few workers, each as soon as it may be.

An index waits for its own table's rows and for nothing else, so one table is indexed while the next one is copied. What is
left then (views, triggers, rules, comments …) is quick and keeps pg_dump's order; foreign keys come after it, for they read
whole tables; and what needs a foreign key comes last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .schema import CONSTRAINT, FOREIGN_KEY, GENERATED, INDEX, POST, Entry
from .tables import Part

PG_CLASS = 1259


@dataclass(frozen=True)
class Work:
    """One thing to do. ``after``: names that must be done; ``locks``: tables it uses alone, ``shares`` with others alike."""

    name: str
    item: Part | Entry | str
    after: frozenset[str] = frozenset()
    locks: frozenset[int] = frozenset()
    shares: frozenset[int] = frozenset()
    weight: int = 0


@dataclass(frozen=True)
class Phases:
    """Definitions after the rows, parted by when they may run."""

    indexes: tuple[Entry, ...] = ()
    quick: tuple[Entry, ...] = ()
    foreign_keys: tuple[Entry, ...] = ()
    late: tuple[Entry, ...] = ()
    last: tuple[Entry, ...] = ()


def phases(entries: Iterable[Entry]) -> Phases:
    """Parts the post-data entries; those that are made otherwise are left out."""
    ours = [entry for entry in entries if entry.section == POST and entry.kind not in GENERATED]
    last = tuple(entry for entry in ours if entry.on_event_trigger)
    ours = [entry for entry in ours if entry not in last]
    keys = {entry.number for entry in ours if entry.kind == FOREIGN_KEY}
    late = _needing(keys, ours) - keys
    quick = {entry.number for entry in ours if entry.kind not in (INDEX, CONSTRAINT, FOREIGN_KEY)} - late
    quick |= _needing(quick, [entry for entry in ours if entry.number not in keys | late])
    return Phases(
        tuple(entry for entry in ours if entry.number not in keys | late | quick),
        tuple(entry for entry in ours if entry.number in quick),
        tuple(entry for entry in ours if entry.number in keys),
        tuple(entry for entry in ours if entry.number in late),
        last,
    )


def _needing(numbers: set[int], entries: Sequence[Entry]) -> set[int]:
    """Numbers of the entries that need one of these, whether through others or not."""
    found = set(numbers)
    grown = True
    while grown:
        more = {entry.number for entry in entries if entry.number not in found and found.intersection(entry.depends)}
        grown = bool(more)
        found |= more
    return found - set(numbers)


def early_keys(found: Phases, whole: Sequence[Entry], parts: Sequence[Part]) -> tuple[Entry, ...]:
    """Foreign keys between tables that get their rows themselves, with nothing but indexes before them: they need not wait
    for all other tables. Not those of partitioned tables, whose rows are their partitions'."""
    own = {part.table.oid for part in parts if not part.table.into}
    numbers = {entry.number: entry.oid for entry in whole if _is_table(entry)}
    indexes = {entry.number: entry for entry in found.indexes}
    before = {entry.number for entry in whole if entry.section != POST}

    def plain(entry: Entry) -> bool:
        reached = {number for each in entry.depends if each in indexes for number in indexes[each].depends}
        return all(each in indexes or each in before for each in entry.depends) and all(
            numbers[each] in own for each in {*entry.depends, *reached} if each in numbers
        )

    return tuple(entry for entry in found.foreign_keys if plain(entry))


def copies(parts: Iterable[Part]) -> list[Work]:
    """The parts of all tables."""
    return [Work(part.name, part, weight=part.table.size) for part in parts]


def definitions(
    entries: Sequence[Entry], whole: Sequence[Entry], parts: Sequence[Part], others: Sequence[str] = ()
) -> list[Work]:
    """Indexes and keys as work. ``whole``: all entries; ``others``: names of work that each of these waits for."""
    tables = {entry.number: entry.oid for entry in whole if _is_table(entry)}
    by_number = {entry.number: entry for entry in entries}
    owners = {entry.number: [tables[each] for each in entry.depends if each in tables] for entry in whole}
    rows: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for part in parts:
        rows.setdefault(part.table.oid, []).append(part.name)
        sizes[part.table.oid] = part.table.size
    found = []
    for entry in entries:
        own = owners[entry.number]
        reached = (
            {oid for each in entry.depends for oid in owners.get(each, ())} if entry.kind == FOREIGN_KEY else set()
        )
        after = {name for oid in own for name in rows.get(oid, ())} | {
            mark(by_number[each]) for each in entry.depends if each in by_number
        }
        used = frozenset(own) | reached
        shared = entry.kind == INDEX
        weight = max((sizes.get(oid, 0) for oid in own), default=0)
        found.append(
            Work(
                mark(entry),
                entry,
                frozenset({*after, *others}),
                frozenset() if shared else used,
                used if shared else frozenset(),
                weight,
            )
        )
    return found


def _is_table(entry: Entry) -> bool:
    return entry.table == PG_CLASS and "TABLE" in entry.kind and not entry.kind.startswith("TABLE ")


def mark(entry: Entry) -> str:
    """The mark of an entry: its text may change only with the digest of all, and numbers are the archive's own."""
    return f"{entry.number} {entry.title}"


@dataclass
class Board:
    """What is left, what runs, what is done; asked by all workers under one lock."""

    left: list[Work]
    done: set[str]
    busy: dict[int, int] = field(default_factory=dict)
    """By table: -1 where one works alone, else how many share it."""
    running: int = 0
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._changed = threading.Condition()
        self.left = sorted((each for each in self.left if each.name not in self.done), key=lambda each: -each.weight)
        names = {each.name for each in self.left}
        self._pending = names

    def take(self) -> Work | None:
        """The heaviest work that may be done now; waits for one; None when all is done or something failed."""
        with self._changed:
            while True:
                if self.failure or not (self.left or self.running):
                    return None
                for index, work in enumerate(self.left):
                    if self._free(work):
                        del self.left[index]
                        self._use(work)
                        self.running += 1
                        return work
                if not self.running:
                    stuck = ", ".join(work.name for work in self.left[:3])
                    self.failure = RuntimeError(f"nothing can go on: {stuck} wait for what nobody does")
                    return None
                self._changed.wait()

    def finish(self, work: Work, failure: BaseException | None = None) -> None:
        with self._changed:
            self.running -= 1
            for table in work.locks:
                self.busy.pop(table, None)
            for table in work.shares:
                self.busy[table] -= 1
                if not self.busy[table]:
                    del self.busy[table]
            if failure is None:
                self.done.add(work.name)
                self._pending.discard(work.name)
            else:
                self.failure = self.failure or failure
            self._changed.notify_all()

    def _free(self, work: Work) -> bool:
        if work.after & self._pending:
            return False
        return not any(table in self.busy for table in work.locks) and not any(
            self.busy.get(table, 0) < 0 for table in work.shares
        )

    def _use(self, work: Work) -> None:
        for table in work.locks:
            self.busy[table] = -1
        for table in work.shares:
            self.busy[table] = self.busy.get(table, 0) + 1


def run(board: Board, workers: Sequence[Any], do: Callable[[Any, Work], None], stop: Callable[[], None]) -> None:
    """Lets each worker take work until none is left. The first failure ends the others by ``stop`` and is raised."""

    def loop(worker: Any) -> None:
        while work := board.take():
            try:
                do(worker, work)
            except BaseException as error:
                first = board.failure is None
                board.finish(work, error)
                if first:
                    stop()
                return
            board.finish(work)

    threads = [threading.Thread(target=loop, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if board.failure:
        raise board.failure


def sizes(parts: Iterable[Part]) -> Mapping[str, int]:
    """Bytes at the source, by table."""
    found: dict[str, int] = {}
    for part in parts:
        found[part.table.title] = part.table.size
    return found
