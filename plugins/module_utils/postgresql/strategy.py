# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a database may move, and what stands in its way.

Three ways: *freeze-copy* (writers stopped, all copied), *logical* (a subscription follows the source) and *standby* (a
physical replica of the whole server). A way that could lose or damage anything is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .inventory import Database, Server

BLOCKING, DECISION, NOTE = "blocking", "decision", "note"
FREEZE_COPY, LOGICAL, STANDBY = "freeze-copy", "logical", "standby"

PACKAGES = {
    "timescaledb": "timescaledb-2-postgresql-{major} from Timescale's own archive, in exactly the source's version",
    "postgis": "postgresql-{major}-postgis-3",
    "vector": "postgresql-{major}-pgvector",
    "pg_cron": "postgresql-{major}-cron",
    "pg_partman": "postgresql-{major}-partman",
    "hypopg": "postgresql-{major}-hypopg",
    "pgaudit": "postgresql-{major}-pgaudit",
    "plpython3u": "postgresql-plpython3-{major}",
    "plperl": "postgresql-plperl-{major}",
    "pltcl": "postgresql-pltcl-{major}",
}
SAME_VERSION = frozenset({"timescaledb"})
"""Extensions whose tables only their own version understands."""
MARGIN = 1.1
"""Of the disk: indexes are built anew, sorted on disk, and rows are written to the log as well."""
MOST_NAMED = 5


def finding(severity: str, code: str, name: str, text: str, remedy: str = "", datastore: str = "") -> dict[str, str]:
    return {"severity": severity, "code": code, "object": name, "text": text, "remedy": remedy, "datastore": datastore}


def findings(
    datastore: str,
    shown: Database,
    source: Server,
    target: Server | None,
    locale: str = "",
    *,
    back: bool = False,
    whole: bool = False,
) -> list[dict[str, str]]:
    """All that the operator must know of one database. ``whole``: the archive way, which needs room for the dump as well;
    ``target`` is None where the native server is not there yet."""
    found = [*_source(shown, source)]
    if target is None:
        found.append(
            finding(NOTE, "target-unknown", shown.name, "The native server is not installed yet: its extensions, locales and rights "
                    "are looked at when it is, before anything is copied.")
        )  # fmt: skip
    else:
        found += [
            *_versions(source, target, back),
            *_extensions(shown, source, target, back),
            *_locales(shown, target, locale),
        ]
        found += [
            *_disk(shown, target, whole),
            *_order_of_text(shown, source, target, locale),
            *_contents(shown, target),
        ]
    return [{**each, "datastore": datastore} for each in found]


def kept_aside(title: str, kept: Sequence[tuple[str, int]]) -> list[dict[str, str]]:
    """A note of the databases that earlier runs have put aside on a server."""
    if not kept:
        return []
    text = (
        f"{title} holds what earlier runs have put aside, {mb(sum(size for __, size in kept))} in {len(kept)} databases: "
        f"{_some([name for name, __ in kept])}. No service reads them."
    )
    return [finding(NOTE, "kept-aside", title, text, "DROP DATABASE each of them when it is not wanted any more.")]


def _source(shown: Database, source: Server) -> Iterator[dict[str, str]]:
    gids = [gid for name, gid in source.prepared if name == shown.name]
    if gids:
        yield finding(
            BLOCKING, "prepared-transactions", shown.name,
            f"{shown.name} has prepared transactions ({_some(gids)}): what they wrote would not be copied.",
            "COMMIT PREPARED or ROLLBACK PREPARED each of them on the source.",
        )  # fmt: skip
    if shown.subscriptions:
        yield finding(
            DECISION, "subscription", _some(shown.subscriptions),
            f"{shown.name} follows another server by subscription ({_some(shown.subscriptions)}); a subscription is not carried.",
            "Decide whether the native database shall follow that server, and create it there after the move.",
        )  # fmt: skip
    if shown.invalid_indexes:
        yield finding(
            NOTE, "invalid-index", _some(shown.invalid_indexes),
            f"The indexes {_some(shown.invalid_indexes)} are invalid at the source (a CREATE INDEX CONCURRENTLY failed); they are not carried.",
            "REINDEX them at the source if they are wanted.",
        )  # fmt: skip
    if shown.collation_version and shown.collation_actual and shown.collation_version != shown.collation_actual:
        yield finding(
            NOTE, "collation-version", shown.name,
            f"{shown.name} was made with collation version {shown.collation_version}, and its server now has {shown.collation_actual}: "
            "indexes on text may be damaged there. The copy builds them anew; a duplicate in a unique one would be named.",
        )  # fmt: skip
    if shown.materialized_views:
        yield finding(
            NOTE,
            "materialized-view",
            shown.name,
            f"{shown.materialized_views} materialised views of {shown.name} are refreshed natively.",
        )
    if shown.foreign_tables:
        yield finding(NOTE, "foreign-table", shown.name, f"{shown.foreign_tables} foreign tables of {shown.name} are carried as definitions; "
                      "their servers must be reached from the native host.")  # fmt: skip
    if shown.tablespaces:
        yield finding(
            NOTE,
            "tablespace",
            _some(shown.tablespaces),
            f"Tables in the tablespaces {_some(shown.tablespaces)} go to the native default.",
        )
    supers = [name for name, __, superuser in source.roles if superuser and name != source.superuser]
    if supers:
        yield finding(
            NOTE,
            "superuser",
            _some(supers),
            f"{_some(supers)} are superusers at the source; natively nobody but postgres is.",
        )
    if shown.label_providers:
        yield finding(DECISION, "security-label", _some(shown.label_providers), f"{shown.name} has security labels of {_some(shown.label_providers)}.",
                      "Load that provider natively (shared_preload_libraries), or drop the labels.")  # fmt: skip


