# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of this host as a release sees them: their revisions, their schema as text, and the lock of a migration.

PostgreSQL is asked by its own programs as its own superuser, so no driver is needed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .errors import ReleaseError

SOCKET = "/run/postgresql"
PORT = 5432
LOCK = 4_276_215_909
"""Key of the advisory lock in each database; the same for every controller."""
TABLE = "alembic_version"
TABLES = f"""
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relname ~ '^{TABLE}'"""
SECONDS = 60


class Database(Protocol):
    """A datastore with a schema."""

    name: str

    def versions(self, identifier: str) -> tuple[str, ...]:
        """The revisions that it notes for a service; none where it was never migrated."""

    def schema(self) -> list[str]:
        """Its schema, the same text for the same schema."""

    def locked(self) -> contextlib.AbstractContextManager[None]:
        """Nobody else migrates it meanwhile."""


@dataclass(frozen=True)
class Postgresql:
    """A database of this host's server."""

    name: str
    database: str
    port: int = PORT

    def versions(self, identifier: str) -> tuple[str, ...]:
        tables = [line.split("|", 1) for line in self._ask(TABLES)]
        for wanted in _tables(identifier):
            for schema, table in tables:
                if table == wanted:
                    return tuple(self._ask(f'SELECT version_num FROM "{schema}"."{table}" ORDER BY 1'))
        return ()

    def schema(self) -> list[str]:
        argv = self._argv("pg_dump", "--schema-only", "-d", self.database)
        # Newer servers guard a dump by words that are drawn anew each time.
        return [line for line in self._run(argv).splitlines() if line.strip() and not line.startswith(("--", "\\"))]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        session = subprocess.Popen(
            self._argv("psql", "-XAtq", "-d", self.database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
        )
        try:
            if session.stdin is None or session.stdout is None:
                raise ReleaseError(f"{self.name}: no session for its lock.")
            session.stdin.write(f"SET idle_session_timeout = 0; SELECT pg_try_advisory_lock({LOCK});\n")
            session.stdin.flush()
            said = session.stdout.readline().strip()
            if said == "f":
                raise ReleaseError(
                    f"{self.name}: another run migrates this database now (its advisory lock {LOCK} is held). "
                    "Wait for it, and run again."
                )
            if said != "t":
                raise ReleaseError(
                    f"{self.name}: PostgreSQL at port {self.port} gave no lock. Start it: systemctl start postgresql; then run again."
                )
            yield
        finally:
            session.communicate()

    def _argv(self, program: str, *words: str) -> list[str]:
        return ["runuser", "-u", "postgres", "--", program, "-h", SOCKET, "-p", str(self.port), *words]

    def _ask(self, query: str) -> list[str]:
        said = self._run(self._argv("psql", "-XAtq", "-d", self.database, "-c", query))
        return [line for line in said.splitlines() if line]

    def _run(self, argv: list[str]) -> str:
        try:
            done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False, cwd="/")
        except subprocess.TimeoutExpired:
            raise ReleaseError(f"{self.name}: {argv[4]} did not answer within {SECONDS} s. Run again.") from None
        except OSError as error:
            raise ReleaseError(f"{self.name}: {argv[4]} cannot be run: {error.strerror}.") from None
        if done.returncode:
            raise ReleaseError(f"{self.name}: {argv[4]} says: {' '.join(done.stderr.split())}")
        return done.stdout


@dataclass(frozen=True)
class Sqlite:
    """A file of this host. What writes it is a unit of this host, of which one runs at a time: no lock is needed."""

    name: str
    file: str

    def versions(self, identifier: str) -> tuple[str, ...]:
        for table in _tables(identifier):
            if self._ask("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", table):
                return tuple(self._ask(f'SELECT version_num FROM "{table}" ORDER BY 1'))
        return ()

    def schema(self) -> list[str]:
        said = self._ask("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name")
        return [line for text in said for line in text.splitlines() if line.strip()]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        yield

    def _ask(self, query: str, *values: str) -> list[str]:
        if not Path(self.file).exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=SECONDS)) as connection:
            return [str(row[0]) for row in connection.execute(query, values)]


def _tables(identifier: str) -> tuple[str, str]:
    """Where a service's revision is: services that share a database have a table each."""
    return f"{TABLE}_{identifier}", TABLE


def databases_of(service: Mapping[str, Any], datastores: Mapping[str, Mapping[str, Any]]) -> list[Database]:
    """Those that a service writes, in the order of their names, in which they are locked."""
    found: list[Database] = []
    for name in sorted(name for name, use in service["uses"].items() if not (use or {}).get("readonly")):
        store = datastores[name]
        if store["kind"] == "postgresql":
            found.append(Postgresql(name, str(store.get("database") or name), int(store.get("port") or PORT)))
        elif store["kind"] == "sqlite":
            found.append(Sqlite(name, store["file"]))
    return found
