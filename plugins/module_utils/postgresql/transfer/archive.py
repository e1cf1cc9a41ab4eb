# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The other way to copy a database: pg_dump into a folder by several jobs, without gzip, and pg_restore out of it.

For sources that the fast way can't use. What pg_restore would do wrong under the map of roles (owners, rights, policies,
event triggers) is left out of its list and done as in the fast way.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...migration.journal import write_whole
from ..endpoint import binary, last_words
from . import books, database, leftovers, schedule, schema, sessions, tables
from .errors import DISK_FULL, TransferError, explained
from .finish import Finish
from .order import Copied, Order
from .stream import same_order

FOLDER = "dumps"
WHOLE = "whole.json"
LIST = "restore.list"
_LEFT_OUT = frozenset({"MATERIALIZED VIEW DATA", "SUBSCRIPTION", "ACL", "DEFAULT ACL"})
_LINE = re.compile(r"^(\d+); \d+ \d+ (.*)$")


class Archive:
    """One copy by way of a dump below ``directory``. ``progress(bytes, whole)`` while the dump grows."""

    def __init__(
        self, order: Order, directory: Path, progress: Callable[[int, int], None] = lambda done, whole: None
    ) -> None:
        self._order, self._progress = order, progress
        self._folder = directory / FOLDER / order.run / order.datastore
        self.copied = Copied()

    def run(self) -> Copied:
        """Dumps (or takes the whole dump of a killed run), restores, and removes the dump."""
        order = self._order
        with order.source.cursor() as cursor:
            like = database.find(cursor, order.source_database)
        if like is None:
            raise TransferError(f"{order.source.title} has no database {order.source_database}.")
        reader = sessions.read(order.source, order.source_database, like.encoding)
        try:
            self._dump(reader, like)
            shown = schema.read(self._folder)
            self.copied.entries = len(shown.entries)
            self._restore(reader, shown, like)
        finally:
            reader.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        return self.copied

    def _dump(self, reader: Any, like: database.Database) -> None:
        with reader.cursor() as cursor:
            state = books.fingerprint(cursor, "")
            cursor.execute("SELECT pg_catalog.pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
        if state and problems(self._folder, state) == []:
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        began = time.monotonic()
        order = self._order
        words = [
            "--format=directory",
            f"--jobs={order.jobs}",
            "--compress=0",
            "--no-subscriptions",
            f"--snapshot={snapshot}",
            *self._through_roots(reader, like),
        ]
        words += [f"--file={self._folder}", f"--dbname={schema.connection_to(order.source_database)}"]
        with order.source.client() as client:
            self._watched("pg_dump", words, client, lambda: self._progress(_size(self._folder), like.size))
        files = {path.name: path.stat().st_size for path in self._folder.iterdir()}
        self.copied.bytes = sum(files.values())
        write_whole(self._folder / WHOLE, json.dumps({"state": state, "files": files}))
        self.copied.seconds["dump"] = round(time.monotonic() - began, 3)

    def _through_roots(self, reader: Any, like: database.Database) -> list[str]:
        """Where rows may belong to another partition at the target, they are led through the root of their tree."""
        with reader.cursor() as source, self._order.target.cursor() as target:
            same = self._order.locale in ("", like.collate) and same_order(source, target)
            found = tables.gather(source, {}, same)
        return ["--load-via-partition-root"] if any(table.into for table in found) else []

    def _restore(self, reader: Any, shown: schema.Schema, like: database.Database) -> None:
        order, began = self._order, time.monotonic()
        with order.target.cursor() as cursor:
            database.drop(cursor, order.fresh)
            with explained(order.target, order.fresh):
                database.make(cursor, order.fresh, like, order.locale)
        pair = sessions.Pair(reader, sessions.write(order.target, order.fresh, like.encoding))
        try:
            with pair.target.cursor() as target, reader.cursor() as source:
                books.Books(target).open("archive")
                own = self._languages(source, target, shown)
                self._list(shown, own)
                self._run_restore(sessions.sort_memory(order.jobs))
                self.copied.seconds["restore"] = round(time.monotonic() - began, 3)
                for text in leftovers.policies(source, order.roles):
                    target.execute(text)
                for entry in shown.of(schema.POST):
                    if entry.kind == "COMMENT" and entry.name.startswith("POLICY "):
                        target.execute(entry.text)
            Finish(order, reader, pair, self.copied, large_objects=False).run(schedule.phases(shown.entries).last)
        finally:
            pair.target.close()

    @staticmethod
    def _languages(source: Any, target: Any, shown: schema.Schema) -> set[int]:
        """Makes the languages whose handler is the system's, which pg_dump forgets; numbers of their entries."""
        spoken, made = leftovers.languages(source), set()
        for entry in shown.of(schema.PRE):
            if entry.kind == "PROCEDURAL LANGUAGE" and b"HANDLER" not in entry.text and entry.name in spoken:
                target.execute(spoken[entry.name])
                made.add(entry.number)
        return made

    def _list(self, shown: schema.Schema, own: set[int]) -> None:
        """pg_restore's list without what is done otherwise."""
        left_out = own | schema.fences(self._folder) | {
            entry.number
            for entry in shown.entries
            if entry.kind in schema.GENERATED
            or entry.on_event_trigger
            or (entry.kind == "COMMENT" and entry.name.startswith(("POLICY ", "USER MAPPING ")))
        }
        done = subprocess.run([binary("pg_restore"), "--list", str(self._folder)], capture_output=True, check=True)
        kept = []
        for line in done.stdout.decode(errors="surrogateescape").splitlines():
            found = _LINE.match(line)
            if (
                found
                and int(found[1]) not in left_out
                and not found[2].startswith(tuple(f"{kind} " for kind in _LEFT_OUT))
            ):
                kept.append(line)
        (self._folder / LIST).write_text("\n".join(kept) + "\n", encoding="utf-8", errors="surrogateescape")

    def _run_restore(self, memory: int) -> None:
        """By peer authentication pg_restore runs as another user, who can't walk to the folder: it gets a descriptor of it."""
        order = self._order
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            place = f"/proc/self/fd/{descriptor}"
            words = [f"--jobs={order.jobs}", "--exit-on-error", *schema.OPTIONS, f"--use-list={place}/{LIST}"]
            words += [f"--dbname={schema.connection_to(order.fresh)}", place]
            with order.target.client() as client:
                client["env"]["PGOPTIONS"] = f"-c synchronous_commit=off -c maintenance_work_mem={memory // 1024}kB"
                _give(self._folder, client.get("user"), client.get("group"))
                self._watched("pg_restore", words, {**client, "pass_fds": (descriptor,)}, lambda: None)
        finally:
            os.close(descriptor)

    def _watched(self, program: str, words: list[str], client: Mapping[str, Any], look: Callable[[], None]) -> None:
        keywords = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **client}
        with subprocess.Popen([binary(program), *words], **keywords) as process:
            try:
                while True:
                    try:
                        said = process.communicate(timeout=0.25)[1]
                        break
                    except subprocess.TimeoutExpired:
                        look()
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            text = last_words(said, 6)
            full = "No space left on device" in text
            raise TransferError(
                f"{program} failed with {self._order.source_database}: {text} What there is of the copy is not taken for whole.",
                DISK_FULL if full else "",
            )


def problems(folder: Path, state: str) -> list[str]:
    """What keeps a dump from being taken for whole and for that of the source as it is now."""
    try:
        found = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ["it was not finished"]
    wrong = [] if found["state"] == state else ["the source has been written to since"]
    for name, size in found["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            wrong.append(f"{name} is missing or cut off")
    return wrong


def forget(directory: Path, run: str) -> None:
    """Removes the dumps of a run."""
    shutil.rmtree(directory / FOLDER / run, ignore_errors=True)


def _give(folder: Path, user: int | None, group: int | None) -> None:
    if user is None or group is None:
        return
    for path in (folder, *folder.iterdir()):
        os.chown(path, user, group)
    os.chmod(folder, stat.S_IRWXU)


def _size(folder: Path) -> int:
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except OSError:
        return 0
