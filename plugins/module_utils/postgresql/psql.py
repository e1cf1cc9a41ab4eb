# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a local server by psql, where there is no driver yet: check mode on a host that had the server before."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from .quoting import literal

ADMINISTRATOR, SOCKETS = "postgres", "/run/postgresql"
READ_ONLY = "-c default_transaction_read_only=on"


class Cursor:
    """As much of a driver's cursor as a look needs. ``argv``: psql without its query; ``failed``: makes the error."""

    def __init__(self, argv: Sequence[str], failed: Callable[[str], Exception]) -> None:
        self._argv, self._failed = list(argv), failed
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, query: str, values: Sequence[Any] = ()) -> None:
        text = query % tuple(map(_value, values)) if values else query
        done = subprocess.run(
            [*self._argv, "-c", f"SELECT coalesce(json_agg(asked), '[]') FROM ({text}) AS asked"],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, "PGOPTIONS": READ_ONLY},
        )
        if done.returncode:
            raise self._failed(" ".join(done.stderr.split()))
        # Columns may have one name twice, so they are taken by their places.
        self._rows = json.loads(done.stdout, object_pairs_hook=lambda pairs: tuple(value for __, value in pairs))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None


def argv(system_user: str, socket: str, port: int, role: str, database: str) -> list[str]:
    """Peer authentication looks at the system user; nobody is asked for a password."""
    program = ["runuser", "-u", system_user, "--", "psql", "-XAtqw"]
    return [*program, "-h", socket, "-p", str(port), "-U", role, "-d", database]


def as_administrator(port: int) -> list[str]:
    """Of the server at a port of this host, in the database that every server has."""
    return argv(ADMINISTRATOR, SOCKETS, port, ADMINISTRATOR, ADMINISTRATOR)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]::text[]"
    return literal(str(value))
