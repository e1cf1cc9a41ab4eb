# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a copy will take, from what is measured now: the line with the source, and this host's cores.

For a few seconds the databases' own rows are read as the copy will read them, so that a slow line or a slow source shows.
Rows are written and indexed on this host: that takes processor time known from a reference machine, scaled by a short
computation on as many threads as the copy has lines. Whichever takes longer is the time; indexes come on top.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .endpoint import Endpoint
from .inventory import Database
from .transfer import pipe, sessions, tables

SECONDS = 2.0
CORE_SECONDS = 0.6
WARM_UP = 0.3
"""Share of the time that is not counted: the bucket of a throttled line is full at first."""
SAMPLE_PAGES = 512
SAMPLE_ROWS = 20000
MOST_TABLES = 8


@dataclass(frozen=True)
class Reference:
    """Processor seconds on the reference machine, whose cores together reach ``speed`` MB/s in :func:`speed`: to read, pass
    on and write a row and a byte of it, and to build a byte of an index; and what a database and a table cost anyway."""

    row: float = 1.3e-6
    byte: float = 6.0e-9
    index_byte: float = 26.0e-9
    database: float = 0.8
    table: float = 0.01
    speed: float = 120.0


REFERENCE = Reference()


@dataclass(frozen=True)
class Throughput:
    """What was measured. ``wire``: bytes on the line for a byte in a table; ``density``: rows for such a byte."""

    bytes_per_second: float
    speed: float
    wire: float = 1.0
    density: float = 0.0
    sampled_bytes: int = 0
    seconds: float = 0.0

    def described(self) -> dict[str, Any]:
        """For results."""
        return {
            "bytes_per_second": round(self.bytes_per_second),
            "core_mb_per_second": round(self.speed, 1),
            "sampled_bytes": self.sampled_bytes,
            "seconds": round(self.seconds, 2),
        }


def estimate(database: Database, measured: Throughput, reference: Reference = REFERENCE) -> dict[str, float]:
    """Seconds that the copy of a database takes, by what they go into."""
    slower = reference.speed / measured.speed if measured.speed else 1.0
    size = database.table_bytes + database.large_object_bytes
    rows = max(database.rows, size * measured.density)
    line = size * measured.wire / measured.bytes_per_second if measured.bytes_per_second else 0.0
    cores = (rows * reference.row + size * reference.byte) * slower
    indexes = database.index_bytes * reference.index_byte * slower
    anyway = (reference.database + len(database.tables) * reference.table) * slower
    seconds = {"line": line, "cores": cores, "rows": max(line, cores), "indexes": indexes, "fixed": anyway}
    return {name: round(value, 2) for name, value in {**seconds, "total": max(line, cores) + indexes + anyway}.items()}


def measure(endpoint: Endpoint, names: Iterable[str], jobs: int, seconds: float = SECONDS) -> Throughput:
    """Reads samples of the largest tables of these databases for ``seconds``, then looks at the cores."""
    began = time.monotonic()
    samples = _Samples(endpoint, list(names))
    read = samples.read(jobs, seconds)
    measured = replace(read, speed=speed(jobs))
    return replace(measured, seconds=time.monotonic() - began)


def speed(threads: int, seconds: float = CORE_SECONDS) -> float:
    """MB a second that so many threads compress, together: integer work in the processor's caches, as a server's."""
    noise = random.Random(1)
    block = b"".join(b"%d,BTC,%d.%d;" % (i, noise.randrange(10**6), noise.randrange(100)) for i in range(16000))
    counts = [0] * threads
    until = time.monotonic() + seconds

    def work(index: int) -> None:
        while time.monotonic() < until:
            zlib.compress(block, 1)
            counts[index] += 1

    began = time.monotonic()
    _in_threads(work, threads)
    return sum(counts) * len(block) / 1e6 / (time.monotonic() - began)


class _Samples:
    """Parts of the largest tables, spread over them."""

    def __init__(self, endpoint: Endpoint, names: list[str]) -> None:
        self._endpoint, self._names = endpoint, names
        self._found: list[tuple[str, list[tables.Part]]] = []
        for name in names:
            with endpoint.cursor(name) as cursor:
                ranges = cursor.connection.server_version >= tables.FIRST_WITH_RANGES
                largest = sorted(tables.gather(cursor, {}, True), key=lambda table: -table.size)[:MOST_TABLES]
            self._found.append((name, [part for table in largest for part in _spread(table, ranges)]))

    def read(self, jobs: int, seconds: float) -> Throughput:
        """Reads on ``jobs`` lines from the database with the most to read."""
        name, parts = max(self._found, key=lambda each: sum(part.size for part in each[1]), default=("", []))
        if not parts:
            return Throughput(0.0, 0.0)
        lines = [sessions.read(self._endpoint, name, "UTF8") for __ in range(jobs)]
        chunks: list[tuple[float, int]] = []
        done: list[tuple[int, int, int]] = []
        began = time.monotonic()
        queue = iter(parts)
        lock = threading.Lock()

        def work(index: int) -> None:
            while time.monotonic() < began + seconds:
                with lock:
                    part = next(queue, None)
                if part is None:
                    return
                before = len(chunks)
                rows = pipe.drain(
                    lines[index], part.read(), lambda size: chunks.append((time.monotonic(), size)), began + seconds
                )
                if rows is not None:
                    done.append((part.size, rows, sum(size for __, size in chunks[before:])))

        try:
            _in_threads(work, jobs)
        finally:
            for line in lines:
                line.close()
        return _result(chunks, done, began)


def _result(chunks: Sequence[tuple[float, int]], done: Sequence[tuple[int, int, int]], began: float) -> Throughput:
    if not chunks:
        return Throughput(0.0, 0.0)
    end = max(at for at, __ in chunks)
    start = began + (end - began) * WARM_UP
    counted = sum(size for at, size in chunks if at > start)
    read = sum(size for size, __, __ in done) or 1
    total = sum(size for __, size in chunks)
    return Throughput(
        counted / max(end - start, 1e-3),
        0.0,
        min(2.0, total / read) if done else 1.0,
        sum(rows for __, rows, __ in done) / read,
        total,
    )


def _spread(table: tables.Table, ranges: bool) -> Iterator[tables.Part]:
    """Up to 16 samples of a table; the first rows where the source can't read a range by itself."""
    pages = -(-table.heap // tables.PAGE)
    if not pages or table.condition:
        return
    if not ranges or pages <= SAMPLE_PAGES:
        yield tables.Part(table, size=table.size)
        return
    step = max(SAMPLE_PAGES, pages // 16)
    for first in range(0, pages - SAMPLE_PAGES + 1, step):
        yield tables.Part(table, first, first + SAMPLE_PAGES, table.size * SAMPLE_PAGES // pages)


def _in_threads(work: Any, count: int) -> None:
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
