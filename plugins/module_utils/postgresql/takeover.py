# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that was there before the platform: what its owner has set stays, and what the platform needs beside that.

Such a cluster is its owner's. The platform adds roles, databases and doors of its own, and of settings only those that
it cannot do without; where the owner has set one of those, the owner's value stays and a finding says what it means.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ..findings import BLOCKING, NOTE, WARNING, Finding
from ..undo.record import fold
from . import psql, settings
from .cluster import Cluster

OURS = "conf.d/cryptobot.conf"
PACKAGED: Mapping[str, str] = {"listen_addresses": "localhost", "max_connections": "100"}
"""What Debian's own postgresql.conf says: nobody has chosen it."""
LEVELS = ("minimal", "replica", "logical")
ANYWHERE = ("*", "0.0.0.0", "::")
QUERY = """SELECT json_build_object(
'files', (SELECT json_agg(json_build_array(name, setting, sourcefile, sourceline) ORDER BY seqno) FROM pg_file_settings
          WHERE name IN ({names})),
'live', (SELECT json_object_agg(name, json_build_array(setting, unit, vartype, context,
         coalesce(sourcefile || ' line ' || sourceline, source))) FROM pg_settings WHERE name IN ({names})),
'roles', (SELECT json_agg(rolname) FROM pg_roles), 'databases', (SELECT json_agg(datname) FROM pg_database),
'hba_file', current_setting('hba_file'), 'ident_file', current_setting('ident_file'), 'follows', pg_is_in_recovery())"""
NAMES = (
    "listen_addresses",
    "max_connections",
    "max_logical_replication_workers",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "wal_level",
)
"""What the platform may set in such a cluster; others are never read, for a value can be a secret."""


@dataclass(frozen=True)
class Setting:
    """A value that the owner has set, and the file and line where it stands."""

    value: str
    place: str


@dataclass(frozen=True)
class Server:
    """What a cluster that was there said of itself. ``chosen``: what its owner has set of ``NAMES``."""

    chosen: Mapping[str, Setting] = field(default_factory=dict)
    live: Mapping[str, settings.Live] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    databases: frozenset[str] = frozenset()
    hba_file: str = ""
    ident_file: str = ""
    follows: bool = False


def is_foreign(lines: Iterable[Mapping[str, Any]], cluster: Cluster | None) -> bool:
    """Whether a cluster was there before the platform: by the host's record its package did not come with it."""
    if cluster is None:
        return False
    package = f"postgresql-{cluster.version}"
    return not any(each.kind == "package" and each.target == package and each.was is None for each in fold(lines))


def argv(port: int) -> list[str]:
    """The program that asks, as the server's administrator; nobody is asked for a password."""
    names = ", ".join(f"'{name}'" for name in NAMES)
    return [*psql.as_administrator(port), "-c", QUERY.format(names=names)]


def parse(said: str) -> Server | None:
    """What the query gave; ``None`` where the server gave no answer."""
    if not said.strip():
        return None
    known = json.loads(said)
    chosen: dict[str, Setting] = {}
    for name, value, file, line in known["files"] or []:
        if file.endswith(OURS):
            continue
        # The last one wins, as in the server; a packaged value behind another is somebody's choice as well.
        if name in chosen or PurePath(file).name != "postgresql.conf" or value != PACKAGED.get(name):
            chosen[name] = Setting(value, f"{file} line {line}")
    live = {name: settings.Live(*row) for name, row in (known["live"] or {}).items()}
    for name, row in live.items():
        if row.source in ("command line", "environment variable"):
            chosen[name] = Setting(row.value, f"the {row.source} of the server")
    return Server(
        chosen,
        live,
        frozenset(known["roles"]),
        frozenset(known["databases"]),
        known["hba_file"],
        known["ident_file"],
        known["follows"],
    )


def refusal(
    cluster: Cluster, server: Server | None, created: Iterable[tuple[str, str]], wanted: Mapping[str, Iterable[str]]
) -> str:
    """Why it cannot be taken over, with what to do; empty when it can.

    ``created``: kind and name of what the platform has made there; ``wanted``: names of its ``roles`` and
    ``databases``, and of those that are the platform's although others made them, ``adopted``.
    """
    where = f"PostgreSQL {cluster.version} of this host was there before the platform"
    if server is None:
        return (
            f"{where}, and its administrator cannot come in at port {cluster.port}, so nobody can say what is in it. "
            f"Start it (pg_ctlcluster {cluster.version} {cluster.name} start), and see that pg_hba.conf lets the system"
            " user postgres in: the line local all postgres peer, above others that fit."
        )
    if server.follows:
        return (
            f"{where} and follows another server, so nothing can be written there. Put the other server into the group "
            "cryptobot_database, or end it (pg_ctlcluster promote)."
        )
    mine = {*created, *((kind, name) for kind in ("role", "database") for name in wanted.get("adopted") or ())}
    clashes = [
        f"{kind} {name}"
        for kind, wishes, there in (
            ("database", wanted.get("databases") or (), server.databases),
            ("role", wanted.get("roles") or (), server.roles),
        )
        for name in sorted({*wishes} & there)
        if (kind, name) not in mine
    ]
    if not clashes:
        return ""
    return (
        f"{where} and has what the platform would make there, not made by it: {', '.join(clashes)}. Rename those"
        " (ALTER DATABASE, ALTER ROLE … RENAME TO …), or give the datastore another database in the catalogue; what is"
        " meant to become the platform's, name in postgresql_adopt."
    )


