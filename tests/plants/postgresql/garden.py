"""Two servers with the same zoo: seeded alike, owned as a migration would have it, and told to print values differently."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg2
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import run
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.objects import DATA_RIGHTS
from plant import Plant
from psycopg2 import sql

TESTS = Path(__file__).resolve().parents[2]


def load(path: str, name: str) -> ModuleType:
    """A program of the tests as a module; two of them have the same name."""
    spec = importlib.util.spec_from_file_location(name, TESTS / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


seeder = load("seed/postgresql.py", "postgresql_seeder")

DATASTORE = "zoo"
SOURCE, TARGET = "zoo_db", "zoo"
SOURCE_OWNER, OWNER, LOGIN = "zoo_user", "zoo_owner", "zoo_app"
ACCESS = {LOGIN: "write"}
ROLES = ("zoo_reader", "zoo_writer", "zoo_auditor", "Zoo Wärter", "zoo_team", "zoo_dba", SOURCE_OWNER, OWNER, LOGIN)
ROWS = 2000
HOSTILE = {
    "timezone": "America/St_Johns",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-5",
    "search_path": "zoo, public",
    "lc_monetary": "C.UTF-8",
    "default_transaction_isolation": "serializable",
    "statement_timeout": "60s",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "xmlbinary": "hex",
}
"""What the target's server says of how values are printed; the source's says nothing."""


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    user: str
    password: str

    def connect(self, database: str = "postgres") -> Any:
        options = " ".join(
            f"-c {name}={value}" for name, value in (("statement_timeout", 0), ("quote_all_identifiers", "off"))
        )
        connection = psycopg2.connect(
            host=self.host, port=self.port, user=self.user, password=self.password, dbname=database, options=options
        )
        connection.autocommit = True
        return connection

    def endpoint(self) -> Endpoint:
        return Endpoint(
            self.host, self.port, self.user, self.password, "", f"PostgreSQL at {self.host}:{self.port}", "disable"
        )


@dataclass
class Garden:
    """A pair of servers. ``mapped``: the target has the catalogue's roles in place of the source's."""

    source: Address
    target: Address
    mapped: bool = True

    @property
    def majors(self) -> tuple[int, int]:
        return tuple(self._major(each) for each in (self.source, self.target))

    @staticmethod
    def _major(address: Address) -> int:
        connection = address.connect()
        try:
            return connection.server_version // 10000
        finally:
            connection.close()

    @property
    def names(self) -> dict[str, str]:
        owner = OWNER if self.mapped else SOURCE_OWNER
        return {"owner": owner, "login": LOGIN, "database": TARGET}

    def make(self) -> None:
        """Both databases, the same in both: what the older major lacks is left out of both."""
        oldest = min(self.majors)
        for address, database, owner in (
            (self.source, SOURCE, SOURCE_OWNER),
            (self.target, TARGET, self.names["owner"]),
        ):
            clear(address, database)
            self._seed(address, database, owner, oldest)
        with self.target.connect().cursor() as cursor:
            for name, value in HOSTILE.items():
                cursor.execute(sql.SQL("ALTER SYSTEM SET {} = %s").format(sql.Identifier(name)), (value,))
            cursor.execute("SELECT pg_reload_conf()")

    def clear(self) -> None:
        for address, database in ((self.source, SOURCE), (self.target, TARGET)):
            clear(address, database)

    def _seed(self, address: Address, database: str, owner: str, oldest: int) -> None:
        with address.connect().cursor() as cursor:
            for role in (owner, LOGIN):
                cursor.execute(f"CREATE ROLE {role}")
            cursor.execute(f"CREATE DATABASE {database} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8'")
        connection = address.connect(database)
        seeder.seed(connection, ROWS, owner, oldest)
        if self.mapped and database == TARGET:
            with connection.cursor() as cursor:
                for statement in self._access(cursor):
                    cursor.execute(statement)
        connection.close()

    def _access(self, cursor: Any) -> Iterable[str]:
        """What the role postgresql grants beyond the source, and takes from PUBLIC."""
        yield f"REVOKE ALL ON DATABASE {TARGET} FROM PUBLIC"
        yield f"GRANT CONNECT ON DATABASE {TARGET} TO {LOGIN}"
        cursor.execute(
            "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        )
        for (schema,) in cursor.fetchall():
            yield f"REVOKE ALL ON SCHEMA {schema} FROM PUBLIC; GRANT USAGE ON SCHEMA {schema} TO {LOGIN}"
            for kind in ("TABLES", "SEQUENCES"):
                yield f"GRANT {', '.join(DATA_RIGHTS['write'][kind])} ON ALL {kind} IN SCHEMA {schema} TO {LOGIN}"
        for kind, rights in DATA_RIGHTS["write"].items():
            yield f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT {', '.join(rights)} ON {kind} TO {LOGIN}"

    def plant(self, plants: Iterable[Plant]) -> list[Plant]:
        """Changes the target alone; gives the plants that both majors know."""
        with self.target.connect().cursor() as cursor:
            if min(self.majors) >= 15:
                cursor.execute("SET allow_in_place_tablespaces = on")
                cursor.execute("CREATE TABLESPACE zoo_space LOCATION ''")
        chosen = [each for each in plants if each.since <= min(self.majors)]
        connection = self.target.connect(TARGET)
        with connection.cursor() as cursor:
            cursor.execute(
                "SET search_path = ''; SET datestyle = ISO; SET standard_conforming_strings = on; SET bytea_output = hex"
            )
            for each in chosen:
                statements = each.statements
                for name, value in self.names.items():
                    statements = statements.replace(f"{{{name}}}", value)
                try:
                    cursor.execute(f"BEGIN; {statements}; COMMIT")
                except psycopg2.Error as error:
                    raise AssertionError(f"{each.name}: {error}") from None
        connection.close()
        return chosen

    def live(self) -> run.DatabaseResult:
        """A comparison while two rows are on their way: they arrive after their tables have been scanned."""
        arrived: set[str] = set()
        self._change("UPDATE zoo.checked SET value = value + 1 WHERE id = 2; UPDATE zoo.typed SET street = 'x' WHERE number = 12")

        def scanned(name: str, __: object) -> None:
            arrived.add(name)
            if {"zoo.checked", "zoo.typed"} <= arrived and "done" not in arrived:
                arrived.add("done")
                self._change("UPDATE zoo.checked SET value = value - 1 WHERE id = 2")
                self._change("UPDATE zoo.typed SET street = 'Street' WHERE number = 12")

        return self.compare(rechecks=2, pause=0.1, progress=scanned)

    def _change(self, statements: str) -> None:
        connection = self.target.connect(TARGET)
        with connection.cursor() as cursor:
            cursor.execute(statements)
        connection.close()

    def pair(self) -> run.Pair:
        if self.mapped:
            return run.Pair(DATASTORE, SOURCE, TARGET, OWNER, {}, ACCESS)
        return run.Pair(DATASTORE, SOURCE, TARGET)

    def compare(self, **options: Any) -> run.DatabaseResult:
        return run.compare(self.source.endpoint(), self.target.endpoint(), self.pair(), run.Options(**options))


def clear(address: Address, database: str) -> None:
    """Remove what an earlier run has left."""
    connection = address.connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings WHERE name = ANY(%s)", (list(HOSTILE),))
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
        cursor.execute("SELECT pg_reload_conf()")
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
        if cursor.fetchone():
            inside = address.connect(database)
            with inside.cursor() as within:
                within.execute(
                    "SELECT subname FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                for (name,) in within.fetchall():
                    within.execute(f"ALTER SUBSCRIPTION {name} SET (slot_name = NONE); DROP SUBSCRIPTION {name}")
            inside.close()
            cursor.execute(f"DROP DATABASE {database} WITH (FORCE)")
        cursor.execute("DROP TABLESPACE IF EXISTS zoo_space")
        if connection.server_version >= 150000:
            cursor.execute("SELECT parname FROM pg_parameter_acl")
            for (name,) in cursor.fetchall():
                cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = 'zoo_reader'")
                if cursor.fetchone():
                    cursor.execute(f"REVOKE ALL ON PARAMETER {name} FROM zoo_reader")
        for role in ROLES:
            cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    connection.close()
