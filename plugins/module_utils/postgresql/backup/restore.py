# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases out of an archive, under a fresh name until they are proven, then renamed into their place."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ... import scratch
from ...migration import faults
from ...migration.journal import Journal
from ..compare.session import Side
from ..endpoint import Endpoint, binary, last_words
from ..fence import travel
from ..quoting import identifier
from . import save
from .save import BackupError

RESTORING = "__restoring"
REPLACED = "__replaced"
TOLERATED = ("transaction_timeout",)
"""Settings that newer programs set and older servers do not know."""
PROPERTY = re.compile(r"^\d+; \d+ \d+ (?:DATABASE PROPERTIES -|(?:ACL|COMMENT|SECURITY LABEL) - DATABASE) ", re.ASCII)


class Restorer:
    """Restores databases of an archive into a server; each is a journaled step."""

    def __init__(self, server: Endpoint, archive: Path, journal: Journal, run: str, jobs: int) -> None:
        self._server, self._archive, self._journal, self._run, self._jobs = server, archive, journal, run, jobs

    def restore(self, databases: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """``databases``: ``datastore`` and ``source``. What was there is kept as ``<name>__replaced``."""
        manifest = save.read(self._archive)
        save.readable(self._archive, manifest)
        wanted = [each for each in databases if each["source"] in manifest["databases"]]
        self._roles()
        return {each["source"]: self._database(each, manifest["databases"][each["source"]]) for each in wanted}

    def _database(self, wanted: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        name, step_name = wanted["source"], f"restore:postgresql:{wanted['datastore']}"
        inputs = {"database": name, "archive": str(self._archive)}
        if (done := self._journal.done(self._run, step_name, inputs)) is not None:
            return dict(done)
        with self._journal.step(self._run, step_name, inputs) as step:
            proven = (step.resumed or {}).get("proven") and (self._there(f"{name}{RESTORING}") or self._there(name))
            if not proven:
                self._load(name, known)
                self._prove(name, known)
                step.progress({"proven": True})
            self._rename(name, known)
            step.evidence = {"tables": len(known["tables"]), "rows": sum(each[0] for each in known["tables"].values())}
            return dict(step.evidence)

    def _load(self, name: str, known: Mapping[str, Any]) -> None:
        fresh, properties = f"{name}{RESTORING}", known["properties"]
        with self._server.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {identifier(fresh)} WITH (FORCE)")
            cursor.execute(
                f"CREATE DATABASE {identifier(fresh)} TEMPLATE template0 OWNER {identifier(properties['owner'])} "
                f"ENCODING %s LC_COLLATE %s LC_CTYPE %s",
                (properties["encoding"], properties["collate"], properties["ctype"]),
            )
        faults.point(f"restore:{name}")
        with self._server.client() as client, tempfile.NamedTemporaryFile("w", prefix="cryptobot-") as entries:
            entries.write(self._without_fence(name))
            entries.flush()
            os.chmod(entries.name, 0o644)
            words = [f"-j{self._jobs}", f"--use-list={entries.name}", f"--dbname={fresh}", str(self._archive / name)]
            done = subprocess.run(
                [binary("pg_restore"), *words], stdin=subprocess.DEVNULL, capture_output=True, check=False, **client
            )
        if wrong := complaints(done.stderr.decode(errors="replace")) or (
            ["it ended early"] if done.returncode > 1 else []
        ):
            raise BackupError(f"The database {name} was not restored: {wrong[0]} The one that is there is as it was.")

    def _without_fence(self, name: str) -> str:
        """The archive's list: a backup of a closed database would be one that nobody can write to."""
        lines = self._pg_restore(["--list", str(self._archive / name)]).decode(errors="surrogateescape").splitlines()
        stays = travel.left_out(lines)
        kept = [line for line in lines if not (line.partition(";")[0].isdigit() and int(line.partition(";")[0]) in stays)]
        return "\n".join(kept) + "\n"

    def _prove(self, name: str, known: Mapping[str, Any]) -> None:
        side = Side(self._server, f"{name}{RESTORING}", "target")
        try:
            side.begin()
            found = save.digests_of(side)
        finally:
            side.close()
        wanted = {table: list(each) for table, each in known["tables"].items()}
        wrong = sorted(table for table in wanted.keys() | found.keys() if wanted.get(table) != found.get(table))
        if wrong:
            raise BackupError(
                f"What was restored of the database {name} is not what was saved: {', '.join(wrong[:5])} differ. "
                f"The one that is there is as it was."
            )

    def _rename(self, name: str, known: Mapping[str, Any]) -> None:
        fresh, old = f"{name}{RESTORING}", f"{name}{REPLACED}"
        if self._there(fresh):
            with self._server.cursor() as cursor:
                if self._there(name):
                    cursor.execute(f"DROP DATABASE IF EXISTS {identifier(old)} WITH (FORCE)")
                    end_sessions(cursor, name)
                    faults.point(f"rename:restore-{name}")
                    cursor.execute(f"ALTER DATABASE {identifier(name)} RENAME TO {identifier(old)}")
                end_sessions(cursor, fresh)
                faults.point(f"rename:restored-{name}")
                cursor.execute(f"ALTER DATABASE {identifier(fresh)} RENAME TO {identifier(name)}")
        self._properties(name)

    def _properties(self, name: str) -> None:
        """Privileges, settings and comment of the database itself, which a dump keeps apart."""
        listed = (
            self._pg_restore(["--create", "--list", str(self._archive / name)]).decode(errors="replace").splitlines()
        )
        lines = [line for line in listed if PROPERTY.match(line)]
        if not lines:
            return
        with scratch.folder() as folder:
            chosen, script = folder / "list", folder / "properties.sql"
            chosen.write_text("\n".join(lines) + "\n", encoding="utf-8")
            script.write_bytes(
                self._pg_restore(["--create", f"--use-list={chosen}", "--file=-", str(self._archive / name)])
            )
            self._psql(script, name)

    def _roles(self) -> None:
        """Roles that are missing are made; those that are there get what they had."""
        self._psql(self._archive / save.ROLES, "postgres")

    def _psql(self, script: Path, database: str) -> None:
        with self._server.client() as client:
            done = subprocess.run(
                [binary("psql"), "-Xq", f"--file={script}", f"--dbname={database}"],
                stdin=subprocess.DEVNULL, capture_output=True, check=False, **client,
            )  # fmt: skip
        wrong = [line for line in complaints(done.stderr.decode(errors="replace")) if "already exists" not in line]
        if wrong:
            raise BackupError(f"{script.name} was not restored: {wrong[0]}")

    def _pg_restore(self, words: list[str]) -> bytes:
        done = subprocess.run([binary("pg_restore"), *words], capture_output=True, check=False)
        if done.returncode != 0:
            raise BackupError(f"pg_restore cannot read {self._archive}: {last_words(done.stderr)}")
        return done.stdout

    def _there(self, database: str) -> bool:
        with self._server.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
            return cursor.fetchone() is not None


def complaints(said: str) -> list[str]:
    """Errors in what a program said, without those that mean nothing."""
    errors = [line for line in said.splitlines() if re.search(r"\b(error|ERROR|FATAL|fatal):", line)]
    return [line for line in errors if not any(f'"{name}"' in line for name in TOLERATED)]


def end_sessions(cursor: Any, database: str) -> None:
    """A database can be renamed only when nobody is in it."""
    cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (database,))
