# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rights as those who have them see them: each system user comes in by its own door and looks at what it may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .client import PostgresqlError, Server

STRANGER = "nobody"

# Each line it gives is a fault. Everything is asked of the server as the user that has come in.
FAULTS = """
SELECT 'may create objects in schema ' || nspname FROM pg_namespace
 WHERE %(access)s <> 'define' AND has_schema_privilege(oid, 'CREATE') AND nspname !~ '^pg_'
UNION ALL SELECT 'may create schemas' WHERE %(access)s <> 'define' AND has_database_privilege(current_database(), 'CREATE')
UNION ALL SELECT 'owns ' || count(*) || ' objects' FROM pg_class
 WHERE %(access)s <> 'define' AND pg_get_userbyid(relowner) = current_user HAVING count(*) > 0
UNION ALL SELECT 'is a superuser or has another power over the server' FROM pg_roles
 WHERE rolname = session_user AND (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
UNION ALL SELECT 'may connect to database ' || datname FROM pg_database
 WHERE datname = ANY(%(foreign)s) AND has_database_privilege(session_user, oid, 'CONNECT')
UNION ALL SELECT 'does not act as the owner of the database'
  FROM pg_database WHERE %(access)s = 'define' AND datname = current_database() AND pg_get_userbyid(datdba) <> current_user
UNION ALL SELECT 'may not read ' || c.oid::regclass FROM pg_class c JOIN pg_database d ON d.datname = current_database()
 WHERE c.relkind IN ('r', 'p') AND c.relowner = d.datdba AND NOT has_table_privilege(c.oid, 'SELECT')
UNION ALL SELECT 'may change ' || c.oid::regclass || ', which it should only read' FROM pg_class c
 WHERE %(access)s = 'read' AND c.relkind IN ('r', 'p') AND c.relnamespace >= 16384
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


def findings(server: Server, doors: Iterable[Door], databases: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What is wrong with any of the doors, as sentences; a stranger tries one door of each database."""
    found, tried = [], set()
    for door in doors:
        found += [f"{door.title}: {fault}" for fault in _visit(server, door, foreign(door, databases))]
        if door.database not in tried and _stranger_comes_in(server, door):
            found.append(f"{STRANGER} came in as {door.role} in {door.database}: a door in pg_hba.conf is open")
        tried.add(door.database)
    return found


def _visit(server: Server, door: Door, others: list[str]) -> list[str]:
    try:
        with server.cursor(door.database, door.role, door.user) as cursor:
            cursor.execute(FAULTS, {"access": door.access, "foreign": others})
            return [fault for (fault,) in cursor.fetchall()]
    except PostgresqlError as error:
        return [str(error)]


def _stranger_comes_in(server: Server, door: Door) -> bool:
    try:
        with server.cursor(door.database, door.role, STRANGER):
            return True
    except PostgresqlError:
        return False
