# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local PostgreSQL server, as its administrator by peer authentication; psycopg2 is Debian's."""

from __future__ import annotations

import os
import pwd
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from . import psql
from .objects import DATA_RIGHTS, POOLER_SCHEMA, Database, Found, FoundDatabase, Role, ServerChange, Statement

try:
    import psycopg2
    from psycopg2 import sql
except ImportError:  # a bare host
    psycopg2 = sql = None

ADMINISTRATOR = "postgres"
UNNOTED = "migration.fencing=on"
"""For the fence's notes of DDL: rights by the catalogue are of this side alone, and no obstacle to a change of sides."""
POWERS = ("SUPERUSER", "CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS")
KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "n": "SCHEMAS"}

ROLES = """
SELECT r.rolname, r.rolcanlogin, r.rolconnlimit, a.rolpassword,
       ARRAY[r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolreplication, r.rolbypassrls],
       ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)
FROM pg_roles r JOIN pg_authid a USING (oid) WHERE r.rolname = ANY(%s)"""
ROLE_SETTINGS = """
SELECT r.rolname, d.datname, unnest(s.setconfig)
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole JOIN pg_database d ON d.oid = s.setdatabase
WHERE r.rolname = ANY(%s)"""
DATABASES = """
SELECT d.datname, pg_get_userbyid(d.datdba), coalesce(r.rolname, 'PUBLIC'), a.privilege_type
FROM pg_database d
LEFT JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a ON true
LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = ANY(%s)"""
SCHEMAS = """
SELECT n.nspname, coalesce(r.rolname, 'PUBLIC'), a.privilege_type
FROM pg_namespace n
LEFT JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a ON true
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = 'public' OR pg_get_userbyid(n.nspowner) = %s"""
DEFAULTS = """
SELECT d.defaclobjtype, coalesce(r.rolname, 'PUBLIC'), a.privilege_type
FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE d.defaclnamespace = 0 AND pg_get_userbyid(d.defaclrole) = %s"""
OBJECTS = """
SELECT n.nspname, CASE c.relkind WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, coalesce(r.rolname, ''),
       array_agg(DISTINCT a.privilege_type), count(DISTINCT c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a ON true
LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_get_userbyid(c.relowner) = %s
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = c.oid AND e.deptype = 'e')
GROUP BY c.oid, 1, 2, 3"""
LOOKUP = """
SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s AND p.proname = 'lookup'"""


class PostgresqlError(RuntimeError):
    """The server can't be asked, or it refused; the text never holds a statement, which could hold a verifier."""


