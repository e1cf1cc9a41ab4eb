# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at right before a copy: everything that would make it fail later, or end in something half."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import inventory, strategy
from ..endpoint import Endpoint
from ..fence.travel import OUTSIDE
from ..roles_map import RolesMap
from . import database
from .errors import TransferError

if TYPE_CHECKING:
    from .call import Wish

MOST_NAMED = 5
COLUMNS = f"""
SELECT n.nspname || '.' || c.relname, array_agg(a.attname::text ORDER BY a.attname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', %s) AND {OUTSIDE}
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY 1"""


def check(source: Endpoint, target: Endpoint, wish: Wish, roles: RolesMap, back: bool, replace: bool = False) -> None:
    """Raises with all that stands in the way of copying one database."""
    if not back and not replace:
        with target.cursor() as cursor:
            there = database.find(cursor, wish.target)
        if there is not None:
            refuse_contents(target, wish.target)
    servers = inventory.server(source), inventory.server(target)
    shown = inventory.database(source, wish.source)
    found = strategy.findings(
        wish.datastore, shown, servers[0], servers[1], wish.locale, back=back, whole=wish.way == "archive"
    )
    blocking = [each for each in found if each["severity"] == strategy.BLOCKING and each["code"] != "target-not-empty"]
    if blocking:
        raise TransferError(" ".join(f"{each['text']} {each['remedy']}" for each in blocking))
    if back:
        same_tables(source, wish.source, target, wish.target)
    with target.cursor() as cursor:
        owners_exist(cursor, [roles], target)


def refuse_contents(target: Endpoint, name: str) -> None:
    """Refuses a database that holds anything; one that was only made is no obstacle."""
    found = database.contents(target, name)
    if found:
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise TransferError(
            f"The database {name} on {target.title} is there already and not empty: {', '.join(found[:MOST_NAMED])}{more}. Nothing was "
            f"changed. If it is not needed, rename it (ALTER DATABASE {name} RENAME TO {name}_old) or drop it, then run again."
        )


def owners_exist(cursor: Any, maps: Iterable[RolesMap], target: Endpoint) -> None:
    """The catalogue's own roles are made by the role postgresql, before."""
    wanted = {each.owner for each in maps} | {
        role for each in maps for native in each.logins.values() for role in native
    }
    cursor.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", (sorted(wanted),))
    missing = sorted(wanted - {row[0] for row in cursor.fetchall()})
    if missing:
        raise TransferError(
            f"{target.title} lacks the role{'s' if len(missing) > 1 else ''} {', '.join(missing)}. Run the preparation first (the roles "
            "of the catalogue are made there), then run again."
        )


def same_tables(source: Endpoint, name: str, target: Endpoint, into: str) -> None:
    """On the way back: every table that was written natively must be in the Compose project's own schema."""
    found = []
    for server, where in ((source, name), (target, into)):
        with server.cursor(where) as cursor:
            cursor.execute(COLUMNS, (database.BOOKS,))
            found.append(dict(cursor.fetchall()))
    native, docker = found
    wrong = [f"{table} is not there" for table in sorted(native.keys() - docker.keys())]
    wrong += [f"{table} is not there natively any more" for table in sorted(docker.keys() - native.keys())]
    wrong += [
        f"{table} has other columns ({', '.join(sorted(set(native[table]) ^ set(docker[table])))})"
        for table in sorted(native.keys() & docker.keys())
        if native[table] != docker[table]
    ]
    if wrong:
        raise TransferError(
            f"The native schema of {name} is no longer that of {into} on {target.title}: {'; '.join(wrong[:MOST_NAMED])}. A release has "
            "migrated it since. Migrate it down natively (alembic downgrade), or migrate the Compose side up, then run again."
        )
