# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison of databases: objects, rows, sequences and large objects of both sides at one instant."""

from __future__ import annotations

import fnmatch
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..endpoint import Endpoint
from ..roles_map import roles_map, unmapped
from . import large_objects, objects, rows, tables
from .mapping import Roles
from .result import DatabaseResult, Difference, TableResult
from .session import Side

COLLATIONS = """
SELECT jsonb_build_object('encoding', pg_encoding_to_char(d.encoding), 'collate', d.datcollate, 'ctype', d.datctype,
    'library', CASE WHEN version() ~ 'musl' THEN 'musl' ELSE 'glibc' END,
    'version', (SELECT pg_collation_actual_version(c.oid) FROM pg_collation c
      WHERE c.collprovider = 'c' AND c.collcollate NOT IN ('C', 'POSIX') AND c.collnamespace = 'pg_catalog'::regnamespace
      ORDER BY c.collcollate = d.datcollate DESC, c.oid LIMIT 1))
FROM pg_database d WHERE d.datname = current_database()"""
ROLES = """SELECT (SELECT rolname FROM pg_roles WHERE oid = 10), pg_get_userbyid(datdba)
FROM pg_database WHERE datname = current_database()"""


@dataclass(frozen=True)
class Pair:
    """One database on both sides. With ``owner`` the native roles stand for the source's, as :mod:`..roles_map` says; else
    all keep their names. ``elsewhere``: roles that are mapped with other databases of the source. ``restoring``: the target
    is not in use yet, so that its limit of connections may differ. ``back``: it is the server that the source came from."""

    datastore: str
    source: str
    target: str
    owner: str = ""
    roles: Mapping[str, Any] = field(default_factory=dict)
    access: Mapping[str, str] = field(default_factory=dict)
    elsewhere: frozenset[str] = frozenset()
    restoring: bool = False
    back: bool = False


@dataclass(frozen=True)
class Options:
    """``rechecks``: how often differing rows are looked at again on live sides, ``pause`` seconds apart. ``tolerate``:
    differences that are meant, each ``{kind, object, columns}`` with ``*`` allowed. ``reached``: is told, as tables are
    done, how many pages of the source have been read, and how many there are."""

    jobs: int = 1
    rechecks: int = 0
    pause: float = 1.0
    most: int = 100
    show_values: bool = False
    tolerate: tuple[Mapping[str, str], ...] = ()
    progress: Callable[[str, TableResult], None] = lambda name, result: None
    reached: Callable[[int, int], None] = lambda pages, whole: None


DEFAULTS = Options()


def compare(source: Endpoint, target: Endpoint, pair: Pair, options: Options = DEFAULTS) -> DatabaseResult:
    """Compare one database."""
    began = time.monotonic()
    sides = Side(source, pair.source, "source"), Side(target, pair.target, "target")
    try:
        result = _compared(sides, pair, options)
    finally:
        for side in sides:
            side.close()
    result.seconds = time.monotonic() - began
    return result


def _compared(sides: rows.Sides, pair: Pair, options: Options) -> DatabaseResult:
    result = DatabaseResult(pair.datastore, pair.source, pair.target)
    _both(sides, lambda side: side.begin())
    majors = sides[0].major, sides[1].major
    result.versions = {side.title: side.version for side in sides}
    roles = _roles(sides[0], pair)
    same = _collations(sides, result)
    plans = _plans(sides, majors, same)
    buckets: dict[str, list[int]] = {}
    # Rows keep the servers busy while objects are compared here.
    rows.together(
        sides,
        [
            lambda: buckets.update(_digests(sides, plans, options, result)),
            lambda: _objects(sides, majors, roles, pair, result),
        ],
    )
    result.differences += _rows(sides, plans, buckets, majors, pair, options, result)
    result.tables[large_objects.NAME], differences = large_objects.compare(sides, roles, pair.datastore, options.most)
    result.differences += differences
    _tolerate(result, options.tolerate)
    return result


def _objects(sides: rows.Sides, majors: tuple[int, int], roles: Roles, pair: Pair, result: DatabaseResult) -> None:
    """Everything but rows."""
    found = _both(sides, objects.gather)
    if pair.restoring:
        found[1]["database"][""]["restoring"] = True
    report = objects.compare(*found, majors, roles, pair.datastore)
    result.objects = {kind: len(each) for kind, each in found[0].items() if each}
    result.differences += report.differences
    result.intended += report.intended
    result.notes += report.notes


def _both(sides: rows.Sides, task: Callable[[Side], Any]) -> list[Any]:
    """The same on both sides at once."""
    results: list[Any] = [None, None]

    def do(index: int) -> None:
        results[index] = task(sides[index])

    rows.together(sides, [lambda index=index: do(index) for index in (0, 1)])
    return results


def _roles(source: Side, pair: Pair) -> Roles:
    ((superuser, owner),) = source.query(ROLES)
    mapping = roles_map(pair.owner, pair.roles, pair.access, owner, superuser) if pair.owner else unmapped(superuser)
    return Roles(mapping, pair.access, pair.elsewhere, pair.back)


