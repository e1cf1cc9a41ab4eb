# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's sessions: as a role of its own that passes the fence's event triggers, each commit on disk before it
returns."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ..endpoint import APPLICATION, Endpoint
from ..quoting import identifier, literal
from .definitions import CONTROLLER

LOCK_TIMEOUT_MS = 100
"""A lock that is waited for makes every later write wait behind it."""
STATEMENT_TIMEOUT_MS = 10_000
_EXISTS = ("42710", "23505")


def controller(endpoint: Endpoint, database: str, name: str = APPLICATION, *, make_role: bool = False) -> Any:
    """A session in autocommit. ``name`` is its ``application_name``: a recovery ends all sessions of a window by it."""
    connection = endpoint.connect(database, name=name)
    try:
        with connection.cursor() as cursor:
            if make_role:
                _make_role(cursor)
            cursor.execute(f"SET SESSION AUTHORIZATION {identifier(CONTROLLER)}")
            for setting, value in SETTINGS.items():
                cursor.execute(f"SET {setting} = {literal(value)}")
    except BaseException:
        connection.close()
        raise
    return connection


SETTINGS = {
    "synchronous_commit": "on",
    "lock_timeout": f"{LOCK_TIMEOUT_MS}ms",
    "statement_timeout": f"{STATEMENT_TIMEOUT_MS}ms",
    "search_path": "pg_catalog",
    "client_min_messages": "error",
    "session_replication_role": "origin",
}


def role_is_there(cursor: Any) -> bool:
    cursor.execute("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %s", (CONTROLLER,))
    return cursor.fetchone() is not None


def _make_role(cursor: Any) -> None:
    """A superuser, for it ends superusers' sessions; without LOGIN, so that only a superuser's session can become
    it."""
    if role_is_there(cursor):
        return
    try:
        cursor.execute(f"CREATE ROLE {identifier(CONTROLLER)} SUPERUSER NOLOGIN")
    except Exception as error:
        # Another database's fence is put in at the same time.
        if getattr(error, "pgcode", "") not in _EXISTS:
            raise


def drop_role(endpoint: Endpoint) -> bool:
    """Drops the role unless something of it is left in any database; whether it is gone."""
    with endpoint.cursor() as cursor:
        if not role_is_there(cursor):
            return True
        cursor.execute(
            "SELECT 1 FROM pg_catalog.pg_shdepend WHERE refclassid = 'pg_catalog.pg_authid'::regclass "
            "AND refobjid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = %s)",
            (CONTROLLER,),
        )
        if cursor.fetchone():
            return False
        with suppress(Exception):
            cursor.execute(f"DROP ROLE {identifier(CONTROLLER)}")
            return True
    return False
