# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows: digests of whole tables on both sides at once, then the rows that differ by their keys, then their columns."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from .result import Difference, TableResult
from .session import Interrupted, Session, Side
from .tables import Plan, value

Digests = dict[int, tuple[int, int]]
"""By bucket, how many rows and the sum of their hashes."""
Sides = tuple[Side, Side]

KEPT = 10_000
"""Differing rows of a table that are kept; of more only the number is told."""
ROWS_AHEAD = 4096
ALIKE = 0.5
"""Share of equal columns from which two rows without a key are taken for one row that was changed."""


@dataclass(frozen=True)
class Row:
    """A row that differs: its key (or hash), and hash, number and place on each side, None where it is not."""

    key: tuple[str, ...]
    source: tuple[int, int, str] | None
    target: tuple[int, int, str] | None


@dataclass
class Differing:
    plan: Plan
    rows: list[Row] = field(default_factory=list)
    more: int = 0
    settled: int = 0


def digests(
    sides: Sides, plans: Iterable[Plan], jobs: int, done: Callable[[str, TableResult], None]
) -> dict[str, list[int]]:
    """Scan all tables; the differing buckets of those that differ. Each side works through its own list, the largest first."""
    ordered = sorted(plans, key=lambda plan: -plan.table.pages)
    found: dict[str, list[tuple[int, Digests, float]]] = {}
    differing: dict[str, list[int]] = {}
    lock = threading.Lock()

    def finish(index: int, name: str, digest: Digests, seconds: float) -> None:
        with lock:
            both = found.setdefault(name, [])
            both.append((index, digest, seconds))
            if len(both) < 2:
                return
            del found[name]
        (__, one, first), (__, other, second) = sorted(both, key=lambda each: each[0])
        result = TableResult(
            *_counts(one, other), *(total(each) for each in (one, other)), seconds=round(max(first, second), 3)
        )
        buckets = sorted(bucket for bucket in one.keys() | other.keys() if one.get(bucket) != other.get(bucket))
        with lock:
            if buckets:
                differing[name] = buckets
            done(name, result)

    waiting = [queue.SimpleQueue() for __ in sides]
    for line in waiting:
        for each in ordered:
            line.put(each)

    def work(index: int) -> None:
        with sides[index].session() as session:
            while True:
                try:
                    each = waiting[index].get_nowait()
                except queue.Empty:
                    return
                began = time.monotonic()
                finish(index, each.table.name, scan(session, each), time.monotonic() - began)

    together(sides, [lambda index=index: work(index) for __ in range(jobs) for index in range(len(sides))])
    return differing


def scan(session: Session, plan: Plan, source: str = "") -> Digests:
    return {bucket: (count, int(total)) for bucket, count, total in session.query(plan.digests(source))}


def together(sides: Sides, tasks: list[Callable[[], None]]) -> None:
    """Run them side by side; the first failure ends the others at once and is the one that is told."""
    failures: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except Exception as error:
            failures.append(error)
            if len(failures) == 1:
                for side in sides:
                    side.interrupt()

    with ThreadPoolExecutor(len(tasks) or 1) as pool:
        list(pool.map(guarded, tasks))
    if failures:
        # What a failure below has ended may be heard of first.
        raise next((each for each in failures if not isinstance(each, Interrupted)), failures[0])


def name_rows(sides: Sides, plan: Plan, buckets: list[int]) -> Differing:
    """The rows of the differing buckets that are not alike, by one pass over both sides in the order of their keys."""
    result = Differing(plan)
    with streams(sides, plan.rows(buckets)) as (source, target):
        for row in differing_rows(plan, source, target):
            if len(result.rows) < KEPT:
                result.rows.append(row)
            else:
                result.more += 1
    return result


@contextmanager
def streams(sides: Sides, statement: str) -> Iterator[list[Iterable[tuple[Any, ...]]]]:
    """The same statement on both sides at once; rows come as they are taken."""
    with ExitStack() as stack:
        yield [stack.enter_context(_Ahead(side, statement)) for side in sides]


