# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is of a fence in a database, and what keeps it from being whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..quoting import Qualified
from .definitions import EVENT_TRIGGERS, SCHEMA, TITLE, TRIGGER, TRIGGER_BITS, bodies, version
from .row import Row, read

_SCHEMA = "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = %s"
# A partition too: a statement that names it does not fire its parent's triggers.
_TABLES = f"""
SELECT c.oid::bigint, n.nspname, c.relname,
  CASE WHEN t.oid IS NULL THEN 'missing' WHEN t.tgenabled = 'D' THEN 'disabled'
    WHEN t.tgenabled = 'A' AND t.tgtype = {TRIGGER_BITS} AND t.tgqual IS NULL AND t.tgattr::text = ''
      AND t.tgfoid = (SELECT p.oid FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace
        WHERE s.nspname = '{SCHEMA}' AND p.proname = 'refuse_write') THEN 'enabled'
    ELSE 'altered' END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND t.tgname = '{TRIGGER}'
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
  AND n.nspname NOT IN ('information_schema', '{SCHEMA}')
ORDER BY n.nspname, c.relname"""
_FUNCTIONS = (
    "SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = %s"
)
_EVENT_TRIGGERS = """
SELECT t.evtname, t.evtevent, p.proname FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid
  JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = %s AND t.evtenabled = 'A' AND t.evttags IS NULL"""
_FOREIGN = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'f' ORDER BY 1"""
_SETTING = "SELECT setting FROM pg_settings WHERE name = 'event_triggers'"
ENABLED, MISSING = "enabled", "missing"
MOST_NAMED = 5


@dataclass(frozen=True)
class Table(Qualified):
    """``trigger``: *enabled*, *disabled*, *altered* or *missing*."""

    oid: int
    schema: str
    name: str
    trigger: str


@dataclass(frozen=True)
class Found:
    """``comment`` of schema ``migration``; None where there is none. The sets hold what is as it must be."""

    comment: str | None
    row: Row | None
    tables: tuple[Table, ...]
    functions: frozenset[str]
    event_triggers: frozenset[str]
    foreign_tables: tuple[str, ...]
    event_triggers_fire: bool = True

    @property
    def installed(self) -> bool:
        return self.row is not None

    @property
    def ours(self) -> bool:
        """Whether schema ``migration`` is the fence's."""
        return self.comment is not None and self.comment.startswith(TITLE)

    @property
    def current(self) -> bool:
        return self.comment == TITLE + version()

    @property
    def unfenced(self) -> tuple[Table, ...]:
        return tuple(table for table in self.tables if table.trigger != ENABLED)

    def problems(self) -> list[str]:
        """Sentences; empty when every write that PostgreSQL knows is refused while the row says so."""
        return list(self._problems())

    def _problems(self) -> Iterator[str]:
        if not self.installed:
            yield "it is not installed"
            return
        if not self.current:
            yield "it was put in by another release"
        for name in sorted(bodies().keys() - self.functions):
            yield f"its function {SCHEMA}.{name} was altered"
        for name in sorted(EVENT_TRIGGERS.keys() - self.event_triggers):
            yield f"its event trigger {name} is missing or not enabled always"
        if not self.event_triggers_fire:
            yield "the server runs with event_triggers = off, so that DDL is not refused"
        if self.foreign_tables:
            yield f"{_listed(self.foreign_tables)} of another server can't be fenced here (foreign tables)"
        for state in ("missing", "disabled", "altered"):
            if tables := [table.title for table in self.unfenced if table.trigger == state]:
                yield f"the trigger {TRIGGER} is {state} on {_listed(tables)}"


def gather(cursor: Any) -> Found:
    """Everything of the fence in the cursor's database."""
    cursor.execute(_SCHEMA, (SCHEMA,))
    comment = cursor.fetchone()
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{SCHEMA}.fence",))
    row = read(cursor) if cursor.fetchone()[0] else None
    cursor.execute(_TABLES)
    tables = tuple(Table(*each) for each in cursor.fetchall())
    cursor.execute(_FUNCTIONS, (SCHEMA,))
    wanted = bodies()
    functions = frozenset(name for name, body in cursor.fetchall() if wanted.get(name) == body)
    cursor.execute(_EVENT_TRIGGERS, (SCHEMA,))
    events = frozenset(name for name, *rest in cursor.fetchall() if EVENT_TRIGGERS.get(name) == tuple(rest))
    cursor.execute(_FOREIGN)
    foreign = tuple(name for (name,) in cursor.fetchall())
    cursor.execute(_SETTING)
    setting = cursor.fetchone()
    return Found(comment and comment[0], row, tables, functions, events, foreign, not setting or setting[0] == "on")


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
