# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases of a server that no datastore of the catalogue names: nothing of them would move."""

from __future__ import annotations

from collections.abc import Collection

from . import strategy
from .backup.restore import REPLACED, RESTORING
from .endpoint import Endpoint
from .transfer import database as databases

QUERY = "SELECT datname::text, pg_database_size(oid)::bigint, datallowconn FROM pg_database WHERE NOT datistemplate ORDER BY 1"
TABLES = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"
)
OURS = (databases.INCOMING, RESTORING, REPLACED)


def findings(source: Endpoint, known: Collection[str]) -> list[dict[str, str]]:
    """Those that hold something, or that nobody may look into."""
    with source.cursor() as cursor:
        cursor.execute(QUERY)
        rows = [(str(name), int(size), bool(open_)) for name, size, open_ in cursor.fetchall()]
    found = []
    for name, size, open_ in rows:
        if is_known(name, known):
            continue
        contents = databases.contents(source, name) if open_ else ["what nobody may look at: it allows no connections"]
        found += finding(name, size, contents)
    return found


def finding(name: str, size: int, contents: list[str]) -> list[dict[str, str]]:
    """None for a database that was only made."""
    if not contents:
        return []
    held = ", ".join(contents[: strategy.MOST_NAMED])
    more = len(contents) - strategy.MOST_NAMED
    text = (
        f"No datastore of the catalogue names this database, which holds {held}{f' and {more} more' if more > 0 else ''} "
        f"({strategy.mb(size)})."
    )
    remedy = f"If it matters, make it a datastore: kind: postgresql, docker: {{service: …, database: {name}}}."
    return [strategy.finding(strategy.DECISION, "unknown-database", name, text, remedy)]


def is_known(name: str, known: Collection[str]) -> bool:
    """Also what a migration, a restore or a rollback has made of a known one."""
    stem, __, run = name.partition(databases.BEFORE)
    return name in known or any(
        name in [each + suffix for suffix in OURS] or (run and stem and each.startswith(stem)) for each in known
    )
