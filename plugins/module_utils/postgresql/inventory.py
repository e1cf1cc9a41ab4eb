# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PostgreSQL server and its databases hold, as far as a move depends on it. Reads only."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

from .endpoint import Endpoint, EndpointError, binary_version
from .fence import travel
from .transfer import database as databases

_SERVER = """
SELECT version(), current_setting('server_version_num')::int, (SELECT rolname FROM pg_roles WHERE oid = 10),
  current_setting('data_directory'), current_setting('max_connections')::int, current_setting('wal_level'),
  pg_size_bytes(current_setting('max_wal_size')), (SELECT system_identifier FROM pg_control_system())::text"""
_LIMITS = "SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)"
LIMITS = ("max_logical_replication_workers", "max_replication_slots", "max_wal_senders", "max_worker_processes")
"""How many databases can follow at once depends on these."""
_ROLES = "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"
_PREPARED = "SELECT database, gid FROM pg_prepared_xacts ORDER BY 1, 2"
_AVAILABLE = "SELECT name, array_agg(version) FROM pg_available_extension_versions GROUP BY 1"
_TABLES = f"""
SELECT n.nspname || '.' || c.relname, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid), pg_indexes_size(c.oid), c.relpersistence = 'u',
  c.relispartition, c.relreplident::text,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate),
  pg_get_replica_identity_index(c.oid) IS NOT NULL,
  EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND t.typname IN ('json', 'xml', 'point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND {travel.OUTSIDE}
ORDER BY 3 DESC"""
_COUNTS = f"""
SELECT (SELECT count(*) FROM pg_largeobject_metadata), pg_relation_size('pg_largeobject'),
  (SELECT count(*) FROM pg_class WHERE relkind = 'S'), (SELECT count(*) FROM pg_class WHERE relkind = 'm'),
  (SELECT count(*) FROM pg_class WHERE relkind = 'f'), (SELECT count(*) FROM pg_event_trigger WHERE evtname NOT IN {tuple(travel.EVENT_TRIGGERS)}),
  ARRAY(SELECT pubname::text FROM pg_publication WHERE NOT starts_with(pubname::text, '{travel.FOLLOW}') ORDER BY 1),
  ARRAY(SELECT subname::text FROM pg_subscription WHERE NOT starts_with(subname::text, '{travel.FOLLOW}')
    AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1),
  ARRAY(SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND c.relkind = 'i' ORDER BY 1),
  ARRAY(SELECT DISTINCT s.spcname::text FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE s.spcname !~ '^pg_' ORDER BY 1),
  ARRAY(SELECT DISTINCT l.provider::text FROM pg_seclabel l ORDER BY 1),
  ARRAY(SELECT DISTINCT c.collname || '=' || c.collcollate FROM pg_collation c WHERE c.oid >= 16384 AND c.collprovider = 'c' AND c.collcollate IS NOT NULL)"""
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY 1"
_COLLATION = "SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()"
FIRST_WITH_COLLATION_VERSION = 150000


