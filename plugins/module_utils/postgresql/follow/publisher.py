# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that is followed: a publication of named tables, a slot, and the role as which the other side reads."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..endpoint import Endpoint
from ..fence import patience, writers
from ..fence.definitions import SCHEMA
from ..fence.travel import FOLLOW, FOLLOWER
from ..quoting import identifier, literal, qualified
from ..scram import verifier
from . import keys
from .errors import FollowError

LONGEST_NAME, AHEAD = 63, "_ahead"
SLOT_SECONDS = 10.0
_SLOT = """
SELECT active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint,
  pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint, safe_wal_size
FROM pg_catalog.pg_replication_slots WHERE slot_name = %s"""
_IN_USE, _CANCELLED = "55006", "57014"


def name_of(datastore: str, direction: str) -> str:
    """Of slot and subscription: one for each datastore and side that it leads to."""
    return f"{FOLLOW}_{re.sub('[^a-z0-9_]', '_', datastore.lower())}_{direction}"[:LONGEST_NAME]


def ahead_of(name: str) -> str:
    """Of the slot that keeps changes until it is known where the slot ``name`` begins."""
    return f"{name[: LONGEST_NAME - len(AHEAD)]}{AHEAD}"


def role_of(datastore: str) -> str:
    return f"{FOLLOWER}_{re.sub('[^a-z0-9_]', '_', datastore.lower())}"[:LONGEST_NAME]


@dataclass(frozen=True)
class Slot:
    """``lag`` and ``kept`` in bytes of WAL; ``room`` until the server gives the slot up, None without a limit."""

    active: bool
    status: str | None
    lag: int
    kept: int
    room: int | None

    @property
    def lost(self) -> bool:
        return self.status == "lost"


def slot(cursor: Any, name: str) -> Slot | None:
    cursor.execute(_SLOT, (name,))
    row = cursor.fetchone()
    return Slot(row[0], row[1], row[2] or 0, row[3] or 0, row[4]) if row else None


