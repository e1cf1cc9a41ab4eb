# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database this is: the same name can be another database after a restore, a new cluster or a lost volume."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .postgresql import psql

QUERY = "SELECT datname || ' ' || system_identifier || '.' || oid FROM pg_database, pg_control_system()"
Ask = Callable[[int], "str | None"]


def ask_local(port: int) -> str | None:
    """All databases of this host's server at a port, as its own superuser; ``None`` where it cannot be asked."""
    argv = [*psql.as_administrator(port), "-c", QUERY]
    try:
        asked = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None


def parse(said: str) -> dict[str, str]:
    """The identity of each database by its name, from what the query gave."""
    return dict(line.rsplit(" ", 1) for line in said.splitlines() if " " in line)


def identities(datastores: Mapping[str, Mapping[str, Any]], host: str, ask: Ask = ask_local) -> dict[str, str | None]:
    """The identity of every datastore with a schema: server and object number of a database, inode of an SQLite file.

    A database of another host is not asked: it is told by its release alone. A missing one has the identity ``absent``.
    """
    found: dict[str, str | None] = {}
    asked: dict[int, dict[str, str] | None] = {}
    for name, datastore in datastores.items():
        if datastore["kind"] == "sqlite":
            path = Path(datastore["file"])
            found[name] = str(path.stat().st_ino) if path.exists() else "absent"
        elif datastore["kind"] == "postgresql":
            port = int(datastore.get("port") or 5432)
            if datastore.get("host") not in (None, host):
                found[name] = None
                continue
            if port not in asked:
                said = ask(port)
                asked[port] = None if said is None else parse(said)
            known = asked[port]
            found[name] = None if known is None else known.get(str(datastore.get("database") or name), "absent")
    return found
