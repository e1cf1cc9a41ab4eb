"""Seeds a PostgreSQL database with what breaks careless migrations, the same at every run: a zoo.

  tests/seed/postgresql.py --host 127.0.0.1 --port 5432 --user postgres --database auth_db --rows 100000

Everything is in the schemas `zoo` and `Ünïcode schema`, but for roles (`zoo_…`), large objects 7001 to 7003 and the settings
of the database. 7,000,000 rows are about 1 GB. Works on PostgreSQL 13 to 17 as a superuser; what a server lacks (by its
major, or because an extension, ICU or XML was left out) is left out and named. The password is libpq's affair (PGPASSFILE).
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

FOLDER = Path(__file__).resolve().parent / "postgresql"
# Whatever the server's own settings are, the same rows.
SETTINGS = {
    "client_min_messages": "warning",
    "synchronous_commit": "off",
    "statement_timeout": "0",
    "search_path": "''",
    "timezone": "'UTC'",
    "datestyle": "'ISO, MDY'",
    "intervalstyle": "postgres",
    "lc_monetary": "'C'",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "default_tablespace": "''",
}
BY_SUPERUSER = ("01_roles.sql", "08_database.sql")
HEADING = re.compile(
    r"^-- @ (?P<title>.+?)(?: from (?P<major>\d+))?(?: extension (?P<extension>\w+))?(?P<icu> icu)?(?P<xml> xml)?$",
    re.M,
)


@dataclass(frozen=True)
class Block:
    """Statements that run in one transaction, and what they need of the server."""

    file: str
    title: str
    text: str
    major: int = 0
    extension: str = ""
    icu: bool = False
    xml: bool = False

    def lacking(self, server: Server) -> str:
        """What the server lacks for this block; empty when it can run."""
        if self.major > server.major:
            return f"PostgreSQL {self.major}"
        if self.extension and self.extension not in server.extensions:
            return f"the extension {self.extension}"
        if self.icu and not server.icu:
            return "ICU"
        return "XML" if self.xml and not server.xml else ""


@dataclass(frozen=True)
class Server:
    major: int
    extensions: frozenset[str]
    icu: bool
    xml: bool


def blocks() -> Iterator[Block]:
    for path in sorted(FOLDER.glob("*.sql")):
        text = path.read_text()
        headings = list(HEADING.finditer(text))
        ends = [*(each.start() for each in headings[1:]), len(text)]
        for heading, end in zip(headings, ends, strict=True):
            major, extension = int(heading["major"] or 0), heading["extension"] or ""
            body = text[heading.end() : end]
            yield Block(path.name, heading["title"], body, major, extension, bool(heading["icu"]), bool(heading["xml"]))


def look(cursor: Any) -> Server:
    cursor.execute("SELECT current_setting('server_version_num')::integer / 10000")
    (major,) = cursor.fetchone()
    cursor.execute("SELECT name FROM pg_available_extensions")
    extensions = frozenset(name for (name,) in cursor.fetchall())
    cursor.execute("SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')")
    (icu,) = cursor.fetchone()
    try:
        cursor.execute("SELECT '<a/>'::xml")
        xml = True
    except psycopg2.Error:
        xml = False
    return Server(major, extensions, icu, xml)


def seed(connection: Any, rows: int, owner: str = "", newest: int = 99) -> list[str]:
    """Seeds the database of a connection in autocommit; gives what was left out. `owner` owns the objects."""
    cursor = connection.cursor()
    server = look(cursor)
    server = replace(server, major=min(server.major, newest))
    cursor.execute(
        "SELECT current_database(), pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    )
    database, database_owner = cursor.fetchone()
    owner = owner or database_owner
    names = {"database": database, "owner": owner}
    words = {key: sql.Identifier(value).as_string(connection) for key, value in names.items()} | {"rows": str(rows)}
    left_out = []
    cursor.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(owner)))
    cursor.execute("; ".join(f"SET {name} = {value}" for name, value in SETTINGS.items()))
    for block in blocks():
        if lacking := block.lacking(server):
            left_out.append(f"{block.title}: the server has not {lacking}")
            continue
        role = (
            sql.SQL("RESET ROLE")
            if block.file in BY_SUPERUSER
            else sql.SQL("SET ROLE {}").format(sql.Identifier(owner))
        )
        text = re.sub(r"\{\{(\w+)\}\}", lambda match: words[match[1]], block.text)
        try:
            cursor.execute(role)
            cursor.execute("BEGIN;" + text + "; COMMIT")
        except psycopg2.Error as error:
            raise SystemExit(f"{block.file}, {block.title}: {error}") from None
    cursor.execute("RESET ROLE; ANALYZE")
    return left_out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5432)
    parser.add_argument("--user", default="postgres")
    parser.add_argument("--database", required=True)
    parser.add_argument("--owner", default="", help="owner of the objects (default: the database's)")
    parser.add_argument("--as", dest="newest", type=int, default=99, help="leave out what this major lacks, too")
    parser.add_argument("--rows", type=int, default=10_000, help="rows in all, 7,000,000 are about 1 GB")
    arguments = parser.parse_args()
    began = time.monotonic()
    connection = psycopg2.connect(
        host=arguments.host, port=arguments.port, user=arguments.user, dbname=arguments.database
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('zoo') IS NOT NULL")
        if cursor.fetchone()[0]:
            sys.exit(f"The database {arguments.database} has a schema zoo already. Drop it, or seed another database.")
    for line in seed(connection, arguments.rows, arguments.owner, arguments.newest):
        print("left out:", line)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        print(f"{arguments.database}: {cursor.fetchone()[0]} in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
