# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases as wholes: what one is made with, the fresh one that a copy fills, and the rename that puts it into place.

A copy fills `<target>__incoming`. Whole it is only when it carries the mark that the copy's last transaction set; the rename
takes the mark away in its own transaction. So nothing that was cut off anywhere can be taken for a whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ..endpoint import APPLICATION, Endpoint, EndpointError
from ..fence.travel import OUTSIDE
from ..quoting import identifier, literal

INCOMING, BEFORE = "__incoming", "__before_"
MARK = "cryptobot.copied"
"""A setting of a database, which nobody else reads: it has been copied whole, by this run."""
BOOKS = "cryptobot_transfer"
"""The schema in which a copy keeps what is done, in the transactions that do it; gone when the copy is whole."""
POOLER_SCHEMA = "pgbouncer"
LONGEST_NAME = 63
INVALID = -2
"""`datconnlimit` of such a database (PostgreSQL's DATCONNLIMIT_INVALID_DB)."""

_DATABASE = """
SELECT d.oid::bigint, pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, to_jsonb(d) ->> 'datlocprovider',
       coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules',
       pg_get_userbyid(d.datdba), pg_database_size(d.oid), d.datconnlimit, shobj_description(d.oid, 'pg_database'), d.datallowconn
FROM pg_database d WHERE d.datname = %s"""
_CONTENTS = f"""
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
         WHEN 'S' THEN 'sequence' ELSE 'foreign table' END || ' ' || n.nspname || '.' || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', %(pooler)s) AND {OUTSIDE}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', %(pooler)s) AND {OUTSIDE}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata"""
_KEPT = "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname ~ %s ORDER BY 1"
_NOT_ANALYZED = """
SELECT schemaname, relname FROM pg_stat_user_tables
WHERE last_analyze IS NULL AND last_autoanalyze IS NULL AND pg_relation_size(relid) > 0 ORDER BY pg_relation_size(relid) DESC"""
_SESSIONS = """
SELECT pid, usename, coalesce(client_addr::text, 'the socket'), application_name FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""


@dataclass(frozen=True)
class Database:
    """A row of ``pg_database``. ``size`` in bytes; ``provider`` is ``c`` (libc), ``i`` (ICU) or ``b`` (built in)."""

    oid: int
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str | None
    rules: str | None
    owner: str
    size: int
    connection_limit: int
    comment: str | None
    reachable: bool

    @property
    def invalid(self) -> bool:
        """Whether a server that stopped in the middle of DROP DATABASE left it: it can only be dropped again."""
        return self.connection_limit == INVALID


def find(cursor: Any, name: str) -> Database | None:
    """The database as the server describes it; None where there is none."""
    cursor.execute(_DATABASE, (name,))
    row = cursor.fetchone()
    if row is None:
        return None
    return Database(*row[:4], row[4] or "c", *row[5:])


def contents(endpoint: Endpoint, name: str) -> list[str]:
    """What users have put into a database; empty for one that was only made."""
    with endpoint.cursor(name) as cursor:
        cursor.execute(_CONTENTS, {"pooler": POOLER_SCHEMA})
        return sorted((row[0] for row in cursor.fetchall()), key=lambda name: (not name.startswith("table "), name))


def incoming(target: str) -> str:
    """Where a copy meant for ``target`` goes first."""
    name = target + INCOMING
    if len(name.encode()) > LONGEST_NAME:
        raise EndpointError(
            f"The name {target} is too long: {name} must fit into {LONGEST_NAME} bytes. Choose a shorter one."
        )
    return name


def kept(target: str, run: str) -> str:
    """The name under which what was in place before stays: of each run another, so that a long name loses its own end."""
    ending = f"{BEFORE}{run}"
    room = LONGEST_NAME - len(ending.encode())
    return target.encode()[:room].decode(errors="ignore") + ending


def kept_aside(cursor: Any) -> list[tuple[str, int]]:
    """What runs have put aside on a server, with its size."""
    cursor.execute(_KEPT, (f"{BEFORE}[0-9]{{8}}T[0-9]{{6}}",))
    return [(name, int(size)) for name, size in cursor.fetchall()]


def make(cursor: Any, name: str, like: Database, locale: str = "") -> None:
    """Makes an empty database with the encoding and locale of another server's, or with a locale that the operator chose."""
    words = [f"CREATE DATABASE {identifier(name)} TEMPLATE template0 ENCODING {literal(like.encoding)}"]
    if locale:
        words += [f"LC_COLLATE {literal(locale)} LC_CTYPE {literal(locale)}"]
    else:
        words += [f"LC_COLLATE {literal(like.collate)} LC_CTYPE {literal(like.ctype)}"]
        if like.provider == "i":
            words += [f"LOCALE_PROVIDER icu ICU_LOCALE {literal(like.locale or 'und')}"]
            words += [f"ICU_RULES {literal(like.rules)}"] if like.rules else []
        elif like.provider == "b":
            words += [f"LOCALE_PROVIDER builtin BUILTIN_LOCALE {literal(like.locale or 'C')}"]
    cursor.execute(" ".join(words))


