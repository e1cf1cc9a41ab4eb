# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a transfer with their journal: roles, copies into fresh databases, renames, and clearing up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...migration import faults
from ...migration.journal import Journal, Step
from ..endpoint import Endpoint, EndpointError
from ..roles_map import RolesMap, inverse, roles_map, unmapped
from . import archive, database, guard, roles, stream
from .errors import DISK_FULL, TransferError, explained
from .order import Definitions, Order

STREAM, ARCHIVE = "stream", "archive"
PROGRESS_SECONDS = 2.0
MOST_JOBS = 4
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Wish:
    """One database as the module's options name it."""

    datastore: str
    source: str
    target: str
    owner: str
    roles: Mapping[str, Any] = field(default_factory=dict)
    access: Mapping[str, str] = field(default_factory=dict)
    way: str = STREAM
    locale: str = ""

    @property
    def fresh(self) -> str:
        return database.incoming(self.target)


@dataclass
class Transfer:
    """All databases of one call. ``back`` is the way back: from the native server into the Compose project's own schema; ``replace`` keeps what
    is in place under another name instead of refusing it. ``snapshots``: by datastore, one that is exported already, on which to copy."""

    journal: Journal
    run: str
    source: Endpoint
    target: Endpoint
    wishes: Sequence[Wish]
    jobs: int = 0
    back: bool = False
    replace: bool = False
    snapshots: Mapping[str, str] = field(default_factory=dict)
    roles_made: list[str] = field(default_factory=list)

    def copied(self) -> tuple[bool, dict[str, Any]]:
        """Copies what is not copied yet; whether anything was done, and the evidence by datastore."""
        found: dict[str, Any] = {}
        maps = self._maps()
        left = []
        for wish in self.wishes:
            known = self.journal.done(self.run, self._step(wish), self._inputs(wish, maps[wish.datastore]))
            if known is not None and self._stands(wish, known):
                found[wish.datastore] = dict(known)
            else:
                left.append(wish)
        # All are looked at before anything is changed.
        for wish in left:
            guard.check(self.source, self.target, wish, maps[wish.datastore], self.back, self.replace)
        if left and not self.back:
            self.roles_made = self._roles(list(maps.values()))
        for wish in left:
            with self.journal.step(self.run, self._step(wish), self._inputs(wish, maps[wish.datastore])) as step:
                step.evidence = self._copy(wish, maps[wish.datastore], step)
                found[wish.datastore] = dict(step.evidence)
        return bool(left), found

    def active(self) -> tuple[bool, dict[str, Any]]:
        """Renames the whole copies into place. What a run renamed before it was cut off counts as done."""
        found, changed = {}, False
        for wish in self.wishes:
            inputs = {"server": self.target.title, "fresh": wish.fresh, "target": wish.target}
            name = f"activate:postgresql:{wish.datastore}"
            with self.target.cursor() as cursor:
                fresh, there = database.find(cursor, wish.fresh), database.find(cursor, wish.target)
                whole = database.marked(cursor, wish.fresh) if fresh else ""
            if fresh is None:
                found[wish.datastore] = self._active_already(wish, there, inputs, name)
                continue
            if whole != self.run:
                raise TransferError(
                    f"{wish.fresh} is no whole copy of this run ({whole or 'it was never finished'}). Run the copy again (state: copied)."
                )
            with self.journal.step(self.run, name, inputs) as step:
                step.evidence = self._activate(wish, fresh, there)
                found[wish.datastore] = dict(step.evidence)
            changed = True
        return changed, found

    def absent(self) -> tuple[bool, dict[str, Any]]:
        """Removes unfinished and unused copies."""
        gone = []
        with self.target.cursor() as cursor:
            for wish in self.wishes:
                if database.drop(cursor, wish.fresh):
                    gone.append(wish.fresh)
        archive.forget(self.journal.directory, self.run)
        return bool(gone), {"removed": gone}

    # Copies

    def _copy(self, wish: Wish, mapping: RolesMap, step: Step) -> dict[str, Any]:
        began = time.monotonic()
        order = self._order(wish, mapping)
        try:
            if wish.way == ARCHIVE:
                copied = archive.Archive(order, self.journal.directory, self._progress(step, wish)).run()
            else:
                copied = stream.Stream(order, self._progress(step, wish)).run()
        except TransferError as error:
            if error.code == DISK_FULL:
                raise TransferError(f"{error} {self._make_room(wish)}", error.code) from None
            raise
        with self.target.cursor() as cursor:
            made = database.find(cursor, wish.fresh)
            version = cursor.connection.server_version
        with self.source.cursor() as cursor:
            versions = {"source": cursor.connection.server_version, "target": version}
        return {
            "rows": copied.rows,
            "bytes": copied.bytes,
            "tables": copied.tables,
            "sequences": copied.sequences,
            "large_objects": copied.large_objects,
            "definitions": copied.entries,
            "parts_from_before": copied.resumed,
            "seconds": round(time.monotonic() - began, 3),
            "stages": copied.seconds,
            "notes": copied.notes,
            "way": wish.way,
            "versions": versions,
            "database": made.oid if made else 0,
            "map": {
                "owner": mapping.owner,
                "roles": {role: list(native) for role, native in sorted(mapping.logins.items())},
            },
        }

    def _order(self, wish: Wish, mapping: RolesMap) -> Order:
        definitions = None
        if self.back:
            definitions = Definitions(self.target, wish.target, unmapped(mapping.administrator))
        return Order(
            wish.datastore,
            self.source,
            wish.source,
            self.target,
            wish.fresh,
            self.run,
            mapping,
            self._lines(),
            wish.locale,
            definitions,
            self.snapshots.get(wish.datastore, ""),
        )

    def _lines(self) -> int:
        return self.jobs or max(2, min(MOST_JOBS, os.cpu_count() or 2))

    def _progress(self, step: Step, wish: Wish) -> Any:
        """Records bytes now and then, and passes the points at which a test may end the process."""
        lock, shares, last = threading.Lock(), [], [time.monotonic()]

        def progress(done: int, whole: int) -> None:
            with lock:
                if not shares:
                    shares.append(faults.Shares(step.name, whole))
                shares[0].reached(done)
                if time.monotonic() - last[0] > PROGRESS_SECONDS:
                    last[0] = time.monotonic()
                    step.progress({"bytes": done, "of": whole})

        return progress

    def _make_room(self, wish: Wish) -> str:
        """A half copy must not keep the disk full for what else runs there. A server whose log found no room restarts first."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with self.target.cursor() as cursor:
                    database.drop(cursor, wish.fresh)
                archive.forget(self.journal.directory, self.run)
                return "The unfinished copy was removed."
            except EndpointError as refused:
                if time.monotonic() > until:
                    return f"The unfinished copy {wish.fresh} is still there, for the server does not answer: {refused}"
            time.sleep(1)

    def _stands(self, wish: Wish, evidence: Mapping[str, Any]) -> bool:
        """Whether what the journal calls copied is still there, fresh or in place already."""
        with self.target.cursor() as cursor:
            fresh, there = database.find(cursor, wish.fresh), database.find(cursor, wish.target)
            if fresh and fresh.oid == evidence["database"]:
                return database.marked(cursor, wish.fresh) == self.run
            return there is not None and there.oid == evidence["database"]

    # Renames

    def _activate(self, wish: Wish, fresh: database.Database, there: database.Database | None) -> dict[str, Any]:
        keep = ""
        if there is not None and (self.back or (self.replace and database.contents(self.target, wish.target))):
            keep = database.kept(wish.target, self.run)
        elif there is not None:
            guard.refuse_contents(self.target, wish.target)
        faults.point(f"rename:{wish.target}")
        with explained(self.target, wish.fresh):
            if there is not None and not keep:
                with self.target.cursor() as cursor:
                    database.drop(cursor, wish.target)
            database.put_into_place(self.target, wish.fresh, wish.target, keep)
        faults.point(f"renamed:{wish.target}")
        database.analyze(self.target, wish.target, self._lines())
        return {"database": fresh.oid, "kept": keep}

    def _active_already(self, wish: Wish, there: Any, inputs: Mapping[str, Any], name: str) -> dict[str, Any]:
        if there is None:
            raise TransferError(
                f"{self.target.title} has neither {wish.fresh} nor {wish.target}. Run the copy first (state: copied)."
            )
        known = self.journal.done(self.run, name, inputs)
        oids = {line["evidence"].get("database") for line in self._copies(wish)}
        if there.oid not in oids:
            raise TransferError(
                f"{wish.target} on {self.target.title} is not the copy of this run, and {wish.fresh} is not there. Run the copy again "
                "(state: copied)."
            )
        if known is None:
            with self.journal.step(self.run, name, inputs) as step, self.target.cursor() as cursor:
                keep = database.kept(wish.target, self.run)
                database.analyze(self.target, wish.target, self._lines())
                step.evidence = {"database": there.oid, "kept": keep if database.find(cursor, keep) else ""}
                known = step.evidence
        return dict(known)

    def _copies(self, wish: Wish) -> list[dict[str, Any]]:
        lines = [line for line in self.journal.lines() if line["run"] == self.run and line["step"] == self._step(wish)]
        return [{**line, "evidence": self.journal.evidence(line)} for line in lines if line["phase"] == "done"]

    # Roles and names

    def _maps(self) -> dict[str, RolesMap]:
        found = {}
        with self.source.cursor() as source, self.target.cursor() as target:
            supers = []
            for cursor in (source, target):
                cursor.execute(roles.SUPERUSER)
                supers.append(cursor.fetchone()[0])
            if self.back:
                supers.reverse()
            for wish in self.wishes:
                docker, name = (target, wish.target) if self.back else (source, wish.source)
                known = database.find(docker, name)
                if known is None:
                    server = self.target if self.back else self.source
                    raise TransferError(
                        f"{server.title} has no database {name}. Check docker.database of the datastore {wish.datastore}."
                    )
                forward = roles_map(wish.owner, wish.roles, wish.access, known.owner, supers[0])
                forward = RolesMap(forward.owner, forward.logins, forward.superuser, supers[1])
                found[wish.datastore] = inverse(forward, known.owner) if self.back else forward
        return found

    def _roles(self, maps: list[RolesMap]) -> list[str]:
        """Carries the roles that the catalogue does not know; titles of what was made."""
        with self.source.cursor() as source:
            wanted = roles.gather(source)
        made = []
        with self.target.cursor() as target:
            guard.owners_exist(target, maps, self.target)
            for change in roles.plan(wanted, roles.gather(target), maps):
                with explained(self.target, "roles", change.title):
                    target.execute(change.text)
                made.append(change.title)
        return made

    def _inputs(self, wish: Wish, mapping: RolesMap) -> dict[str, Any]:
        return {
            "source": [self.source.title, wish.source],
            "target": [self.target.title, wish.target],
            "roles": mapping.described(),
            "way": wish.way,
            "locale": wish.locale,
        }

    def _step(self, wish: Wish) -> str:
        return f"{'carry' if self.back else 'copy'}:postgresql:{wish.datastore}"


def wish(options: Mapping[str, Any]) -> Wish:
    """One of the module's databases."""
    given = {
        name: options.get(name)
        for name in ("datastore", "source", "target", "owner", "roles", "access", "way", "locale")
    }
    return Wish(**{name: value for name, value in given.items() if value is not None})
