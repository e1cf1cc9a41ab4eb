# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a plan needs to know of PostgreSQL databases that shall move, in one look."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..docker.engine import DockerError, Engine
from . import endpoint as endpoints
from . import inventory, strategy, throughput, unknown
from .endpoint import Endpoint, EndpointError
from .inventory import Server
from .roles_map import RolesMap, roles_map
from .transfer import database as databases

MOST_JOBS = 4
SEPARATOR = "\t"


def jobs_for(wanted: int) -> int:
    """Lines at a time: as asked, else one for each core, from two to four."""
    return wanted or max(2, min(MOST_JOBS, os.cpu_count() or 2))


def survey(options: Mapping[str, Any]) -> dict[str, Any]:
    """What ``postgresql_inventory_info`` returns."""
    if endpoints.psycopg2 is None:
        return _without_driver(options)
    source = Endpoint.from_options(options["source"])
    facts = inventory.server(source)
    target, native = _target(options)
    found: dict[str, Any] = {"source": facts.described(), "databases": {}, "findings": []}
    found["findings"] += _kept_aside(source, facts)
    if target and native:
        found["target"] = native.described()
        found["findings"] += _kept_aside(target, native)
    shown = {each["datastore"]: inventory.database(source, each["source"]) for each in options["databases"]}
    measured = None
    if options.get("measure", True):
        measured = throughput.measure(
            source, {each.name for each in shown.values()}, jobs_for(options.get("jobs") or 0)
        )
        found["throughput"] = measured.described()
    for each in options["databases"]:
        database = shown[each["datastore"]]
        if target and native and each.get("target"):
            database = replace(database, native=each["target"], contents=tuple(_contents(target, each["target"])))
        findings = strategy.findings(
            each["datastore"],
            database,
            facts,
            native,
            each.get("locale") or "",
            whole=each.get("way") == "archive",
        )
        blocking = any(one["severity"] == strategy.BLOCKING for one in findings)
        found["findings"] += findings
        found["databases"][each["datastore"]] = {
            **database.described(),
            "method": strategy.choose(database, facts, native, blocking, len(_known(options))),
            "roles": _roles(each, database.owner, facts),
            **({"estimate": throughput.estimate(database, measured)} if measured else {}),
        }
    found["findings"] += unknown.findings(source, _known(options))
    if native is None:
        found["findings"] += _room(options, [shown[each["datastore"]] for each in options["databases"]])
    elif native.free is not None:
        found["findings"] += _together(native, list(shown.values()))
    return found


def _target(options: Mapping[str, Any]) -> tuple[Endpoint | None, Server | None]:
    """The native server; none where it is not installed or does not run yet."""
    if not options.get("target"):
        return None, None
    try:
        target = Endpoint.from_options(options["target"])
        return target, inventory.server(target)
    except EndpointError:
        return None, None


def _kept_aside(endpoint: Endpoint, facts: Server) -> list[dict[str, str]]:
    with endpoint.cursor() as cursor:
        return strategy.kept_aside(facts.title, databases.kept_aside(cursor))


def _known(options: Mapping[str, Any]) -> set[str]:
    return {each["source"] for each in options["databases"]} | set(options.get("known") or [])


def _contents(target: Endpoint, name: str) -> list[str]:
    with target.cursor() as cursor:
        if databases.find(cursor, name) is None:
            return []
    return databases.contents(target, name)


def _roles(wanted: Mapping[str, Any], owner: str, facts: Server) -> dict[str, Any]:
    """The map of roles, for the plan to print."""
    mapping: RolesMap = roles_map(
        wanted.get("owner") or owner, wanted.get("roles"), wanted.get("access"), owner, facts.superuser
    )
    carried = [name for name, __, __ in facts.roles if mapping.is_carried(name)]
    return {**mapping.described(), "carried": carried}


def _room(options: Mapping[str, Any], shown: list[inventory.Database]) -> list[dict[str, str]]:
    """Whether all would fit where the server's data will be."""
    free = inventory.free_bytes(str(options.get("directory") or "/var/lib/postgresql"))
    return _fits(sum(int(each.size * strategy.MARGIN) for each in shown), free, "this host")


def _together(native: Server, shown: list[inventory.Database]) -> list[dict[str, str]]:
    needed = sum(int(each.size * strategy.MARGIN) for each in shown) + min(
        native.max_wal_size, sum(each.size for each in shown)
    )
    return _fits(needed, native.free or 0, native.title) if len(shown) > 1 else []


def _fits(needed: int, free: int, where: str) -> list[dict[str, str]]:
    if needed <= free:
        return []
    text = (
        f"All databases together need {strategy.mb(needed)} on the disk of {where}, and {strategy.mb(free)} are free."
    )
    return [
        strategy.finding(
            strategy.BLOCKING, "disk-too-small", "all", text, "Make room, then run again. Nothing was started."
        )
    ]


def _without_driver(options: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and version by the container's own psql, where python3-psycopg2 is not installed yet."""
    given = (options["source"] or {}).get("container")
    if not given:
        raise EndpointError("python3-psycopg2 is not installed. Install it (the role postgresql does), then run again.")
    known = _known(options)
    try:
        engine = Engine()
        container = engine.container(given["project"], given["service"])
        user = container.environment.get("POSTGRES_USER") or "postgres"
        psql = ["exec", "--user", "postgres", container.name, "psql", "-XAt", "-F", SEPARATOR, "-U", user]
        query = "SELECT datname, pg_database_size(oid), version() FROM pg_database WHERE datallowconn AND NOT datistemplate"
        lines = engine.client(*psql, "-d", "postgres", "-c", query).splitlines()
        rows = [line.split(SEPARATOR) for line in lines if line]
        others = [(name, int(size)) for name, size, __ in rows if not unknown.is_known(name, known)]
        held = {name: engine.client(*psql, "-d", name, "-c", unknown.TABLES).splitlines() for name, __ in others}
    except DockerError as error:
        raise EndpointError(str(error)) from None
    version = rows[0][2] if rows else ""
    note = strategy.finding(
        strategy.NOTE,
        "driver-missing",
        "python3-psycopg2",
        "python3-psycopg2 is not installed on this host yet: tables, keys, extensions, schemas and the time of a copy are not known before it is.",
        "The plan installs it; with --check it does not.",
    )
    names = {each["source"]: each["datastore"] for each in options["databases"]}
    findings = [note, *(each for name, size in others for each in unknown.finding(name, size, held[name]))]
    sizes = {names[name]: {"name": name, "bytes": int(size)} for name, size, __ in rows if name in names}
    choice = {"choice": strategy.FREEZE_COPY, "way": "stream", "possible": True, "reasons": [], "others": {}}
    return {
        "source": {"full_version": version, "libc": inventory.libc(version), "version": _major(version)},
        "databases": {name: {**each, "method": choice} for name, each in sizes.items()},
        "findings": findings,
    }


def _major(version: str) -> int:
    words = version.split()
    return int(words[1].split(".")[0]) if len(words) > 1 and words[1].split(".")[0].isdigit() else 0