def _versions(source: Server, target: Server, back: bool) -> Iterator[dict[str, str]]:
    if source.version > target.version and not back:
        yield finding(
            BLOCKING, "source-newer", source.title,
            f"{source.title} is version {source.version}, {target.title} is {target.version}: an older server does not take what a newer one has.",
            f"Install PostgreSQL {source.version} or newer natively (Debian 13 has 17; postgresql_version says which).",
        )  # fmt: skip
    newest = max(source.version, target.version) if back else source.version
    if target.client is not None and target.client < newest:
        yield finding(
            BLOCKING, "client-too-old", "pg_dump",
            f"The newest pg_dump of this host is version {target.client} and refuses a server of version {newest}.",
            f"Install postgresql-client-{newest}.",
        )  # fmt: skip


def _extensions(shown: Database, source: Server, target: Server, back: bool) -> Iterator[dict[str, str]]:
    if back:
        return
    for name, version in sorted(shown.extensions.items()):
        package = PACKAGES.get(name, "postgresql-{major}-" + name.replace("_", "-")).format(major=target.version)
        if name not in target.extensions:
            if name == "timescaledb":
                text = (
                    f"{shown.name} uses timescaledb {version}, which the native server does not have. Its tables are spread over chunks "
                    "that only the identical version understands."
                )
            else:
                text = f"{shown.name} uses the extension {name} {version}, which the native server does not have."
            yield finding(
                BLOCKING,
                "missing-extension",
                name,
                text,
                f"Install it (package {package}), or drop it at the source if it is not used.",
            )
        elif version not in target.extensions[name]:
            severity = BLOCKING if name in SAME_VERSION else NOTE
            offered = ", ".join(sorted(target.extensions[name]))
            text = f"{shown.name} has {name} {version}; the native server offers {offered}."
            yield finding(
                severity,
                "extension-version",
                name,
                text,
                f"Install version {version} ({package})." if severity == BLOCKING else "",
            )


def _locales(shown: Database, target: Server, locale: str) -> Iterator[dict[str, str]]:
    wanted = {locale} if locale else ({shown.collate, shown.ctype} if shown.provider != "b" else set())
    wanted |= {each.partition("=")[2] for each in shown.collations}
    for name in sorted(wanted):
        if not target.has_locale(name):
            yield finding(
                BLOCKING, "missing-locale", name,
                f"{shown.name} uses the locale {name}, which the native host does not have.",
                f"Generate it (package locales; echo '{_generated(name)}' >> /etc/locale.gen; locale-gen; restart PostgreSQL), or give the "
                "database another one by the datastore's locale.",
            )  # fmt: skip


def _disk(shown: Database, target: Server, whole: bool) -> Iterator[dict[str, str]]:
    if target.free is None:
        yield finding(NOTE, "disk-unknown", shown.name, f"The free space of {target.title} can't be seen from here.")
        return
    needed = needed_bytes(shown, target, whole)
    if needed > target.free:
        yield finding(
            BLOCKING, "disk-too-small", shown.name,
            f"{shown.name} needs {mb(needed)} on the disk of {target.title}, and {mb(target.free)} are free.",
            "Make room or move the data directory, then run again. Nothing was started.",
        )  # fmt: skip


def needed_bytes(shown: Database, target: Server, whole: bool = False) -> int:
    """Bytes that a copy takes at most: the database, as much log as the server keeps, and the dump where there is one."""
    return int(shown.size * MARGIN) + min(target.max_wal_size, shown.size) + (shown.table_bytes if whole else 0)


