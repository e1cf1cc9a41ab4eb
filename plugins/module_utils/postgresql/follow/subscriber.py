# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that follows: one subscription."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..fence.definitions import SCHEMA
from ..fence.travel import FOLLOW
from ..quoting import identifier, literal
from .errors import FollowError

LOOK_SECONDS = 0.001
FIRST_WITH_ORIGIN = 160000
FIRST_WITH_STATS = 150000
# The statement holds a password.
_SILENT = {
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_parser_stats": "off",
}
_FOUND = """
SELECT s.subenabled, s.subslotname, (SELECT count(*) FROM pg_catalog.pg_subscription_rel r WHERE r.srsubid = s.oid
  AND r.srsubstate <> 'r'),
  EXISTS (SELECT FROM pg_catalog.pg_stat_subscription t WHERE t.subid = s.oid AND t.pid IS NOT NULL), s.oid::bigint
FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database() AND s.subname = %s"""
# Of how it connects what is no secret.
_PLACE = """
SELECT substring(subconninfo FROM 'host=''([^'']*)'''), substring(subconninfo FROM 'port=''([^'']*)''')
FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid
WHERE d.datname = current_database() AND s.subname = %s"""
_ERRORS = "SELECT apply_error_count FROM pg_catalog.pg_stat_subscription_stats WHERE subid = %s"


@dataclass(frozen=True)
class Subscription:
    """``waiting``: tables that are not ready. ``errors``: how often the apply worker has failed, None where no server
    counts it."""

    enabled: bool
    slot: str | None
    waiting: int
    working: bool
    errors: int | None = None


def find(cursor: Any, name: str) -> Subscription | None:
    cursor.execute(_FOUND, (name,))
    row = cursor.fetchone()
    if row is None:
        return None
    errors = None
    if cursor.connection.server_version >= FIRST_WITH_STATS:
        cursor.execute(_ERRORS, (row[4],))
        counted = cursor.fetchone()
        errors = counted[0] if counted else 0
    return Subscription(*row[:4], errors)


def conninfo(parts: Mapping[str, Any]) -> str:
    """As libpq reads it."""
    return " ".join(
        f"{name}='{str(value).replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'"
        for name, value in parts.items()
    )


def subscribe(cursor: Any, name: str, parts: Mapping[str, Any]) -> None:
    """A subscription to a slot that is there, not enabled yet. The password in it is only for reading changes."""
    options = f"create_slot = false, slot_name = {literal(name)}, copy_data = false, enabled = false"
    if cursor.connection.server_version >= FIRST_WITH_ORIGIN:
        # Changes that came from the other side do not go back there.
        options += ", origin = none"
    with _silently(cursor):
        cursor.execute(
            f"CREATE SUBSCRIPTION {identifier(name)} CONNECTION {literal(conninfo(parts))} PUBLICATION {FOLLOW} "
            f"WITH ({options})"
        )
        # The apply worker logs in as the owner, which the controller's role may not.
        cursor.execute("SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10")
        cursor.execute(f"ALTER SUBSCRIPTION {identifier(name)} OWNER TO {identifier(cursor.fetchone()[0])}")


def place(cursor: Any, name: str) -> tuple[str, str] | None:
    """Host and port of the server that it follows; None where there is no subscription."""
    cursor.execute(_PLACE, (name,))
    return cursor.fetchone()


def lead(cursor: Any, name: str, parts: Mapping[str, Any]) -> None:
    """Let it follow the same slot at another address."""
    with _silently(cursor):
        cursor.execute(f"ALTER SUBSCRIPTION {identifier(name)} CONNECTION {literal(conninfo(parts))}")


@contextmanager
def _silently(cursor: Any) -> Iterator[None]:
    for setting, value in _SILENT.items():
        cursor.execute(f"SET {setting} = {literal(value)}")
    yield
    for setting in _SILENT:
        cursor.execute(f"RESET {setting}")


def enable(cursor: Any, name: str, on: bool = True) -> None:
    cursor.execute(f"ALTER SUBSCRIPTION {identifier(name)} {'ENABLE' if on else 'DISABLE'}")


def unsubscribe(cursor: Any, name: str) -> bool:
    """Drops the subscription without asking the other side, which may be gone; whether there was one."""
    if find(cursor, name) is None:
        return False
    quoted = identifier(name)
    cursor.execute(f"ALTER SUBSCRIPTION {quoted} DISABLE")
    cursor.execute(f"ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE)")
    cursor.execute(f"DROP SUBSCRIPTION {quoted}")
    return True


def mark(cursor: Any, id_: str) -> None:
    """At the side that is followed. It is committed after everything that was, and so arrives after it."""
    cursor.execute(f"INSERT INTO {SCHEMA}.mark (id) VALUES (%s) ON CONFLICT DO NOTHING", (id_,))


def arrived(cursor: Any, id_: str) -> bool:
    cursor.execute(f"SELECT 1 FROM {SCHEMA}.mark WHERE id = %s", (id_,))
    return cursor.fetchone() is not None


def wait_for_mark(cursor: Any, id_: str, seconds: float, title: str) -> float:
    """Seconds until the mark was here; from then on everything that was committed before it is."""
    began = time.monotonic()
    while not arrived(cursor, id_):
        if time.monotonic() - began > seconds:
            raise FollowError(
                f"{title} did not catch up within {seconds:.0f} s. Its server's log says what the apply worker "
                f"waits for; then try again."
            )
        time.sleep(LOOK_SECONDS)
    return round(time.monotonic() - began, 4)
