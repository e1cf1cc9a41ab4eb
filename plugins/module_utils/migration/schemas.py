# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the databases of the source for the revision of their schema."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..files.place import Place
from ..files.scan import scan
from ..postgresql import endpoint as endpoints
from ..postgresql.endpoint import Endpoint
from ..sqlite import database
from .revisions import TABLE, Schema, Scripts

TABLES = """
SELECT n.nspname, c.relname, bool_or(a.attname = 'version_num') FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^(pg_|information_schema$)'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') GROUP BY 1, 2 ORDER BY 1, 2
"""
SQLITE_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
)


def read(
    servers: Iterable[Mapping[str, Any]], files: Iterable[Mapping[str, Any]], scripts: Sequence[Scripts]
) -> list[Schema]:
    """Of the datastores that a release has scripts for; of servers none where python3-psycopg2 is not there yet, which
    M(cryptobot.native.postgresql_inventory_info) notes."""
    wanted = {store for each in scripts for store in each.datastores}
    found = []
    if endpoints.psycopg2 is None:
        servers = ()
    for server in servers:
        mine = [each for each in server["databases"] if each["datastore"] in wanted]
        endpoint = Endpoint.from_options(server["source"]) if mine else None
        found += [_postgresql(endpoint, each["datastore"], each["source"]) for each in mine if endpoint]
    return found + [_sqlite(each) for each in files if each["datastore"] in wanted]


def _postgresql(endpoint: Endpoint, datastore: str, name: str) -> Schema:
    versions: dict[str, list[str]] = {}
    with endpoint.cursor(name) as cursor:
        cursor.execute(TABLES)
        tables = cursor.fetchall()
        for schema, table, versioned in tables:
            if versioned and table.startswith(TABLE):
                quoted = ".".join('"{}"'.format(word.replace('"', '""')) for word in (schema, table))
                cursor.execute(f"SELECT version_num FROM {quoted} ORDER BY 1")
                versions[table] = [str(row[0]) for row in cursor.fetchall()]
    return Schema(datastore, name, versions, not tables)


def _sqlite(store: Mapping[str, Any]) -> Schema:
    place, wanted = Place.from_options(store["source"]), os.fsencode(store["file"])
    found = [each.path for each in scan(place, sqlite=True).databases]
    # As the copy takes it: by its name, or because it is the only one.
    names = [wanted] if wanted in found else found
    versions: dict[str, list[str]] = {}
    if len(names) != 1:
        return Schema(store["datastore"], store["file"], versions, empty=True)
    with database.reading(os.path.join(os.fsencode(place.path), names[0])) as connection:
        connection.text_factory = str
        tables = [row[0] for row in connection.execute(SQLITE_TABLES)]
        for table in (each for each in tables if each.startswith(TABLE)):
            try:
                rows = connection.execute('SELECT version_num FROM "{}" ORDER BY 1'.format(table.replace('"', '""')))
                versions[table] = [str(row[0]) for row in rows]
            except sqlite3.OperationalError:  # a table of another kind
                continue
    return Schema(store["datastore"], store["file"], versions, not tables)