def publish(connection: Any, seconds: float) -> list[str]:
    """Gives keys, then publishes every table that has changes to follow; titles of the tables that are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('wal_level')")
        if cursor.fetchone()[0] != "logical":
            raise FollowError(
                "The server runs with another wal_level than logical, which following needs: ALTER SYSTEM SET "
                "wal_level = logical and one "
                "restart of it, planned, for it ends every connection; or move this database by freeze-copy."
            )
        patience.run(connection, keys.needed(cursor), seconds)
        tables = [table for table in keys.gather(cursor) if not (table.unlogged or table.filtered)]
        left_out = [table.title for table in keys.gather(cursor) if table.unlogged or table.filtered]
        names = ", ".join([*(f"ONLY {table.quoted}" for table in tables), qualified(SCHEMA, "mark")])
        cursor.execute("SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = %s", (FOLLOW,))
        verb = "ALTER PUBLICATION {} SET TABLE {}" if cursor.fetchone() else "CREATE PUBLICATION {} FOR TABLE {}"
        patience.run(connection, [patience.Work("The publication", 0, (verb.format(FOLLOW, names),))], seconds)
    return left_out


def unpublished(cursor: Any) -> list[str]:
    """Tables that have changes to follow and are not in the publication: made since."""
    cursor.execute(
        "SELECT schemaname || '.' || tablename FROM pg_catalog.pg_publication_tables WHERE pubname = %s", (FOLLOW,)
    )
    there = {name for (name,) in cursor.fetchall()}
    return [
        table.title
        for table in keys.gather(cursor)
        if not (table.unlogged or table.filtered) and table.title not in there
    ]


def seed_slot(endpoint: Endpoint, database: str, name: str, seconds: float) -> tuple[Any, str]:
    """A slot, and a snapshot of exactly where it begins, valid as long as the connection that is returned is open.

    It begins when every transaction that is under way now has ended: that is waited for so many ``seconds``.
    """
    connection = endpoint.connect(database, replication=True)
    patient = threading.Timer(seconds, connection.cancel)
    patient.start()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE_REPLICATION_SLOT {identifier(name)} LOGICAL pgoutput EXPORT_SNAPSHOT")
            return connection, cursor.fetchone()[2]
    except BaseException as error:
        connection.close()
        if getattr(error, "pgcode", "") != _CANCELLED:
            raise
        with endpoint.cursor(database) as cursor:
            found = writers.named_older(cursor)
        raise FollowError(
            f"{endpoint.title}, database {database}: following can't begin before every transaction that was "
            f"under way has ended, "
            f"and after {seconds:.0f} s there is {found}. Wait until it ends, or end it, then run again."
        ) from None
    finally:
        patient.cancel()


def make_slot(cursor: Any, name: str) -> None:
    """A slot that begins now. May be repeated."""
    if slot(cursor, name) is None:
        cursor.execute("SELECT pg_catalog.pg_create_logical_replication_slot(%s, 'pgoutput')", (name,))


def advance(cursor: Any, name: str) -> None:
    """Lets the slot begin here: nothing before this moment is repeated, nothing after it is skipped."""
    cursor.execute("SELECT pg_catalog.pg_logical_emit_message(true, %s, %s)", (FOLLOW, name))
    cursor.execute("SELECT pg_catalog.pg_replication_slot_advance(%s, pg_catalog.pg_current_wal_lsn())", (name,))


def make_reader(cursor: Any, datastore: str) -> str:
    """The role as which the other side reads, with a new password, which is returned and kept nowhere here."""
    role, password = role_of(datastore), secrets.token_urlsafe(32)
    cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    cursor.execute(f"{verb} ROLE {identifier(role)} LOGIN REPLICATION PASSWORD {literal(verifier(password))}")
    # Databases of the catalogue let nobody in by PUBLIC.
    cursor.execute("SELECT pg_catalog.current_database()")
    cursor.execute(f"GRANT CONNECT ON DATABASE {identifier(cursor.fetchone()[0])} TO {identifier(role)}")
    return password


def drop_reader(cursor: Any, datastore: str) -> None:
    role = role_of(datastore)
    cursor.execute("SELECT pg_catalog.current_database() FROM pg_catalog.pg_roles WHERE rolname = %s", (role,))
    if found := cursor.fetchone():
        cursor.execute(f"REVOKE CONNECT ON DATABASE {identifier(found[0])} FROM {identifier(role)}")
    cursor.execute(f"DROP ROLE IF EXISTS {identifier(role)}")


def place(endpoint: Endpoint, reached: Mapping[str, Any]) -> tuple[str, str]:
    """Host and port at which the other side reaches this one."""
    host, port = reached.get("host") or endpoint.host, reached.get("port") or endpoint.port
    if str(host).startswith("/"):
        raise FollowError(
            f"{endpoint.title} is known by its socket only, which the other server can't use. Say at which "
            f"address it is reached (reached: …)."
        )
    return str(host), str(port)


def reader(cursor: Any, datastore: str, endpoint: Endpoint, name: str, reached: Mapping[str, Any]) -> dict[str, Any]:
    """How the other side connects to this one, as a role that it may only read changes as."""
    host, port = place(endpoint, reached)
    return {
        "host": host,
        "port": port,
        "user": role_of(datastore),
        "password": make_reader(cursor, datastore),
        "dbname": name,
        "sslmode": reached.get("sslmode") or endpoint.sslmode,
        "connect_timeout": 10,
        "application_name": FOLLOW,
    }


def withdraw(connection: Any, datastore: str, name: str, seconds: float) -> None:
    """Slot, publication and role; the keys stay, for the other direction needs them too."""
    with connection.cursor() as cursor:
        drop_slot(cursor, name)
        drop_slot(cursor, ahead_of(name))
        patience.run(
            connection, [patience.Work("The publication", 0, (f"DROP PUBLICATION IF EXISTS {FOLLOW}",))], seconds
        )
        drop_reader(cursor, datastore)


def remove(connection: Any, datastore: str, name: str, seconds: float) -> None:
    """Everything, and the keys that only following needed."""
    withdraw(connection, datastore, name, seconds)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.identity",))
        if cursor.fetchone()[0]:
            patience.run(connection, keys.returned(cursor), seconds)


def keep(cursor: Any, name: str, place: str) -> None:
    """A slot ``place`` where ``name`` is, on disk. Where a slot was advanced to is not, before the next checkpoint:
    a server that crashes in between would send everything since it was made."""
    drop_slot(cursor, place)
    cursor.execute("SELECT pg_catalog.pg_copy_logical_replication_slot(%s, %s)", (name, place))


def drop_slot(cursor: Any, name: str) -> None:
    """A forgotten slot fills the disk: it is seen gone."""
    until = time.monotonic() + SLOT_SECONDS
    while (found := slot(cursor, name)) is not None:
        if found.active:
            cursor.execute("SELECT pg_catalog.pg_terminate_backend(active_pid) FROM "
                           "pg_catalog.pg_replication_slots WHERE slot_name = %s", (name,))  # fmt: skip
        try:
            cursor.execute("SELECT pg_catalog.pg_drop_replication_slot(%s)", (name,))
        except Exception as error:
            if getattr(error, "pgcode", "") != _IN_USE or time.monotonic() > until:
                raise
            time.sleep(0.05)


def cut_off(endpoint: Endpoint, name: str) -> None:
    """Drops the slot of a beginning that was cut off, with whatever still holds its snapshot."""
    with endpoint.cursor() as cursor:
        drop_slot(cursor, name)


def close(connection: Any) -> None:
    with suppress(Exception):
        connection.close()