def recheck(sides: Sides, differing: Differing) -> None:
    """Look again at these rows only, at a new instant of both sides; what is alike by now has only been on its way."""
    plan = differing.plan
    keys = [list(column) for column in zip(*(row.key for row in differing.rows), strict=True)]
    both = []
    for side in sides:
        with side.session() as session:
            both.append(session.query(plan.some(), tuple(keys)))
    rows = list(differing_rows(plan, *both))
    differing.settled += len(differing.rows) - len(rows)
    differing.rows = rows


def differences(
    sides: Sides, differing: Differing, majors: tuple[int, int], datastore: str, most: int, shown: bool
) -> list[Difference]:
    """The first ``most`` rows with their differing columns, and a line for how many more there are."""
    plan, rows = differing.plan, differing.rows[:most]
    table = plan.table
    salt = secrets.randbits(62)
    columns = [column for column in table.columns if column in table.types]
    values = [
        _values(side, plan, columns, majors, [row[1 + index] for row in _places(rows)], None if shown else salt)
        for index, side in enumerate(sides)
    ]
    found = [
        _difference(datastore, plan, columns, row, *values)
        for row in (rows if table.key else _paired(rows, columns, values))
    ]
    left = len(differing.rows) - len(rows) + differing.more
    if left:
        text = f"{left} more rows of {table.name} differ"
        found.append(Difference(datastore, "row", table.name, text, None, (), None, None))
    return found


def _places(rows: Iterable[Row]) -> list[tuple[Row, str | None, str | None]]:
    return [(row, row.source and row.source[2], row.target and row.target[2]) for row in rows]


def differing_rows(plan: Plan, source: Iterable[tuple[Any, ...]], target: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    """Merge two ordered streams; a key that a side has twice counts as different unless the other side has the same."""
    length = len(plan.table.key) or 1
    one, other = _groups(source, length), _groups(target, length)
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0] < right[0]):
            yield Row(_texts(left[0]), left[1][0], None)
            left = next(one, None)
        elif left is None or right[0] < left[0]:
            yield Row(_texts(right[0]), None, right[1][0])
            right = next(other, None)
        else:
            if [each[:2] for each in left[1]] != [each[:2] for each in right[1]]:
                yield Row(_texts(left[0]), left[1][0], right[1][0])
            left, right = next(one, None), next(other, None)


def _groups(
    rows: Iterable[tuple[Any, ...]], length: int
) -> Iterator[tuple[tuple[Any, ...], list[tuple[int, int, str]]]]:
    """Rows with one key together; NULL, which only a side without its key can have, comes last."""
    key, group = None, []
    for row in rows:
        this = tuple((1, "") if part is None else (0, part) for part in row[:length])
        if this != key:
            if group:
                yield key, sorted(group)
            key, group = this, []
        group.append(row[length:])
    if group:
        yield key, sorted(group)


def _texts(key: tuple[tuple[int, Any], ...]) -> tuple[str, ...]:
    return tuple(str(part) for __, part in key)


def _values(
    side: Side, plan: Plan, columns: list[str], majors: tuple[int, int], places: list[str | None], salt: int | None
) -> dict[str, dict[str, str | None]]:
    """By place, each column: as a digest, or as it is where ``salt`` is None."""
    table = plan.table
    wanted = [place for place in places if place]
    if not wanted or not columns:
        return {}
    texts = [f"{value(table, column, majors)}::text" for column in columns]
    parts = [f"left({text}, 200)" if salt is None else f"to_hex(hashtextextended({text}, {salt}))" for text in texts]
    place = f"{table.alias}.tableoid::bigint || ' ' || {table.alias}.ctid"
    source = f"{'' if table.below else 'ONLY '}{table.name} AS {table.alias}"
    tids = ", ".join(f"'{each.partition(' ')[2]}'" for each in wanted)
    statement = (
        f"SELECT {place}, ARRAY[{', '.join(parts)}] FROM {source} WHERE {table.alias}.ctid = ANY(ARRAY[{tids}]::tid[])"
    )
    with side.session() as session:
        rows = session.query(statement)
    return {place: dict(zip(columns, texts, strict=True)) for place, texts in rows if place in set(wanted)}