def _collations(sides: rows.Sides, result: DatabaseResult) -> bool:
    (((one,),), ((other,),)) = _both(sides, lambda side: side.query(COLLATIONS))
    differing = [name for name in one if one[name] != other[name]]
    if differing:
        said = ", ".join(f"{name} {one[name]} and {other[name]}" for name in differing)
        result.notes.append(
            f"text may sort differently on the two sides: {said}; rows are compared without regard to their order"
        )
    return not differing


def _plans(sides: rows.Sides, majors: tuple[int, int], same_collations: bool) -> dict[str, tables.Plan]:
    """A plan for each table that both sides have; those of one side only are told as objects."""
    both = _both(sides, tables.tables)
    roots = {name for side in sides for name in tables.unstable_roots(side, same_collations)}
    one, other = (tables.gathered(each, roots) for each in both)
    encodings = sides[0].encoding, sides[1].encoding
    casts = frozenset(name for side in sides for (name,) in side.query(tables.OWN_CASTS))

    def limits(table: tables.Table) -> Callable[[str], tuple[int, int, bool] | None]:
        def ask(column: str) -> tuple[int, int, bool] | None:
            found = []
            for side, each in zip(sides, (table, other[table.name]), strict=True):
                name = f"{each.alias}.{column}"
                found += side.query(f"SELECT min({name})::bigint, max({name})::bigint FROM {each.source}")
            (low, high), (least, most) = found
            return None if low is None else (low, high, least is None or low <= least <= most <= high)

        return ask

    return {
        name: tables.plan(table, other[name], majors, encodings, casts, limits(table))
        for name, table in one.items()
        if name in other and table.populated and other[name].populated
    }


def _digests(
    sides: rows.Sides, plans: Mapping[str, tables.Plan], options: Options, result: DatabaseResult
) -> dict[str, list[int]]:
    """Scans all tables; of those that differ, the buckets in which they do."""
    lock = threading.Lock()
    pages = {name: max(1, plan.table.pages) for name, plan in plans.items()}
    whole = sum(pages.values())

    def done(name: str, table: TableResult) -> None:
        with lock:
            result.tables[name] = table
            read = sum(pages[each] for each in result.tables)
        options.progress(name, table)
        options.reached(read, whole)

    return rows.digests(sides, plans.values(), options.jobs, done)


def _rows(
    sides: rows.Sides,
    plans: Mapping[str, tables.Plan],
    buckets: Mapping[str, list[int]],
    majors: tuple[int, int],
    pair: Pair,
    options: Options,
    result: DatabaseResult,
) -> list[Difference]:
    """The rows that differ."""
    differing = {}
    for name in sorted(buckets):
        if plans[name].table.kind == "m" and _stale(sides, plans[name], result):
            continue
        differing[name] = rows.name_rows(sides, plans[name], buckets[name])
    for __ in range(options.rechecks):
        left = [each for each in differing.values() if each.rows and not each.more]
        if not left:
            break
        time.sleep(options.pause)
        _both(sides, lambda side: side.again())
        for each in left:
            rows.recheck(sides, each)
    for name, each in differing.items():
        result.tables[name].settled = each.settled
    return [
        difference
        for each in differing.values()
        for difference in rows.differences(sides, each, majors, pair.datastore, options.most, options.show_values)
    ]


def _stale(sides: rows.Sides, plan: tables.Plan, result: DatabaseResult) -> bool:
    """Whether the target's materialised view has what the source's would have if it were refreshed now, as a restore does."""
    name = plan.table.name
    ((definition,),) = sides[0].query("SELECT pg_get_viewdef(%s::regclass)", (name,))
    fresh = sides[0].attempt(plan.digests(f"({definition.rstrip(';')}) AS {plan.table.alias}"))
    if fresh is None:
        return False
    with sides[1].session() as session:
        there = rows.scan(session, plan)
    if {bucket: (count, int(total)) for bucket, count, total in fresh} != there:
        return False
    result.notes.append(f"materialised view {name} was stale on the source; the target has what its query gives now")
    return True


def _tolerate(result: DatabaseResult, patterns: Iterable[Mapping[str, str]]) -> None:
    """Move what is meant from the differences to what is intended."""

    def meant(difference: Difference) -> bool:
        return any(
            fnmatch.fnmatchcase(difference.kind, pattern.get("kind") or "*")
            and fnmatch.fnmatchcase(difference.object, pattern.get("object") or "*")
            # Of columns it can speak only where a difference names some: not of a row that is missing.
            and (difference.columns or (pattern.get("columns") or "*") == "*")
            and all(fnmatch.fnmatchcase(column, pattern.get("columns") or "*") for column in difference.columns)
            for pattern in patterns
        )

    result.intended += [each for each in result.differences if meant(each)]
    result.differences = [each for each in result.differences if not meant(each)]
