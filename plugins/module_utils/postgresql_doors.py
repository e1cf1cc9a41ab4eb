# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights as those who have them see them: each system user comes in by psql and looks at what it may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

STRANGER = "nobody"

# Each line it gives is a fault. Everything is asked of the server as the user that has come in.
FAULTS = r"""
SELECT 'may create objects in schema ' || nspname FROM pg_namespace
 WHERE :'access' <> 'define' AND has_schema_privilege(oid, 'CREATE') AND nspname !~ '^pg_(toast_)?temp'
UNION ALL SELECT 'may create schemas' WHERE :'access' <> 'define' AND has_database_privilege(current_database(), 'CREATE')
UNION ALL SELECT 'owns ' || count(*) || ' objects' FROM pg_class
 WHERE :'access' <> 'define' AND pg_get_userbyid(relowner) = current_user HAVING count(*) > 0
UNION ALL SELECT 'is a superuser or has another power over the server' FROM pg_roles
 WHERE rolname = session_user AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'may connect to database ' || datname FROM pg_database
 WHERE datname = ANY(string_to_array(:'foreign', ',')) AND has_database_privilege(session_user, oid, 'CONNECT')
UNION ALL SELECT 'does not act as the owner of the database'
  FROM pg_database WHERE :'access' = 'define' AND datname = current_database() AND pg_get_userbyid(datdba) <> current_user
UNION ALL SELECT 'may not read ' || c.oid::regclass FROM pg_class c JOIN pg_database d ON d.datname = current_database()
 WHERE c.relkind IN ('r', 'p') AND c.relowner = d.datdba AND NOT has_table_privilege(c.oid, 'SELECT')
UNION ALL SELECT 'may change ' || c.oid::regclass || ', which it should only read' FROM pg_class c
 WHERE :'access' = 'read' AND c.relkind IN ('r', 'p') AND c.relnamespace >= 16384
   AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
"""


@dataclass(frozen=True)
class Door:
    """A system ``user`` that comes in as ``role``; ``access`` is ``write``, ``read`` or ``define`` (the owner's)."""

    user: str
    role: str
    database: str
    access: str

    @property
    def title(self) -> str:
        return f"{self.user} as {self.role} in {self.database}"


def foreign(door: Door, databases: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The databases of the platform (with who has access) that this role must not reach."""
    return sorted(name for name, access in databases.items() if door.role not in access)


def command(door: Door, foreign_databases: Iterable[str], socket: str, port: int) -> list[str]:
    """psql, which reads its statements from standard input and gives a fault a line."""
    return [
        "psql",
        "--no-psqlrc",
        "--no-password",
        "--tuples-only",
        "--no-align",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        f"--set=access={door.access}",
        f"--set=foreign={','.join(foreign_databases)}",
        f"--host={socket}",
        f"--port={port}",
        f"--username={door.role}",
        f"--dbname={door.database}",
    ]


def verdict(door: Door, code: int, output: str, error: str) -> list[str]:
    """Findings of one visit, as sentences."""
    if code:
        said = error.strip().splitlines()[-1] if error.strip() else f"psql ended with {code}"
        return [f"{door.title}: {said}"]
    return [f"{door.title}: {line}" for line in output.splitlines() if line]


def stranger_verdict(door: Door, code: int) -> list[str]:
    """Nobody else may come in as this role."""
    return [f"{STRANGER} came in as {door.role} in {door.database}: the doors in pg_hba.conf are open"] if code == 0 else []
