# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the data fits the release that is to serve it: the revision of each schema, and those that the release knows.

Read for Alembic. What a release knows is read from its scripts, without running them.
"""

from __future__ import annotations

import ast
import configparser
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..findings import BLOCKING, DECISION, Finding

TABLE = "alembic_version"
"""Begins the name of the table in which a database keeps its revision."""
REMEDY = "Let cryptobot_source name the release that runs in Docker, or a later one."


@dataclass(frozen=True)
class Scripts:
    """What the release of a service knows: its revisions, and those of them that nothing follows."""

    service: str
    identifier: str
    datastores: tuple[str, ...]
    known: tuple[str, ...]
    heads: tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """What a database of the source says: its own ``name``, revisions by table, and whether it has no table at all."""

    datastore: str
    name: str
    versions: Mapping[str, Sequence[str]]
    empty: bool = False


def wanted(services: Mapping[str, Mapping[str, Any]], source: Path) -> list[Scripts]:
    """Of every service of the resolved catalogue that Alembic brings up to date; ``source`` is the application's."""
    found = []
    for name, service in services.items():
        command = (service.get("migration") or {}).get("command") or [""]
        if Path(str(command[0])).name == "alembic" and (read := _scripts(source / (service.get("source") or "."))):
            stores = tuple(store for store, use in service["uses"].items() if not use.get("readonly"))
            found.append(Scripts(name, service["identifier"], stores, *read))
    return found


def packed(scripts: Iterable[Scripts]) -> list[dict[str, Any]]:
    """As an option of a module."""
    return [asdict(each) for each in scripts]


def _scripts(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    follows: dict[str, list[str]] = {}
    for directory in directories(folder):
        for path in sorted(directory.glob("*.py")):
            said = assigned(path)
            if isinstance(said.get("revision"), str):
                before = said.get("down_revision") or ()
                follows[said["revision"]] = [before] if isinstance(before, str) else list(before)
    if not follows:
        return None
    followed = {each for before in follows.values() for each in before}
    return tuple(sorted(follows)), tuple(sorted(set(follows) - followed))


def directories(folder: Path) -> Iterator[Path]:
    """Where the scripts are, by `alembic.ini`."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(folder / "alembic.ini", encoding="utf-8")
    except (OSError, configparser.Error):
        return
    options = dict(parser["alembic"]) if parser.has_section("alembic") else {}
    places = re.split(r"[\s:;,]+", options.get("version_locations", "").strip())
    if not any(places) and "script_location" in options:
        places = [f"{options['script_location']}/versions"]
    for place in filter(None, places):
        yield folder / place.replace("%(here)s", str(folder))


def assigned(path: Path) -> dict[str, Any]:
    """Names that a script sets to a literal."""
    found: dict[str, Any] = {}
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return found
    for line in body:
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        for target in targets:
            if isinstance(target, ast.Name) and line.value is not None:
                try:
                    found[target.id] = ast.literal_eval(line.value)
                except ValueError:
                    continue
    return found


def findings(schemas: Iterable[Schema], scripts: Sequence[Scripts]) -> list[Finding]:
    """What does not fit, named by its datastore."""
    return [
        finding
        for schema in schemas
        for finding in _of_one(schema, [each for each in scripts if schema.datastore in each.datastores])
    ]


def _of_one(schema: Schema, mine: Sequence[Scripts]) -> Iterator[Finding]:
    told: set[str] = set()
    for table, revisions in sorted(schema.versions.items()):
        owners = _owners(table, mine)
        told |= {each.service for each in owners}
        names = ", ".join(each.service for each in owners)
        known = {revision for each in owners for revision in each.known}
        heads = sorted({revision for each in owners for revision in each.heads})
        for revision in revisions if owners else ():
            place = f"The schema of the database {schema.name} is at the revision {revision} ({table})"
            if revision not in known:
                text = f"{place}, which the release of {names} does not know: it is older than the data."
                yield Finding(BLOCKING, "schema-unknown", schema.datastore, text, REMEDY)
            elif revision not in heads:
                text = f"{place}; the release of {names} brings it to {', '.join(heads)} before it starts."
                remedy = "The way back then leads into an older schema. Update Docker's side first, or accept it."
                yield Finding(DECISION, "schema-behind", schema.datastore, text, remedy)
    for each in mine:
        if each.service not in told and not schema.empty:
            text = (
                f"The database {schema.name} has tables and no revision of {each.service}, which would make them anew."
            )
            remedy = "Note the revision in Docker first, by alembic stamp, or accept it."
            yield Finding(DECISION, "schema-unversioned", schema.datastore, text, remedy)


def _owners(table: str, mine: Sequence[Scripts]) -> list[Scripts]:
    """Whose revisions a table has: the service that its name ends with, else any that uses the database."""
    named = [each for each in mine if table.endswith(f"_{each.identifier}")]
    return [max(named, key=lambda each: len(each.identifier))] if named else list(mine)
