# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of a server into an archive, and back.

An archive is whole when ``manifest.json``, which is written last, is there and every file has the digest that stands in
it. The manifest also says what was in each table, by a scan of the same snapshot that was dumped: a restore is proven
against that, and not by an exit code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...migration import faults
from ...migration.journal import Journal, now, sync_folder, write_whole
from ..compare import rows, tables
from ..compare.session import Side
from ..endpoint import Endpoint, EndpointError, binary, binary_version, last_words
from ..fence import travel
from . import contents

MANIFEST = "manifest.json"
ROLES = "roles.sql"
DUMP_COMPRESSION = ("-Z", "1")
"""gzip's least: large backups at a third of their size for little time."""

PROPERTIES = """
SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), pg_database_size(datname)
FROM pg_database WHERE datname = %s"""


class BackupError(RuntimeError):
    """A sentence for the operator."""


class Saver:
    """Saves databases of a server below ``archive``; each is a journaled step, and what is whole is not saved again."""

    def __init__(self, server: Endpoint, archive: Path, journal: Journal, run: str, jobs: int) -> None:
        self._server, self._archive, self._journal, self._run, self._jobs = server, archive, journal, run, jobs

    def save(self, databases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """``databases``: ``datastore`` and ``source``. Returns the manifest."""
        self._archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._archive / MANIFEST).unlink(missing_ok=True)
        manifest: dict[str, Any] = {"version": 1, "kind": "postgresql", "at": now(), "server": self._properties()}
        manifest["databases"] = {each["source"]: self._database(each) for each in databases}
        manifest["roles"] = self._roles()
        faults.point("rename:backup-manifest")
        write_whole(self._archive / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        return manifest

    def _properties(self) -> dict[str, Any]:
        with self._server.cursor() as cursor:
            cursor.execute("SELECT version(), current_setting('server_version_num')::int / 10000")
            version, major = cursor.fetchone()
        if major > binary_version():
            raise BackupError(
                f"{self._server.title} is PostgreSQL {major}, and the newest pg_dump of this host is {binary_version()}, "
                f"which cannot read it. Install postgresql-client-{major}, then run again. Nothing was saved."
            )
        return {"version": version, "major": major, "pg_dump": binary_version()}

    def _database(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        name, target = wanted["source"], self._archive / wanted["source"]
        step_name, inputs = f"backup:postgresql:{wanted['datastore']}", {"database": name, "archive": str(target)}
        done = self._journal.done(self._run, step_name, inputs)
        if done and contents.problems(target, done["files"]) == []:
            return dict(done)
        with self._journal.step(self._run, step_name, inputs) as step:
            step.evidence = self._dumped(name, target, step_name)
            return dict(step.evidence)

    def _dumped(self, name: str, target: Path, step: str) -> dict[str, Any]:
        for path in (target, unfinished := target.with_name(f"{target.name}.new")):
            shutil.rmtree(path, ignore_errors=True)
        with self._server.cursor() as cursor:
            cursor.execute(PROPERTIES, (name,))
            found = cursor.fetchone()
        if not found:
            raise BackupError(f"{self._server.title} has no database {name}. Check the catalogue's docker.database.")
        side = Side(self._server, name, "source")
        try:
            side.begin()
            with ThreadPoolExecutor(1) as pool:
                shares = faults.Shares(step, max(1, found[4] // 3))
                digests = pool.submit(digests_of, side)
                self._dump(name, unfinished, side.snapshot, shares)
                known = digests.result()
        finally:
            side.close()
        files = contents.describe(unfinished)
        sync_folder(unfinished)
        faults.point(f"rename:backup-{name}")
        os.replace(unfinished, target)
        sync_folder(target.parent)
        keys = ("encoding", "collate", "ctype", "owner")
        return {
            "files": files,
            "bytes": sum(each["bytes"] for each in files.values()),
            "tables": known,
            "properties": dict(zip(keys, found, strict=False)),
        }

    def _dump(self, name: str, target: Path, snapshot: str, shares: faults.Shares) -> None:
        words = ["-Fd", f"-j{self._jobs}", *DUMP_COMPRESSION, f"--snapshot={snapshot}", f"--file={target}", name]
        everything = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        with (
            self._server.client() as client,
            subprocess.Popen([binary("pg_dump"), *words], **everything, **client) as process,
        ):
            said = self._watched(process, target, shares)
        if process.returncode != 0:
            shutil.rmtree(target, ignore_errors=True)
            raise BackupError(f"The database {name} was not saved: {last_words(said)} No archive of it was left.")

    @staticmethod
    def _watched(process: subprocess.Popen[bytes], target: Path, shares: faults.Shares) -> bytes:
        """What the program said, with its share of the work looked at meanwhile."""
        try:
            while True:
                try:
                    return process.communicate(timeout=0.25)[1]
                except subprocess.TimeoutExpired:
                    shares.reached(contents.size(target))
        except BaseException:
            process.kill()
            raise

    def _roles(self) -> dict[str, Any]:
        done = self._server.run("pg_dumpall", ["--roles-only"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        write_whole(self._archive / ROLES, travel.roles_of_others(done.stdout).decode())
        return contents.describe_file(self._archive / ROLES)


def digests_of(side: Side) -> dict[str, list[Any]]:
    """By table, how many rows there are and the sum of their hashes, at the instant of this side."""
    result = {}
    casts = frozenset(name for (name,) in side.query(tables.OWN_CASTS))
    with side.session() as session:
        for name, table in sorted(tables.tables(side).items()):
            if table.kind == "r":
                encodings = (side.encoding, side.encoding)
                scanned = rows.scan(
                    session, tables.plan(table, table, (side.major, side.major), encodings, casts, lambda __: None)
                )
                result[name] = [sum(count for count, __ in scanned.values()), rows.total(scanned)]
    return result


def read(archive: Path) -> dict[str, Any]:
    """The manifest of a whole archive; :class:`BackupError` where it is empty, cut off, changed or cannot be read."""
    try:
        manifest = json.loads((archive / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackupError(
            f"{archive} is no whole archive: {MANIFEST}, which is written last, is missing. It was not finished; "
            f"take another backup."
        ) from None
    except ValueError:
        raise BackupError(f"{archive / MANIFEST} cannot be read. The archive is damaged; take another one.") from None
    if not manifest.get("databases"):
        raise BackupError(f"{archive} holds no database. Take another backup.")
    problems = [
        f"{name}/{problem}"
        for name, each in manifest["databases"].items()
        for problem in contents.problems(archive / name, each["files"])
    ]
    problems += contents.problems(archive, {ROLES: manifest["roles"]}, others=True)
    if problems:
        raise BackupError(
            f"The archive {archive} is damaged: {'; '.join(problems[:5])}{', …' if len(problems) > 5 else ''}. "
            f"Nothing was restored; take another backup."
        )
    return dict(manifest)


def readable(archive: Path, manifest: Mapping[str, Any]) -> None:
    """Whether the programs of this host read every database's table of contents."""
    if int(manifest["server"]["pg_dump"]) > binary_version("pg_restore"):
        raise BackupError(
            f"{archive} was written by pg_dump {manifest['server']['pg_dump']}, and pg_restore of this host is "
            f"{binary_version('pg_restore')}, which cannot read it. Install postgresql-client-"
            f"{manifest['server']['pg_dump']}."
        )
    for name in manifest["databases"]:
        done = subprocess.run([binary("pg_restore"), "--list", str(archive / name)], capture_output=True, check=False)
        if done.returncode != 0:
            raise BackupError(f"pg_restore cannot read {archive / name}: {last_words(done.stderr)}")


@contextmanager
def sentences() -> Iterator[None]:
    """What the operating system refuses, as a sentence."""
    try:
        yield
    except EndpointError as error:
        raise BackupError(f"{error} Nothing that looks like a backup was left.") from None
    except OSError as error:
        raise BackupError(f"The archive cannot be written or read: {error}. It does not count as a backup.") from None
