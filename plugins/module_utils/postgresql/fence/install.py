# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a fence into a live database, and taking it out, table by table; what was cut off goes on from where it
was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..endpoint import APPLICATION, Endpoint
from ..quoting import identifier, literal
from . import look, patience, sessions
from .definitions import (
    EVENT_TRIGGERS,
    FUNCTIONS,
    HOME,
    OPEN,
    SCHEMA,
    TABLES,
    TITLE,
    TRIGGER,
    bodies,
    version,
)
from .errors import FenceError
from .row import FIRST_EPOCH, take_away, transaction

ROUNDS = 5
"""A table that is made while the others are fenced is found in the next round."""
_DEPENDENT = "2BP01"
OWN_TABLES = ("fence", "rights", "mark", "ddl", "identity", "baseline")


def refusal(found: look.Found, title: str) -> str:
    """Why no fence can be put into this database; empty where one can."""
    if found.comment is not None and not found.ours:
        return (
            f"{title} has a schema {SCHEMA} that is not the fence's. Rename it (ALTER SCHEMA {SCHEMA} RENAME "
            f"TO …), then run again."
        )
    if found.installed and not found.current:
        return (
            f"{title} holds the fence of another release. Take that out first (state: removed), then put this one in."
        )
    if found.foreign_tables:
        return (
            f"{title} has foreign tables ({', '.join(found.foreign_tables[: look.MOST_NAMED])}): what is "
            f"written to them goes to another "
            "server, which no fence here covers. Drop them, or move this database while its services are stopped."
        )
    return ""


def steps(found: look.Found) -> list[str]:
    """Titles of what is to be done so that the fence is whole; empty where it is."""
    wanted = [] if found.installed else [f"schema {SCHEMA}"]
    wanted += [f"function {SCHEMA}.{name}" for name in sorted(bodies().keys() - found.functions)]
    wanted += [f"event trigger {name}" for name in sorted(EVENT_TRIGGERS.keys() - found.event_triggers)]
    return wanted + [f"trigger on {table.title}" for table in found.unfenced]


def install(
    endpoint: Endpoint,
    database: str,
    state: str,
    seconds: float,
    name: str = APPLICATION,
    done: Callable[[patience.Work], None] = lambda work: None,
) -> look.Found:
    """Puts the fence in, born in ``state``, within ``seconds``; one that is there already keeps its state."""
    connection = sessions.controller(endpoint, database, name, make_role=True)
    try:
        with connection.cursor() as cursor:
            found = look.gather(cursor)
            if text := refusal(found, f"{endpoint.title}, database {database}"):
                raise FenceError(text)
            _found(cursor, found, state)
            _event_triggers(cursor, found)
            for __ in range(ROUNDS):
                found = look.gather(cursor)
                if not found.unfenced:
                    break
                patience.run(connection, [_fencing(table) for table in found.unfenced], seconds, done)
            return found
    finally:
        connection.close()


def _found(cursor: Any, found: look.Found, state: str) -> None:
    """Schema, tables, row and functions, in one transaction: nothing of it locks anything of the application's."""
    with transaction(cursor):
        if not found.installed:
            cursor.execute(f"CREATE SCHEMA {SCHEMA}")
            cursor.execute(TABLES)
            cursor.execute(
                f"INSERT INTO {SCHEMA}.fence (state, epoch, home) VALUES (%s, %s, {HOME})", (state, FIRST_EPOCH)
            )
            cursor.execute(f"COMMENT ON SCHEMA {SCHEMA} IS {literal(TITLE + version())}")
            if state != OPEN:
                take_away(cursor)
        for name, text in FUNCTIONS.items():
            if name not in found.functions:
                cursor.execute(text)


def _event_triggers(cursor: Any, found: look.Found) -> None:
    """Before the tables: what is made from now on is fenced as it is made."""
    for name, (event, function) in EVENT_TRIGGERS.items():
        if name not in found.event_triggers:
            with transaction(cursor):
                cursor.execute(f"DROP EVENT TRIGGER IF EXISTS {identifier(name)}")
                cursor.execute(
                    f"CREATE EVENT TRIGGER {identifier(name)} ON {event} EXECUTE FUNCTION {SCHEMA}.{function}()"
                )
                cursor.execute(f"ALTER EVENT TRIGGER {identifier(name)} ENABLE ALWAYS")


def _fencing(table: look.Table) -> patience.Work:
    call = f"SELECT {SCHEMA}.fence_table({literal(table.quoted)}::regclass)"
    return patience.Work(f"The fence on {table.title}", table.oid, (call,))


def removal_refusal(found: look.Found, title: str) -> str:
    """Why the fence can't be taken out; empty where it can."""
    if found.comment is not None and not found.ours:
        return f"{title} has a schema {SCHEMA} that is not the fence's; it is left alone."
    if found.row and found.row.state != OPEN:
        return (
            f"{title} is {found.row}: without its fence both sides could be written to. Open it first (state: "
            f"open), or leave the "
            "fence in: a database that is dropped takes it along."
        )
    return ""


def remove(
    endpoint: Endpoint,
    database: str,
    seconds: float,
    name: str = APPLICATION,
    done: Callable[[patience.Work], None] = lambda work: None,
) -> None:
    """Takes the fence out of an open database."""
    title = f"{endpoint.title}, database {database}"
    connection = sessions.controller(endpoint, database, name, make_role=True)
    try:
        with connection.cursor() as cursor:
            found = look.gather(cursor)
            if text := removal_refusal(found, title):
                raise FenceError(text)
            if found.installed:
                cursor.execute(f"SELECT string_agg(relation, ', ') FROM {SCHEMA}.identity")
                if changed := cursor.fetchone()[0]:
                    raise FenceError(
                        f"{title} still has the replica identities that following needed ({changed}). End that first "
                        "(postgresql_follow, state: absent)."
                    )
            for each in EVENT_TRIGGERS:
                cursor.execute(f"DROP EVENT TRIGGER IF EXISTS {identifier(each)}")
            for last in range(ROUNDS):
                left = [table for table in look.gather(cursor).tables if table.trigger != look.MISSING]
                patience.run(connection, [_freeing(table) for table in left], seconds, done)
                try:
                    _drop(cursor)
                    break
                except Exception as error:
                    if getattr(error, "pgcode", "") != _DEPENDENT or last == ROUNDS - 1:
                        raise
    finally:
        connection.close()
    sessions.drop_role(endpoint)


def _freeing(table: look.Table) -> patience.Work:
    statement = f"DROP TRIGGER IF EXISTS {TRIGGER} ON {table.quoted}"
    return patience.Work(f"The fence on {table.title}", table.oid, (statement,))


def _drop(cursor: Any) -> None:
    with transaction(cursor):
        for name in FUNCTIONS:
            cursor.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.{name}")
        for name in OWN_TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{name}")
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA}")