class Server:
    """The server behind one socket directory and port. ``looks``: nothing is changed, so psql does where there is no driver."""

    def __init__(self, socket: str = "/run/postgresql", port: int = 5432, looks: bool = False) -> None:
        self._socket, self._port, self._looks = socket, port, looks

    @property
    def name(self) -> str:
        return f"PostgreSQL at {self._socket}, port {self._port}"

    @contextmanager
    def cursor(self, database: str = "postgres", role: str = ADMINISTRATOR, system_user: str = ADMINISTRATOR) -> Iterator[Any]:
        """A cursor in autocommit: after a failure everything that was made stays, and the next run goes on from there."""
        if psycopg2 is None and self._looks:
            argv = psql.argv(system_user, self._socket, self._port, role, database)
            yield psql.Cursor(argv, lambda said: PostgresqlError(f"{self.name} refused: {said}"))
            return
        if psycopg2 is None:
            raise PostgresqlError("python3-psycopg2 is not installed. Install it (the role postgresql does), then run again.")
        connection = self._connect(database, role, system_user)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            raise PostgresqlError(f"{self.name} refused: {_said(error)}") from None
        finally:
            connection.close()

    def _connect(self, database: str, role: str, system_user: str) -> Any:
        """Peer authentication looks at the effective user at the moment of connecting."""
        before = os.geteuid()
        try:
            os.seteuid(pwd.getpwnam(system_user).pw_uid)
            options = f"-c {UNNOTED}" if role == ADMINISTRATOR else ""
            return psycopg2.connect(
                host=self._socket, port=self._port, user=role, dbname=database, connect_timeout=10, options=options
            )
        except KeyError:
            raise PostgresqlError(f"the system user {system_user} does not exist on this host.") from None
        except psycopg2.OperationalError as error:
            reason = str(error).strip().splitlines()[-1]
            raise PostgresqlError(f"{self.name} does not let {system_user} in as {role}: {reason}") from None
        finally:
            os.seteuid(before)

    def gather(self, roles: Iterable[Role], databases: Iterable[Database]) -> Found:
        """What the server has of the wanted roles and databases."""
        databases = list(databases)
        with self.cursor() as cursor:
            found = self._roles(cursor, [role.name for role in roles])
            owners, grants = self._databases(cursor, [each.name for each in databases])
        inside = {}
        for database in databases:
            if database.name in owners:
                with self.cursor(database.name) as cursor:
                    inside[database.name] = _inside(cursor, database, owners[database.name], grants[database.name])
        return Found(found, inside)

    @staticmethod
    def _roles(cursor: Any, names: list[str]) -> dict[str, Role]:
        cursor.execute(ROLE_SETTINGS, (names,))
        settings: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
        for role, database, setting in cursor.fetchall():
            name, __, value = setting.partition("=")
            settings[role][database][name] = value
        cursor.execute(ROLES, (names,))
        return {
            name: Role(
                name,
                login,
                limit,
                frozenset(member_of),
                settings.get(name, {}),
                verifier,
                frozenset(power for power, has in zip(POWERS, powers, strict=True) if has),
            )
            for name, login, limit, verifier, powers, member_of in cursor.fetchall()
        }

    @staticmethod
    def _databases(cursor: Any, names: list[str]) -> tuple[dict[str, str], dict[str, dict[str, frozenset[str]]]]:
        cursor.execute(DATABASES, (names,))
        rows = cursor.fetchall()
        owners = {name: owner for name, owner, __, __ in rows}
        return owners, {name: _granted((row[2], row[3]) for row in rows if row[0] == name) for name in owners}

    def apply(self, changes: Iterable[ServerChange]) -> Iterator[ServerChange]:
        """Makes the changes one by one, giving each back when it is made."""
        with ExitStack() as stack:
            cursors: dict[str, Any] = {}
            for change in changes:
                for statement in change.statements:
                    database = statement.database or ADMINISTRATOR
                    if database not in cursors:
                        cursors[database] = stack.enter_context(self.cursor(database))
                    try:
                        cursors[database].execute(_composed(statement), statement.values or None)
                    except psycopg2.Error as error:
                        raise PostgresqlError(f"{change.title}: {self.name} refused: {_said(error)}") from None
                yield change


def _composed(statement: Statement) -> Any:
    return sql.SQL(statement.text).format(**{name: sql.Identifier(value) for name, value in statement.names.items()})


def _inside(cursor: Any, database: Database, owner: str, grants: Mapping[str, frozenset[str]]) -> FoundDatabase:
    cursor.execute("SELECT extname FROM pg_extension")
    extensions = frozenset(name for (name,) in cursor.fetchall())
    cursor.execute(SCHEMAS, (database.owner,))
    rows = cursor.fetchall()
    schemas = {name: _granted((row[1], row[2]) for row in rows if row[0] == name) for name, __, __ in rows}
    cursor.execute(DEFAULTS, (database.owner,))
    rows = cursor.fetchall()
    defaults = {KINDS[kind]: _granted(row[1:] for row in rows if row[0] == kind) for kind, __, __ in rows if kind in KINDS}
    cursor.execute(LOOKUP, (POOLER_SCHEMA,))
    lookup = cursor.fetchone()
    return FoundDatabase(owner, grants, schemas, defaults, _lacking(cursor, database), extensions, lookup and lookup[0])


def _lacking(cursor: Any, database: Database) -> dict[str, frozenset[tuple[str, str]]]:
    """For each role the schemas and kinds in which some object of the owner does not give it all its rights."""
    cursor.execute(OBJECTS, (database.owner,))
    objects: dict[tuple[str, str], int] = defaultdict(int)
    complete: dict[tuple[str, str, str], int] = defaultdict(int)
    for schema, kind, role, rights, __ in cursor.fetchall():
        if role == database.owner:
            objects[schema, kind] += 1
        wanted = DATA_RIGHTS[database.access[role]].get(kind) if role in database.access else None
        if wanted and set(wanted) <= set(rights):
            complete[role, schema, kind] += 1
    return {
        role: frozenset(pair for pair, count in objects.items() if pair[1] in rights and complete[role, *pair] < count)
        for role, level in database.access.items()
        if (rights := DATA_RIGHTS[level])
    }


def _granted(pairs: Iterable[Any]) -> dict[str, frozenset[str]]:
    rights: dict[str, set[str]] = defaultdict(set)
    for role, right in pairs:
        if right is not None:
            rights[role].add(right)
    return {role: frozenset(each) for role, each in rights.items()}


def _said(error: Any) -> str:
    """The server's own first sentence; nothing of the statement."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return f"{primary} ({error.pgcode})" if primary else type(error).__name__