def _paired(rows: Iterable[Row], columns: list[str], values: list[Mapping[str, Mapping[str, str | None]]]) -> list[Row]:
    """Of rows without a key one that is missing and one that is extra are taken for one where most of them is alike."""
    rows = list(rows)
    missing = [row for row in rows if row.target is None]
    extra = [row for row in rows if row.source is None]
    result = [row for row in rows if row.source is not None and row.target is not None]
    for row in missing:
        mine = values[0].get(row.source[2], {})
        scored = [
            (sum(mine.get(column) == other.get(column) for column in columns), each)
            for each in extra
            if (other := values[1].get(each.target[2], {})) and each.target[1] == row.source[1]
        ]
        score, best = max(scored, key=lambda pair: pair[0], default=(0, None))
        if best is not None and score >= ALIKE * len(columns):
            extra.remove(best)
            result.append(Row(row.key, row.source, best.target))
        else:
            result.append(row)
    return result + extra


def _difference(
    datastore: str, plan: Plan, columns: list[str], row: Row, *values: Mapping[str, Mapping[str, str | None]]
) -> Difference:
    table = plan.table
    sides = [place and known.get(place[2]) for place, known in zip((row.source, row.target), values, strict=True)]
    key = dict(zip(table.key, row.key, strict=True)) if table.key else {"hash": row.key[0]}
    named = ", ".join(f"{column}={text}" for column, text in key.items())
    which = f"row {named} of {table.name}" if table.key else f"a row of {table.name} without a key (hash {row.key[0]})"
    one, other = (side or {} for side in sides)
    differing = tuple(column for column in columns if one.get(column) != other.get(column))
    if row.source is None or row.target is None:
        text = f"{which} is on the {'source' if row.target is None else 'target'} only"
        return Difference(datastore, "row", table.name, text, key, (), *(side or None for side in sides))
    if row.source[1] != row.target[1]:
        text = f"{which} is there {row.source[1]} times on the source and {row.target[1]} times on the target"
        return Difference(datastore, "row", table.name, text, key, (), row.source[1], row.target[1])
    text = f"{which} differs in {', '.join(differing) or 'how often its key is there'}"
    return Difference(
        datastore,
        "row",
        table.name,
        text,
        key,
        differing,
        *({name: side.get(name) for name in differing} for side in (one, other)),
    )


def _counts(one: Digests, other: Digests) -> tuple[int, int]:
    return sum(count for count, __ in one.values()), sum(count for count, __ in other.values())


def total(digest: Digests) -> str:
    return f"{sum(total for __, total in digest.values()) % 2**128:032x}"


class _Ahead:
    """A stream of rows that is read in a thread of its own, so that both sides work at once; little is held."""

    def __init__(self, side: Side, statement: str) -> None:
        self._side, self._statement = side, statement
        self._queue: queue.Queue[Any] = queue.Queue(ROWS_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> _Ahead:
        self._thread.start()
        return self

    def __exit__(self, *__: object) -> None:
        self._stop.set()
        self._thread.join()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self._queue.get()) is not None:
            if isinstance(row, Exception):
                raise row
            yield row

    def _read(self) -> None:
        try:
            with self._side.session() as session:
                for row in session.stream(self._statement):
                    if not self._put(row):
                        return
            self._put(None)
        except Exception as error:
            self._put(error)

    def _put(self, row: object) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(row, timeout=0.5)
                return True
            except queue.Full:
                continue
        return False
