# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of a copy: with the same spelling of values on both sides, whatever the servers' defaults."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..endpoint import Endpoint, EndpointError

SPELLING = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "xmloption": "content",
    "standard_conforming_strings": "on",
    "search_path": "",
    "client_min_messages": "error",
    "row_security": "off",
    "quote_all_identifiers": "off",
}
LOADING = {
    "check_function_bodies": "off",
    "synchronous_commit": "off",
    "default_tablespace": "",
    "session_replication_role": "origin",
}
FIRST_WITH_CONNECTION_CHECK = 140000
HELPERS = """SELECT pg_catalog.set_config('max_parallel_maintenance_workers',
least(%s, pg_catalog.current_setting('max_parallel_maintenance_workers')::integer)::text, false)"""
MOST_SORT_MEMORY = 512 * 1024**2


def read(endpoint: Endpoint, database: str, encoding: str, snapshot: str = "") -> Any:
    """A session that reads one snapshot: that of the given name, or a new one."""
    connection = endpoint.connect(database)
    with connection.cursor() as cursor:
        pin(cursor, {**SPELLING, "client_encoding": encoding})
        cursor.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", (snapshot,))
    return connection


def write(endpoint: Endpoint, database: str, encoding: str, memory: int = 0, helpers: int | None = None) -> Any:
    """A session that fills a fresh database. ``memory``: bytes for one sort of an index; ``helpers``: the most processes that
    may help to build it, fewer where the server says so."""
    connection = endpoint.connect(database)
    settings = {**SPELLING, **LOADING, "client_encoding": encoding}
    if memory:
        settings["maintenance_work_mem"] = f"{memory // 1024}kB"
    if connection.server_version >= FIRST_WITH_CONNECTION_CHECK:
        # So that an index build of a killed run ends, instead of holding its table.
        settings["client_connection_check_interval"] = "2s"
    with connection.cursor() as cursor:
        pin(cursor, settings)
        if helpers is not None:
            cursor.execute(HELPERS, (helpers,))
    return connection


def helpers(jobs: int) -> int:
    """Of each line. More processes than cores only make one another wait, and a shared sort goes by way of the disk."""
    return max(0, (os.cpu_count() or 1) // max(1, jobs) - 1)


def pin(cursor: Any, settings: Mapping[str, str]) -> None:
    for name, value in settings.items():
        cursor.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))


def sort_memory(jobs: int) -> int:
    """Bytes that each of so many index builds may sort in: an eighth of the free memory in all, 512 MB at most each."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        for line in open("/proc/meminfo", encoding="ascii"):
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    except (OSError, ValueError):
        free = 0
    return max(64 * 1024**2, min(MOST_SORT_MEMORY, free // 8 // max(1, jobs)))


@dataclass
class Pair:
    """One worker's two sessions."""

    source: Any
    target: Any

    def cancel(self) -> None:
        """From another thread: whatever runs here ends with an error, and so the copy does.

        To ask the servers for it could take minutes where the line is cut. They notice that this end is gone by themselves.
        """
        for connection in (self.target, self.source):
            try:
                with socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
            except Exception:
                continue

    def close(self) -> None:
        for connection in (self.source, self.target):
            try:
                connection.close()
            except Exception:
                continue


def plain(connection: Any, side: str) -> None:
    """The COPY needs to see the messages, and TLS hides them."""
    if connection.info.ssl_in_use:
        raise EndpointError(
            f"The {side} is reached with TLS, which the fast way can't use. Give sslmode: disable where the line is safe (a "
            "container's own address, a tunnel), or choose way: archive."
        )