def created(lines: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Kind and name of the roles and databases that the platform has made on a host."""
    entries = [each for each in fold(lines) if each.kind == "postgresql" and each.was is None]
    pairs = (each.target.partition(" ") for each in entries)
    return {(kind, name) for kind, __, name in pairs if kind in ("role", "database")}


def moved_in(lines: Iterable[Mapping[str, Any]], databases: Mapping[str, str]) -> list[tuple[str, str, Any, Any]]:
    """Lines of the record for databases that a migration makes, by name their owners; those that it knows have none."""
    known = created(lines)
    return [
        ("postgresql", f"database {name}", None, {"owner": owner})
        for name, owner in databases.items()
        if ("database", name) not in known
    ]


def moved_out(lines: Iterable[Mapping[str, Any]], databases: Mapping[str, str]) -> list[tuple[str, str, Any, Any]]:
    """The same for those that are gone again."""
    known = created(lines)
    return [
        ("postgresql", f"database {name}", {"owner": owner}, None)
        for name, owner in databases.items()
        if ("database", name) in known
    ]


def needs(wanted: Mapping[str, str], chosen: Iterable[str], extra: Mapping[str, str]) -> dict[str, str]:
    """Of all settings of the platform those that it writes into somebody else's cluster; ``extra``: the operator's."""
    kept = {*chosen}
    found = {name: wanted[name] for name in NAMES if name in wanted and name not in kept}
    if found.get("listen_addresses") == PACKAGED["listen_addresses"]:
        del found["listen_addresses"]
    return {**found, **{name: str(value) for name, value in extra.items()}}


def findings(
    cluster: Cluster, server: Server, wanted: Mapping[str, str], extra: Mapping[str, str], known: bool = False
) -> Iterator[Finding]:
    """What the take-over does to what is there. ``wanted``: all settings of the platform on this host; ``known``: it
    was taken over before, and there is nothing to say but what changes."""
    asked = {name: wanted[name] for name in NAMES if name in wanted and name not in extra}
    for name, setting in server.chosen.items():
        if name in asked and (why := _short(name, setting.value, asked[name])):
            yield _kept(name, setting, asked[name], why)
    written = needs(wanted, server.chosen, extra)
    different = settings.differences(written, server.live)
    restart = [name for name in different if server.live[name].context == "postmaster"]
    text = (
        f"PostgreSQL {cluster.version} is there. Its cluster main is taken over: other databases, roles and doors stay"
        " as they are, and so does every setting that somebody has chosen."
    )
    if restart:
        changes = ", ".join(f"{name} {server.live[name].value} -> {written[name]}" for name in restart)
        text += f" The server restarts once, for {changes}: whoever is connected has to connect again."
        remedy = "Let its users know, and run site when they can bear it. What must stay, name in postgresql_settings."
    elif different:
        text += f" It is reloaded for {', '.join(different)}."
        remedy = "Nothing, if that is meant."
    elif known:
        return
    else:
        text += " It is not restarted."
        remedy = "Nothing, if that is meant."
    yield Finding(
        NOTE, "take-over", "postgresql", text, remedy, f"pg_lsclusters: {cluster.version} main, port {cluster.port}"
    )


def _kept(name: str, setting: Setting, asked: str, why: str) -> Finding:
    place = f"{name} = {setting.value} in {setting.place}"
    if name == "listen_addresses":
        both = ", ".join([*_addresses(setting.value), *(each for each in _addresses(asked) if each != "localhost")])
        text = f"PostgreSQL listens at {setting.value or 'no address'}, and {why}."
        return Finding(BLOCKING, "kept-setting", name, text, f"Set postgresql_listen_addresses: [{both}].", place)
    text = f"{name} is {setting.value}, which somebody has chosen: it stays, although {why}."
    return Finding(
        WARNING, "kept-setting", name, text, f"To have it changed: postgresql_settings: {{{name}: {asked}}}.", place
    )


def _short(name: str, value: str, asked: str) -> str:
    """Why a value that stays is less than what is asked for; empty where it is enough."""
    if name == "listen_addresses":
        there = _addresses(value)
        missing = [each for each in _addresses(asked) if each not in ("localhost", *there)]
        covered = not missing or any(each in ANYWHERE for each in there)
        return "" if covered else f"services on other hosts come in at {', '.join(missing)}"
    if name == "wal_level":
        known = value.lower() in LEVELS and LEVELS.index(value.lower()) >= LEVELS.index(asked)
        return "" if known else "a migration needs logical for its way back"
    number = value.isdigit() and int(value) < int(asked)
    return f"the platform asks for {asked}" if number else ""


def _addresses(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]