def locale_is_there(cursor: Any, locale: str) -> bool:
    """Whether the server's system has a locale; asked without making anything."""
    if locale in ("C", "POSIX"):
        return True
    cursor.execute("SELECT current_setting('lc_monetary')")
    before = cursor.fetchone()[0]
    try:
        cursor.execute("SELECT set_config('lc_monetary', %s, false)", (locale,))
    except Exception as error:
        if getattr(error, "pgcode", None) == "22023":
            return False
        raise
    cursor.execute("SELECT set_config('lc_monetary', %s, false)", (before,))
    return True


def mark(cursor: Any, name: str, run: str) -> None:
    """Says, in the caller's transaction, that the database is whole."""
    cursor.execute(f"ALTER DATABASE {identifier(name)} SET {MARK} = {literal(run)}")


def marked(cursor: Any, name: str) -> str:
    """The run that copied the database whole; empty where none has."""
    query = (
        "SELECT split_part(c, '=', 2) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c "
        "WHERE d.datname = %s AND s.setrole = 0 AND c LIKE %s"
    )
    cursor.execute(query, (name, f"{MARK}=%"))
    row = cursor.fetchone()
    return row[0] if row else ""


def put_into_place(endpoint: Endpoint, fresh: str, target: str, keep_as: str = "") -> None:
    """Renames a whole copy to its name, and what had the name to ``keep_as``, in one transaction."""
    with endpoint.cursor() as cursor:
        for name in (fresh, target):
            end_sessions(cursor, name)
        cursor.execute("BEGIN")
        if keep_as:
            cursor.execute(f"ALTER DATABASE {identifier(target)} RENAME TO {identifier(keep_as)}")
        cursor.execute(f"ALTER DATABASE {identifier(fresh)} RESET {MARK}")
        cursor.execute(f"ALTER DATABASE {identifier(fresh)} RENAME TO {identifier(target)}")
        cursor.execute("COMMIT")


def drop(cursor: Any, name: str) -> bool:
    """Removes a database of ours with whatever sessions a killed run left in it."""
    if find(cursor, name) is None:
        return False
    end_sessions(cursor, name)
    cursor.execute(f"DROP DATABASE {identifier(name)}")
    return True


def analyze(endpoint: Endpoint, name: str, jobs: int) -> None:
    """Statistics of tables that autovacuum has not come to yet: without them the first queries may take bad plans."""
    with ExitStack() as stack:
        cursors = [stack.enter_context(endpoint.cursor(name)) for __ in range(jobs)]
        cursors[0].execute(_NOT_ANALYZED)
        tables = [identifier(schema) + "." + identifier(table) for schema, table in cursors[0].fetchall()]
        with ThreadPoolExecutor(jobs) as pool:
            list(
                pool.map(
                    lambda pair: _analyze(*pair),
                    ((cursor, tables[number::jobs]) for number, cursor in enumerate(cursors)),
                )
            )


def _analyze(cursor: Any, tables: list[str]) -> None:
    for table in tables:
        cursor.execute(f"ANALYZE {table}")


def end_sessions(cursor: Any, name: str, patience: float = 10.0) -> None:
    """Ends our own forgotten sessions with a database and sees them gone; strangers' are named and left alone."""
    until = time.monotonic() + patience
    while True:
        cursor.execute(_SESSIONS, (name,))
        sessions = cursor.fetchall()
        if not sessions:
            return
        for pid, __, __, application in sessions:
            if application.startswith(APPLICATION):
                cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))
        if time.monotonic() > until:
            who = ", ".join(
                sorted(
                    {f"{user} from {where} ({application or 'no name'})" for __, user, where, application in sessions}
                )
            )
            raise EndpointError(
                f"The database {name} is in use by {who}. Stop what uses it (its side is not native yet, or is moving), then run again."
            )
        time.sleep(0.1)


def settings(cursor: Any, name: str) -> Mapping[str, Mapping[str, str]]:
    """Settings of a database by role (empty: of the database itself), the mark left out."""
    query = (
        "SELECT coalesce(r.rolname, ''), unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        "LEFT JOIN pg_roles r ON r.oid = s.setrole WHERE d.datname = %s"
    )
    cursor.execute(query, (name,))
    found: dict[str, dict[str, str]] = {}
    for role, setting in cursor.fetchall():
        key, __, value = setting.partition("=")
        if key != MARK:
            found.setdefault(role, {})[key] = value
    return found
