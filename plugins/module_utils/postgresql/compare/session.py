# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of a comparison: read-only sessions that print every value alike and see one instant."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ..endpoint import Endpoint, EndpointError, said

try:
    import psycopg2
except ImportError:  # a bare host
    psycopg2 = None

PINNED = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "search_path": "",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "jit": "off",
    "row_security": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "0",
    "max_parallel_workers_per_gather": "0",
    "work_mem": "64MB",
    "enable_hashagg": "on",
    "cursor_tuple_fraction": "1",
}
"""What makes the text of a value, a definition or a plan depend on the session. A server lacks those it does not know."""

PIN = "SELECT set_config(s.name, p.value, false) FROM unnest(%s::text[], %s::text[]) p(name, value) JOIN pg_settings s ON s.name = p.name"
BATCH = 2000
"""Rows that a server-side cursor fetches at a time."""


_CANCELLED = "57014"


class Interrupted(EndpointError):
    """A statement was ended because something else had failed."""


class Side:
    """One database of a comparison. ``title`` is *source* or *target*, for sentences."""

    def __init__(self, endpoint: Endpoint, database: str, title: str) -> None:
        self.endpoint, self.database, self.title = endpoint, database, title
        self.snapshot, self.major, self.version, self.encoding = "", 0, "", ""
        self._first: Any = None
        self._open: list[Any] = []
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return f"the {self.title} ({self.endpoint.title}, database {self.database})"

    def begin(self) -> None:
        """Take the instant that every later session of this side sees."""
        self._first = self._session("")
        with self.refusals(), self._first.cursor() as cursor:
            cursor.execute("SELECT pg_export_snapshot(), current_setting('server_encoding'), version()")
            self.snapshot, self.encoding, self.version = cursor.fetchone()
        self.major = self._first.server_version // 10000

    def again(self) -> None:
        """A new instant."""
        self.close()
        self.begin()

    def close(self) -> None:
        for connection in [*self._open, self._first]:
            if connection is not None:
                with suppress(psycopg2.Error):
                    connection.close()
        self._open, self._idle, self._first = [], [], None

    def interrupt(self) -> None:
        """End what is running, from another thread. Where the line is cut the server can't be asked, and nobody waits for it."""

        def cancel(connection: Any) -> None:
            with suppress(psycopg2.Error, AttributeError):
                connection.cancel()

        for connection in [*self._open, self._first]:
            threading.Thread(target=cancel, args=(connection,), daemon=True).start()

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """What the server refuses becomes a sentence that names the side."""
        try:
            yield
        except psycopg2.Error as error:
            kind = Interrupted if error.pgcode == _CANCELLED else EndpointError
            raise kind(f"Comparing {self}: {said(error)}") from None

    def query(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        """All rows of a small result, in the first session."""
        with self.refusals(), self._first.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def attempt(self, statement: str) -> list[tuple[Any, ...]] | None:
        """The same; None where the server refuses it. The session goes on."""
        with self.refusals(), self._first.cursor() as cursor:
            cursor.execute("SAVEPOINT attempt")
            try:
                cursor.execute(statement)
                rows = cursor.fetchall()
            except psycopg2.Error:
                cursor.execute("ROLLBACK TO SAVEPOINT attempt")
                return None
            cursor.execute("RELEASE SAVEPOINT attempt")
            return rows

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Another session at the same instant, for one thread; kept for the next one unless something went wrong."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self._session(self.snapshot)
            with self._lock:
                self._open.append(connection)
        yield Session(self, connection)
        with self._lock:
            self._idle.append(connection)

    def _session(self, snapshot: str) -> Any:
        connection = self.endpoint.connect(self.database, autocommit=False)
        with self.refusals(), connection.cursor() as cursor:
            connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
            if snapshot:
                cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
            # Where no encoding was chosen the bytes come as they are.
            raw = connection.info.parameter_status("server_encoding") == "SQL_ASCII"
            cursor.execute(PIN, (list(PINNED), list(PINNED.values())))
            cursor.execute("SELECT set_config('client_encoding', %s, false)", ("LATIN1" if raw else "UTF8",))
        return connection


class Session:
    """A session of a side, for one thread."""

    def __init__(self, side: Side, connection: Any) -> None:
        self._side, self._connection = side, connection

    def query(self, statement: str, values: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
        with self._side.refusals(), self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall()

    def stream(self, statement: str, name: str = "rows") -> Iterator[tuple[Any, ...]]:
        """Rows by a server-side cursor: however many there are, few are here."""
        with self._side.refusals(), self._connection.cursor(name) as cursor:
            cursor.itersize = BATCH
            cursor.execute(statement)
            yield from cursor
