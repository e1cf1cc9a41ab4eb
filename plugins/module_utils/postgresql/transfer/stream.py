# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way to copy a database: definitions from pg_dump, rows by parallel COPY, indexes as soon as their table is there.

Everything is read on one snapshot of the source. What is done is kept in the fresh database's own books, so a killed copy
goes on, as long as the source has not been written to since; else it begins anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ... import scratch
from ..quoting import literal
from . import books, database, finish, leftovers, pipe, schedule, schema, sessions, tables
from .errors import TransferError, explained
from .order import Copied, Order

BATCH = 64
"""Quick definitions in one call: a round trip for each would take longer than they do."""
_DEADLOCK = "40P01"


class Stream:
    """One copy. ``progress(reached, whole)``, in bytes of tables, is called from several threads, now and then."""

    def __init__(self, order: Order, progress: Callable[[int, int], None] = lambda done, whole: None) -> None:
        self.order, self.copied = order, Copied()
        self._progress, self._lock = progress, threading.Lock()
        self._whole = self._reached = 0

    def run(self) -> Copied:
        """Copies all; the fresh database carries the mark afterwards."""
        order = self.order
        with scratch.folder() as folder, order.source.cursor() as cursor:
            like = database.find(cursor, order.source_database)
            if like is None:
                raise TransferError(f"{order.source.title} has no database {order.source_database}.")
            reader = sessions.read(order.source, order.source_database, like.encoding, order.snapshot)
            try:
                sessions.plain(reader, "source")
                with reader.cursor() as snapshot:
                    snapshot.execute("SELECT pg_catalog.pg_export_snapshot()")
                    name = snapshot.fetchone()[0]
                    self._run(folder / "definitions", like, reader, name)
            finally:
                reader.close()
        return self.copied

    def _run(self, archive: Path, like: database.Database, reader: Any, snapshot: str) -> None:
        order = self.order
        self._origin = reader
        with ExitStack() as stack:
            with self._stage("definitions"):
                other = order.definitions
                if other:
                    self._origin = sessions.read(other.server, other.database, like.encoding)
                    stack.callback(self._origin.close)
                    shown = schema.dump(other.server, other.database, archive, encoding=like.encoding)
                else:
                    shown = schema.dump(
                        order.source, order.source_database, archive, encoding=like.encoding, snapshot=snapshot
                    )
                self.copied.entries = len(shown.entries)
                with reader.cursor() as cursor:
                    state = "" if order.snapshot else books.fingerprint(cursor, shown.digest)
                self._prepare(like, state)
            pairs = self._pairs(like.encoding, snapshot)
            for pair in pairs:
                stack.callback(pair.close)
            done = self._begin(pairs[0], shown, state)
            self._fill(pairs, shown, done)
            with self._stage("rest"):
                self._finish(pairs[0], shown)

    def _prepare(self, like: database.Database, state: str) -> None:
        """A fresh database, or the unfinished one of a killed run when the source still is what it was."""
        order = self.order
        with order.target.cursor() as cursor:
            if there := database.find(cursor, order.fresh):
                database.end_sessions(cursor, order.fresh)
                if there.invalid or not state or self._begun_with() != state:
                    database.drop(cursor, order.fresh)
            if database.find(cursor, order.fresh) is None:
                with explained(order.target, order.fresh):
                    database.make(cursor, order.fresh, like, order.locale)

    def _begun_with(self) -> str:
        with self.order.target.cursor(self.order.fresh) as inside:
            return books.Books(inside).state()

    def _pairs(self, encoding: str, snapshot: str) -> list[sessions.Pair]:
        """Made here, before any thread runs: connecting by peer changes the process's user for an instant."""
        order, memory = self.order, sessions.sort_memory(self.order.jobs)
        helpers = sessions.helpers(order.jobs)
        return [
            sessions.Pair(
                sessions.read(order.source, order.source_database, encoding, snapshot),
                sessions.write(order.target, order.fresh, encoding, memory, helpers),
            )
            for __ in range(order.jobs)
        ]

    def _begin(self, pair: sessions.Pair, shown: schema.Schema, state: str) -> dict[str, tuple[int, int]]:
        """Definitions that rows need; gives what the books say is done."""
        with pair.target.cursor() as cursor:
            kept = books.Books(cursor)
            if not kept.state():
                kept.open(state or "unknown")
            done = kept.done()
            if schema.PRE not in done:
                if done:
                    raise TransferError(
                        f"The books in {self.order.fresh} are not ours. Drop that database, then run again."
                    )
                with self._stage("definitions"):
                    self._define(pair, shown)
                    books.enter(cursor, schema.PRE)
            self.copied.resumed = sum(1 for item in done if item.startswith("copy "))
        return done

    def _define(self, pair: sessions.Pair, shown: schema.Schema) -> None:
        """One by one: thousands of tables in one transaction need more locks than a server has by default."""
        with self._origin.cursor() as origin, pair.target.cursor() as cursor:
            spoken = leftovers.languages(origin)
            origin.execute(tables.EXTENSIONS)
            versions = dict(origin.fetchall())
            cursor.execute("SELECT name, version FROM pg_available_extension_versions")
            available = set(cursor.fetchall())
            texts: list[tuple[str, bytes]] = []
            for entry in shown.of(schema.PRE):
                if entry.kind in schema.GENERATED or not entry.text:
                    continue
                text = entry.text
                if entry.kind == "EXTENSION" and (entry.name, versions.get(entry.name)) in available:
                    text = text.rstrip(b";") + f" VERSION {literal(versions[entry.name])};".encode()
                elif entry.kind == "EXTENSION":
                    self._note(
                        f"The extension {entry.name} is {versions.get(entry.name)} at the source; the target has another version."
                    )
                elif entry.kind == "PROCEDURAL LANGUAGE" and entry.name in spoken:
                    text = spoken[entry.name].encode()
                texts.append((entry.title, text))
            for start in range(0, len(texts), BATCH):
                self._batch(cursor, texts[start : start + BATCH])

    def _batch(self, cursor: Any, texts: Sequence[tuple[str, bytes]]) -> None:
        """Definitions in one call, which is one transaction; after an error again, one by one, to name the one that failed."""
        try:
            cursor.execute(b";\n".join(text for __, text in texts))
        except Exception:
            for title, text in texts:
                with explained(self.order.target, self.order.fresh, title):
                    cursor.execute(text)

    def _fill(self, pairs: list[sessions.Pair], shown: schema.Schema, done: Mapping[str, tuple[int, int]]) -> None:
        """Rows, indexes, keys and the rest of the definitions."""
        parts = self._parts(pairs[0])
        phases = schedule.phases(shown.entries)
        whole = shown.entries
        with self._stage("rows and indexes"):
            early = schedule.early_keys(phases, whole, parts)
            work = schedule.copies(parts) + schedule.definitions((*phases.indexes, *early), whole, parts)
            self._together(pairs, work, done)
        with self._stage("definitions"):
            with self._origin.cursor() as origin:
                policies = [text.encode() for text in leftovers.policies(origin, self.order.mapping)]
            self._serially(pairs[0], [("policies", policies)] if policies else [], done)
            self._serially(
                pairs[0], [(schedule.mark(entry), [entry.text]) for entry in phases.quick if entry.text], done
            )
        with self._stage("foreign keys"):
            left = [entry for entry in phases.foreign_keys if entry not in early]
            self._together(pairs, schedule.definitions(left, whole, parts), done)
            self._serially(
                pairs[0], [(schedule.mark(entry), [entry.text]) for entry in phases.late if entry.text], done
            )

    def _parts(self, pair: sessions.Pair) -> list[tables.Part]:
        with pair.source.cursor() as source, pair.target.cursor() as target:
            target.execute(tables.EXTENSIONS)
            there = dict(target.fetchall())
            same = same_order(source, target)
            found = tables.gather(source, there, same)
        if not same and any(table.into for table in found):
            self._note(
                "Text is ordered otherwise at the target: rows of tables parted by text went to the parts where they belong there."
            )
        self._whole = sum(table.size for table in found)
        ranges = pair.source.server_version >= tables.FIRST_WITH_RANGES
        for table in found:
            self.copied.tables[table.title] = {"rows": 0, "bytes": 0}
        return [part for table in found for part in tables.parts(table, ranges)]

    def _together(
        self, pairs: list[sessions.Pair], work: list[schedule.Work], done: Mapping[str, tuple[int, int]]
    ) -> None:
        """Runs work on all pairs of sessions."""
        for each in work:
            if each.name in done and isinstance(each.item, tables.Part):
                self._count(each.item, *done[each.name])
                self._reached += each.item.size
        board = schedule.Board(work, set(done))
        schedule.run(board, pairs, self._do, lambda: [pair.cancel() for pair in pairs])

    def _do(self, pair: sessions.Pair, work: schedule.Work) -> None:
        """One part or definition, and its mark, in one transaction of the target."""
        if not isinstance(work.item, schema.Entry):
            self._copy(pair, work.item)
            return
        with (
            pair.target.cursor() as cursor,
            explained(self.order.target, self.order.fresh, work.name.partition(" ")[2]),
        ):
            text = work.item.text
            for attempt in range(3):
                try:
                    cursor.execute("BEGIN")
                    cursor.execute(text)
                    books.enter(cursor, work.name)
                    cursor.execute("COMMIT")
                    return
                except Exception as error:
                    if getattr(error, "pgcode", "") != _DEADLOCK or attempt == 2:
                        raise
                    cursor.execute("ROLLBACK")

    def _copy(self, pair: sessions.Pair, part: tables.Part) -> None:
        sent = 0

        def progress(size: int) -> None:
            nonlocal sent
            reached = min(part.size, sent)
            sent += size
            with self._lock:
                self.copied.bytes += size
                self._reached += min(part.size, sent) - reached
            self._progress(self._reached, self._whole)

        with (
            pair.target.cursor() as cursor,
            explained(self.order.target, self.order.fresh, part.table.title, self.order.source),
        ):
            cursor.execute("BEGIN")
            encoding = pair.source.info.parameter_status("client_encoding") or "UTF8"
            rows = pipe.copy(pair.source, part.read(), pair.target, part.write(), progress, encoding)
            books.enter(cursor, part.name, rows, sent)
            cursor.execute("COMMIT")
        with self._lock:
            self._reached += part.size - min(part.size, sent)
        self._progress(self._reached, self._whole)
        self._count(part, rows, sent)

    def _count(self, part: tables.Part, rows: int, size: int) -> None:
        with self._lock:
            table = self.copied.tables[part.table.title]
            table["rows"] += rows
            table["bytes"] += size

    def _serially(
        self, pair: sessions.Pair, items: Sequence[tuple[str, Sequence[bytes]]], done: Mapping[str, tuple[int, int]]
    ) -> None:
        """Quick definitions in their own order, each with its mark."""
        left = [item for item in items if item[0] not in done]
        with pair.target.cursor() as cursor:
            for start in range(0, len(left), BATCH):
                some = left[start : start + BATCH]
                cursor.execute("BEGIN")
                cursor.execute("SAVEPOINT batch")
                try:
                    cursor.execute(b";\n".join(text for __, texts in some for text in texts))
                except Exception:
                    cursor.execute("ROLLBACK TO SAVEPOINT batch")
                    for name, texts in some:
                        with explained(self.order.target, self.order.fresh, name.partition(" ")[2] or name):
                            for text in texts:
                                cursor.execute(text)
                for name, __ in some:
                    books.enter(cursor, name)
                cursor.execute("COMMIT")

    def _finish(self, pair: sessions.Pair, shown: schema.Schema) -> None:
        finish.Finish(self.order, self._origin, pair, self.copied).run(schedule.phases(shown.entries).last)

    def _note(self, text: str) -> None:
        self.copied.notes.append(text)

    def _stage(self, name: str) -> Any:
        return _Stage(self.copied.seconds, name)


class _Stage:
    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self._seconds, self._name = seconds, name

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *__: object) -> None:
        self._seconds[self._name] = round(self._seconds.get(self._name, 0.0) + time.monotonic() - self._began, 3)


def same_order(source: Any, target: Any) -> bool:
    """Whether both servers order text alike by the database's own collation: the same provider, version and locale."""
    found = []
    for cursor in (source, target):
        cursor.execute(
            "SELECT to_jsonb(d) ->> 'datlocprovider', d.datcollate, to_jsonb(d) ->> 'datcollversion', version() "
            "FROM pg_database d WHERE datname = current_database()"
        )
        provider, collate, version, name = cursor.fetchone()
        if version is None and collate.partition(".")[0] not in ("C", "POSIX"):
            return False
        found.append((provider or "c", collate, version, "musl" in name))
    return found[0] == found[1]