@dataclass(frozen=True)
class Server:
    """``version`` is the major one. ``free`` bytes are on the disk of its data, ``client`` is pg_dump's major here; None: not known."""

    title: str
    version: int
    full_version: str
    libc: str
    superuser: str
    system_identifier: str = ""
    max_connections: int = 0
    wal_level: str = ""
    max_wal_size: int = 0
    free: int | None = None
    client: int | None = None
    roles: tuple[tuple[str, bool, bool], ...] = ()
    prepared: tuple[tuple[str, str], ...] = ()
    extensions: dict[str, list[str]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    endpoint: Endpoint | None = field(default=None, repr=False, compare=False)

    def has_locale(self, locale: str) -> bool:
        """Whether the server's system knows a locale; asked of the server, without making anything."""
        if self.endpoint is None:
            return True
        with self.endpoint.cursor() as cursor:
            return databases.locale_is_there(cursor, locale)

    def described(self) -> dict[str, Any]:
        """For results and plans."""
        return {
            "title": self.title,
            "version": self.version,
            "full_version": self.full_version,
            "libc": self.libc,
            "superuser": self.superuser,
            "system_identifier": self.system_identifier,
            "max_connections": self.max_connections,
            "wal_level": self.wal_level,
            "free_bytes": self.free,
            "client_version": self.client,
            "roles": [{"name": name, "login": login, "superuser": super_} for name, login, super_ in self.roles],
        }


@dataclass(frozen=True)
class Table:
    """Sizes in bytes, rows as the last ANALYZE estimated them."""

    name: str
    rows: int
    size: int
    indexes: int
    unlogged: bool
    partition: bool
    identity: str
    primary_key: bool
    identified: bool
    incomparable: bool

    @property
    def followed(self) -> bool:
        """Whether logical replication could follow its changes as it stands."""
        return self.identified or (self.identity == "f" and not self.incomparable)


@dataclass(frozen=True)
class Database:
    """One database of the source."""

    name: str
    size: int
    encoding: str
    collate: str
    ctype: str
    provider: str
    locale: str | None
    owner: str
    tables: tuple[Table, ...] = ()
    large_objects: int = 0
    large_object_bytes: int = 0
    sequences: int = 0
    materialized_views: int = 0
    foreign_tables: int = 0
    event_triggers: int = 0
    publications: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    invalid_indexes: tuple[str, ...] = ()
    tablespaces: tuple[str, ...] = ()
    label_providers: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()
    extensions: dict[str, str] = field(default_factory=dict)
    collation_version: str | None = None
    collation_actual: str | None = None
    native: str = ""
    contents: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def table_bytes(self) -> int:
        return sum(table.size for table in self.tables)

    @property
    def index_bytes(self) -> int:
        return sum(table.indexes for table in self.tables)

    def described(self) -> dict[str, Any]:
        """For results and plans."""
        return {
            "name": self.name,
            "bytes": self.size,
            "table_bytes": self.table_bytes,
            "index_bytes": self.index_bytes,
            "rows": self.rows,
            "encoding": self.encoding,
            "collate": self.collate,
            "ctype": self.ctype,
            "owner": self.owner,
            "extensions": self.extensions,
            "large_objects": self.large_objects,
            "large_object_bytes": self.large_object_bytes,
            "sequences": self.sequences,
            "materialized_views": self.materialized_views,
            "foreign_tables": self.foreign_tables,
            "event_triggers": self.event_triggers,
            "publications": list(self.publications),
            "subscriptions": list(self.subscriptions),
            "tables": [
                {
                    "name": table.name,
                    "rows": table.rows,
                    "bytes": table.size,
                    "index_bytes": table.indexes,
                    "key": table.primary_key,
                    "replica_identity": table.followed,
                    "unlogged": table.unlogged,
                }
                for table in self.tables
            ],
        }


def server(endpoint: Endpoint) -> Server:
    """Facts of a server; needs a superuser."""
    with endpoint.cursor() as cursor:
        cursor.execute(_SERVER)
        text, number, superuser, directory, connections, wal_level, wal, identifier = cursor.fetchone()
        cursor.execute(_ROLES)
        roles = tuple(cursor.fetchall())
        cursor.execute(_PREPARED)
        prepared = tuple(cursor.fetchall())
        cursor.execute(_AVAILABLE)
        extensions = {name: list(versions) for name, versions in cursor.fetchall()}
        cursor.execute(_LIMITS, (list(LIMITS),))
        limits = dict(cursor.fetchall())
    path = endpoint.on_this_host(directory)
    return Server(
        endpoint.title, number // 10000, text, libc(text), superuser, identifier, connections, wal_level, wal,
        free_bytes(str(path)) if path else None, _client(), roles, prepared, extensions, limits, endpoint,
    )  # fmt: skip


def database(endpoint: Endpoint, name: str) -> Database:
    """Facts of one database."""
    with endpoint.cursor(name) as cursor:
        found = databases.find(cursor, name)
        if found is None:
            raise EndpointError(f"{endpoint.title} has no database {name}.")
        cursor.execute(_TABLES)
        tables = tuple(Table(*row) for row in cursor.fetchall())
        cursor.execute(_COUNTS)
        counts = cursor.fetchone()
        cursor.execute(_EXTENSIONS)
        extensions = dict(cursor.fetchall())
        versions: tuple[str | None, str | None] = (None, None)
        if cursor.connection.server_version >= FIRST_WITH_COLLATION_VERSION:
            cursor.execute(_COLLATION)
            versions = cursor.fetchone()
    return Database(
        name, found.size, found.encoding, found.collate, found.ctype, found.provider, found.locale, found.owner, tables,
        *counts[:6], *(tuple(each) for each in counts[6:]), extensions, *versions,
    )  # fmt: skip


def libc(version: str) -> str:
    """``musl`` or ``glibc``, by the platform that `version()` names; else what it names."""
    if "musl" in version:
        return "musl"
    platform = re.search(r" on (\S+?),", version)
    return "glibc" if platform and platform[1].endswith("gnu") else (platform[1] if platform else "unknown")


def free_bytes(path: str) -> int:
    """What a program that is no superuser may still write on the disk of a path, or of the nearest folder above that is there."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def _client() -> int | None:
    try:
        return binary_version()
    except (EndpointError, OSError):
        return None
