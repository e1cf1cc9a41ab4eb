# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fast way to copy a database: definitions from pg_dump, rows by parallel COPY, indexes as soon as their table is there.

Everything is read on one snapshot of the source. What is done is kept in the fresh database's own books, so a killed copy
goes on, as long as the source has not been written to since; else it begins anew.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..endpoint import Endpoint
from ..quoting import identifier, literal
from ..roles_map import RolesMap
from . import books, database, leftovers, pipe, rights, roles, schedule, schema, sessions, tables
from .errors import TransferError, explained

ANALYZE = "ANALYZE"
_DEADLOCK = "40P01"


@dataclass(frozen=True)
class Order:
    """One database to copy. ``definitions`` is where they come from, if not from the source itself (the way back)."""

    datastore: str
    source: Endpoint
    source_database: str
    target: Endpoint
    fresh: str
    run: str
    roles: RolesMap
    jobs: int = 2
    locale: str = ""
    definitions: tuple[Endpoint, str, RolesMap] | None = None


@dataclass
class Copied:
    """What a copy gives: rows and bytes by table, counts of the rest, seconds by stage."""

    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    sequences: int = 0
    large_objects: int = 0
    entries: int = 0
    resumed: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table["rows"] for table in self.tables.values())


class Stream:
    """One copy. ``progress(bytes, whole)`` is called from several threads, now and then."""

    def __init__(self, order: Order, progress: Callable[[int, int], None] = lambda done, whole: None) -> None:
        self.order, self.copied = order, Copied()
        self._progress, self._lock = progress, threading.Lock()
        self._whole = 0

    def run(self) -> Copied:
        """Copies all; the fresh database carries the mark afterwards."""
        order = self.order
        with tempfile.TemporaryDirectory(prefix="cryptobot-") as folder, order.source.cursor() as cursor:
            like = database.find(cursor, order.source_database)
            if like is None:
                raise TransferError(f"{order.source.title} has no database {order.source_database}.")
            reader = sessions.read(order.source, order.source_database, like.encoding)
            try:
                sessions.plain(reader, "source")
                with reader.cursor() as snapshot:
                    snapshot.execute("SELECT pg_catalog.pg_export_snapshot()")
                    name = snapshot.fetchone()[0]
                    self._run(Path(folder) / "definitions", like, reader, name)
            finally:
                reader.close()
        return self.copied

    def _run(self, archive: Path, like: database.Database, reader: Any, snapshot: str) -> None:
        order = self.order
        with self._stage("definitions"):
            origin, name, __ = order.definitions or (order.source, order.source_database, order.roles)
            shown = schema.dump(origin, name, archive, encoding=like.encoding, snapshot="" if order.definitions else snapshot)
            self.copied.entries = len(shown.entries)
            with reader.cursor() as cursor:
                state = books.fingerprint(cursor, shown.digest)
            self._prepare(like, state)
        pairs = self._pairs(like.encoding, snapshot)
        try:
            done = self._begin(pairs[0], shown, state)
            self._fill(pairs, shown, done)
            with self._stage("rest"):
                self._finish(pairs[0], shown, like)
        finally:
            for pair in pairs:
                pair.close()

    def _prepare(self, like: database.Database, state: str) -> None:
        """A fresh database, or the unfinished one of a killed run when the source still is what it was."""
        order = self.order
        with order.target.cursor() as cursor:
            if database.find(cursor, order.fresh):
                database.end_sessions(cursor, order.fresh)
                with order.target.cursor(order.fresh) as inside:
                    same = bool(state) and books.Books(inside).state() == state
                if not same:
                    database.drop(cursor, order.fresh)
            if database.find(cursor, order.fresh) is None:
                with explained(order.target, order.fresh):
                    database.make(cursor, order.fresh, like, order.locale)

    def _pairs(self, encoding: str, snapshot: str) -> list[sessions.Pair]:
        """Made here, before any thread runs: connecting by peer changes the process's user for an instant."""
        order, memory = self.order, sessions.sort_memory(self.order.jobs)
        return [
            sessions.Pair(
                sessions.read(order.source, order.source_database, encoding, snapshot),
                sessions.write(order.target, order.fresh, encoding, memory),
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
                    raise TransferError(f"The books in {self.order.fresh} are not ours. Drop that database, then run again.")
                with self._stage("definitions"):
                    self._define(pair, shown)
                    books.enter(cursor, schema.PRE)
            self.copied.resumed = sum(1 for item in done if item.startswith("copy "))
        return done

    def _define(self, pair: sessions.Pair, shown: schema.Schema) -> None:
        """One by one: thousands of tables in one transaction need more locks than a server has by default."""
        with pair.source.cursor() as source, pair.target.cursor() as cursor:
            spoken = leftovers.languages(source)
            source.execute(tables.EXTENSIONS)
            versions = dict(source.fetchall())
            cursor.execute("SELECT name, version FROM pg_available_extension_versions")
            available = set(cursor.fetchall())
            for entry in shown.of(schema.PRE):
                if entry.kind in schema.GENERATED or not entry.text:
                    continue
                text = entry.text
                if entry.kind == "EXTENSION" and (entry.name, versions.get(entry.name)) in available:
                    text = text.rstrip(b";") + f" VERSION {literal(versions[entry.name])};".encode()
                elif entry.kind == "EXTENSION":
                    self._note(f"The extension {entry.name} is {versions.get(entry.name)} at the source; the target has another version.")
                elif entry.kind == "PROCEDURAL LANGUAGE" and entry.name in spoken:
                    text = spoken[entry.name].encode()
                with explained(self.order.target, self.order.fresh, entry.title):
                    cursor.execute(text)

    def _fill(self, pairs: list[sessions.Pair], shown: schema.Schema, done: Mapping[str, tuple[int, int]]) -> None:
        """Rows, indexes, keys and the rest of the definitions."""
        parts = self._parts(pairs[0])
        phases = schedule.phases(shown.entries)
        whole = shown.entries
        with self._stage("rows and indexes"):
            work = schedule.copies(parts) + schedule.definitions(phases.indexes, whole, parts)
            self._together(pairs, work, done)
        with self._stage("definitions"), pairs[0].source.cursor() as source:
            policies = self._policies(source)
            self._serially(pairs[0], [("policies", policies)] if policies else [], done)
            self._serially(pairs[0], [(schedule.mark(entry), [entry.text]) for entry in phases.quick if entry.text], done)
        with self._stage("foreign keys"):
            self._together(pairs, schedule.definitions(phases.foreign_keys, whole, parts), done)
            self._serially(pairs[0], [(schedule.mark(entry), [entry.text]) for entry in phases.late if entry.text], done)
        with self._stage("statistics"):
            analyzed = [schedule.Work(f"{ANALYZE} {title}", title, weight=size) for title, size in schedule.sizes(parts).items()]
            self._names = {part.table.title: part.table for part in parts}
            self._together(pairs, analyzed, done)

    def _parts(self, pair: sessions.Pair) -> list[tables.Part]:
        with pair.source.cursor() as source, pair.target.cursor() as target:
            target.execute(tables.EXTENSIONS)
            there = dict(target.fetchall())
            same = same_order(source, target)
            found = tables.gather(source, there, same)
        if not same and any(table.into for table in found):
            self._note("Text is ordered otherwise at the target: rows of tables parted by text went to the parts where they belong there.")
        self._whole = sum(table.size for table in found)
        ranges = pair.source.server_version >= tables.FIRST_WITH_RANGES
        for table in found:
            self.copied.tables[table.title] = {"rows": 0, "bytes": 0}
        return [part for table in found for part in tables.parts(table, ranges)]

    def _policies(self, source: Any) -> list[bytes]:
        origin = self.order.definitions
        if not origin:
            return [text.encode() for text in leftovers.policies(source, self.order.roles)]
        with origin[0].cursor(origin[1]) as cursor:
            return [text.encode() for text in leftovers.policies(cursor, origin[2])]

    def _together(self, pairs: list[sessions.Pair], work: list[schedule.Work], done: Mapping[str, tuple[int, int]]) -> None:
        """Runs work on all pairs of sessions."""
        for each in work:
            if each.name in done and isinstance(each.item, tables.Part):
                self._count(each.item, *done[each.name])
        board = schedule.Board(work, set(done))
        schedule.run(board, pairs, self._do, lambda: [pair.cancel() for pair in pairs])

    def _do(self, pair: sessions.Pair, work: schedule.Work) -> None:
        """One part or definition, and its mark, in one transaction of the target."""
        if isinstance(work.item, tables.Part):
            self._copy(pair, work.item)
            return
        with pair.target.cursor() as cursor, explained(self.order.target, self.order.fresh, work.name.partition(" ")[2]):
            text: Any = work.item.text if isinstance(work.item, schema.Entry) else self._analyze(work.item)
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

    def _analyze(self, title: str) -> str:
        table = self._names[title]
        return f"{ANALYZE} {identifier(table.schema)}.{identifier(table.name)}"

    def _copy(self, pair: sessions.Pair, part: tables.Part) -> None:
        sent = 0

        def progress(size: int) -> None:
            nonlocal sent
            sent += size
            with self._lock:
                self.copied.bytes += size
            self._progress(self.copied.bytes, self._whole)

        with pair.target.cursor() as cursor, explained(self.order.target, self.order.fresh, part.table.title, self.order.source):
            cursor.execute("BEGIN")
            encoding = pair.source.info.parameter_status("client_encoding") or "UTF8"
            rows = pipe.copy(pair.source, part.read(), pair.target, part.write(), progress, encoding)
            books.enter(cursor, part.name, rows, sent)
            cursor.execute("COMMIT")
        self._count(part, rows, sent)

    def _count(self, part: tables.Part, rows: int, size: int) -> None:
        with self._lock:
            table = self.copied.tables[part.table.title]
            table["rows"] += rows
            table["bytes"] += size

    def _serially(self, pair: sessions.Pair, items: Sequence[tuple[str, Sequence[bytes]]], done: Mapping[str, tuple[int, int]]) -> None:
        """Quick definitions in their own order, each with its mark."""
        with pair.target.cursor() as cursor:
            for name, texts in items:
                if name in done:
                    continue
                with explained(self.order.target, self.order.fresh, name.partition(" ")[2] or name):
                    cursor.execute("BEGIN")
                    for text in texts:
                        cursor.execute(text)
                    books.enter(cursor, name)
                    cursor.execute("COMMIT")

    def _finish(self, pair: sessions.Pair, shown: schema.Schema, like: database.Database) -> None:
        """Everything that is quick or can't be repeated in parts, in one transaction that also closes the books."""
        order = self.order
        with pair.source.cursor() as source, pair.target.cursor() as target:
            with explained(order.target, order.fresh):
                target.execute("BEGIN")
                target.execute("SET LOCAL synchronous_commit = on")
                states = leftovers.sequence_states(source)
                leftovers.set_sequences(target, states)
                self.copied.sequences = len(states)
                count, __ = leftovers.copy_large_objects(pair.source, pair.target, lambda size: None)
                self.copied.large_objects = count
                self._owned(source, target)
                for title, text in leftovers.refreshes(source):
                    with explained(order.target, order.fresh, f"materialised view {title}"):
                        target.execute(text)
                books.close(target)
                for entry in schedule.phases(shown.entries).last:
                    target.execute(entry.text)
                self._own_triggers(source, target)
                self._properties(target, like)
                database.mark(target, order.fresh, order.run)
                target.execute("COMMIT")

    def _owned(self, source: Any, target: Any) -> None:
        """Owners, rights, user mappings and default rights, under the map."""
        order = self.order
        mapping = order.definitions[2] if order.definitions else order.roles
        if not order.definitions:
            self._rights(source, target, mapping)
            return
        with order.definitions[0].cursor(order.definitions[1]) as origin:
            self._rights(origin, target, mapping)

    def _rights(self, origin: Any, target: Any, mapping: RolesMap) -> None:
        version = target.connection.server_version
        for text in leftovers.user_mappings(origin, mapping):
            target.execute(text)
        wanted = rights.gather(origin, database.BOOKS)
        self._wanted = wanted
        for statement in rights.owners(wanted, rights.gather(target, database.BOOKS), mapping):
            target.execute(statement.text)
        for statement in rights.grants(wanted, rights.gather(target, database.BOOKS), mapping, version):
            self._granted(target, statement)
        for statement in rights.defaults(origin, target, mapping, version):
            target.execute(statement.text)

    @staticmethod
    def _granted(target: Any, statement: rights.Statement) -> None:
        if statement.role:
            target.execute(f"SET LOCAL ROLE {identifier(statement.role)}")
        target.execute(statement.text)
        if statement.role:
            target.execute("RESET ROLE")

    def _own_triggers(self, source: Any, target: Any) -> None:
        """Owners of event triggers, which are made last."""
        mapping = self.order.definitions[2] if self.order.definitions else self.order.roles
        triggers = [each for each in self._wanted if each.type == "event trigger"]
        if triggers:
            for statement in rights.owners(triggers, rights.gather(target, database.BOOKS), mapping):
                target.execute(statement.text)

    def _properties(self, target: Any, like: database.Database) -> None:
        """Owner, rights, settings, comment and limit of the database itself."""
        order = self.order
        name = identifier(order.fresh)
        origin, known, mapping = order.definitions or (order.source, order.source_database, order.roles)
        with origin.cursor() as cursor:
            shown = database.find(cursor, known) or like
            found = database.settings(cursor, known)
            acl = rights.of_database(cursor, known, order.fresh)
        target.execute(f"ALTER DATABASE {name} OWNER TO {identifier(mapping.as_owner(shown.owner))}")
        target.execute(f"ALTER DATABASE {name} CONNECTION LIMIT {shown.connection_limit}")
        if shown.comment:
            target.execute(f"COMMENT ON DATABASE {name} IS {literal(shown.comment)}")
        fresh = rights.of_database(target, order.fresh, order.fresh)
        for statement in rights.grants([acl], [fresh], mapping, target.connection.server_version):
            self._granted(target, statement)
        for role, values in sorted(found.items()):
            for native in mapping.as_grantee(role) if role else ("",):
                for setting, value in sorted(values.items()):
                    who = f"ROLE {identifier(native)} IN DATABASE {name}" if native else f"DATABASE {name}"
                    target.execute(f"ALTER {who} SET {roles.assignment(setting, value, mapping)}")

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
        cursor.execute("SELECT to_jsonb(d) ->> 'datlocprovider', d.datcollate, to_jsonb(d) ->> 'datcollversion', version() FROM pg_database d WHERE datname = current_database()")
        provider, collate, version, name = cursor.fetchone()
        if version is None and collate.partition(".")[0] not in ("C", "POSIX"):
            return False
        found.append((provider or "c", collate, version, "musl" in name))
    return found[0] == found[1]