def _order_of_text(shown: Database, source: Server, target: Server, locale: str) -> Iterator[dict[str, str]]:
    if source.libc != target.libc:
        yield finding(
            NOTE, "libc", source.libc,
            f"{source.title} is built with {source.libc}, {target.title} with {target.libc}: text of the locale {shown.collate} is ordered "
            "otherwise natively (ORDER BY, ranges of text). All indexes are built anew, so every value is found; a physical copy is refused.",
        )  # fmt: skip
    elif locale and locale != shown.collate:
        yield finding(
            NOTE,
            "locale",
            locale,
            f"{shown.name} has the locale {shown.collate} at the source and gets {locale}: text is ordered otherwise.",
        )


def _contents(shown: Database, target: Server) -> Iterator[dict[str, str]]:
    if shown.contents:
        yield finding(
            BLOCKING, "target-not-empty", shown.native or shown.name,
            f"The native database {shown.native} is there already and not empty: {_some(shown.contents)}.",
            f"Rename it (ALTER DATABASE {shown.native} RENAME TO {shown.native}_old) or drop it, then run again.",
        )  # fmt: skip


def choose(
    shown: Database, source: Server, target: Server | None, blocking: bool, together: int = 1
) -> dict[str, Any]:
    """The strategy of one database, its way, and why the others are not taken or not possible. ``together``: how many databases
    of the server would be followed at once."""
    return {
        "choice": FREEZE_COPY,
        "way": "stream",
        "possible": not blocking,
        "reasons": [
            f"{FREEZE_COPY}: writers are stopped, rows and definitions copied on one snapshot and compared; works between versions and libcs"
        ],
        "others": {LOGICAL: [*_against_logical(shown, source), *short(source.limits, together)], STANDBY: _against_standby(shown, source, target)},
    }


def _against_logical(shown: Database, source: Server) -> list[str]:
    """Reasons against following the source by a subscription; none: it could."""
    found = []
    if source.wal_level != "logical":
        found.append(f"wal_level is {source.wal_level}: it would need a restart of the source with wal_level=logical")
    keyless = [table.name for table in shown.tables if not table.followed and not table.incomparable]
    if keyless:
        found.append(f"tables without an identity, which would need a key or REPLICA IDENTITY FULL: {_some(keyless)}")
    stuck = [table.name for table in shown.tables if not table.followed and table.incomparable]
    if stuck:
        found.append(
            f"refused: tables without a key and with a type that can't be compared (json, xml, geometric): {_some(stuck)}"
        )
    if shown.large_objects:
        found.append(f"{shown.large_objects} large objects are not followed")
    unlogged = [table.name for table in shown.tables if table.unlogged]
    if unlogged:
        found.append(f"unlogged tables are not followed: {_some(unlogged)}")
    return found


def short(limits: Mapping[str, int], together: int) -> list[str]:
    """Limits of a source that are too low for so many databases: each has a worker when the old side follows the new one, a
    sender before, and for a moment of the way back two slots. PostgreSQL's own processes need two workers more."""
    needed = {
        "max_logical_replication_workers": together,
        "max_replication_slots": 2 * together,
        "max_wal_senders": together,
        "max_worker_processes": together + 2,
    }
    return [
        f"{name} is {limits[name]}, and with {together} databases at least {least} are needed"
        for name, least in needed.items()
        if limits.get(name, least) < least
    ]


def _against_standby(shown: Database, source: Server, target: Server | None) -> list[str]:
    """Reasons against a physical replica; none: it could, if every database of the server moves at once."""
    found = []
    if target is None:
        return ["the native server is not there yet"]
    if source.version != target.version:
        found.append(f"refused: major {source.version} to {target.version}")
    if "musl" in (source.libc, target.libc):
        found.append(
            f"refused: {source.libc} to {target.libc} orders text otherwise, and a data directory's indexes would be wrong without a warning"
        )
    elif source.libc != target.libc:
        found.append(f"refused: {source.libc} to {target.libc}")
    plain = shown.collate.partition(".")[0] in ("C", "POSIX")
    if not plain and shown.collation_version is None:
        found.append(
            f"refused: the collation version of {shown.collate} is not recorded, so it can't be shown to be the same"
        )
    return found


def _some(names: Any) -> str:
    names = list(names)
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _generated(locale: str) -> str:
    """As /etc/locale.gen names a locale."""
    name, __, codeset = locale.partition(".")
    return (
        f"{name}.UTF-8 UTF-8" if codeset.lower().replace("-", "") == "utf8" else f"{locale} {codeset or 'ISO-8859-1'}"
    )


def mb(size: int) -> str:
    """Bytes as people read them."""
    return f"{size / 1024**3:.1f} GB" if size >= 1024**3 else f"{size / 1024**2:.0f} MB"
