# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database's definitions as pg_dump tells them, taken apart into entries that can be run one by one.

Run by ourselves instead of by pg_restore, an entry can wait for its table's rows alone, be marked as done in the same
transaction, and be left out or replaced; and nothing that only a newer server knows (`SET transaction_timeout`) is sent.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..endpoint import Endpoint, EndpointError, binary, last_words
from ..fence import travel

PRE, POST = "pre-data", "post-data"
OPTIONS = ("--no-owner", "--no-privileges", "--no-tablespaces")
"""Owners and rights are given by the map of roles, later; tablespaces belong to a server."""

INDEX, CONSTRAINT, FOREIGN_KEY = "INDEX", "CONSTRAINT", "FK CONSTRAINT"
GENERATED = frozenset({"POLICY", "USER MAPPING"})
"""Kinds that name roles: made from the catalogue, by the map."""
LAST = frozenset({"EVENT TRIGGER"})
"""What would fire on our own work."""

_LISTED = re.compile(rb"^(\d+); (\d+) (\d+) ", re.MULTILINE)
_HEADING = re.compile(
    rb"(?:-- Dependencies: (?P<depends>[\d ]+)\n)?-- Name: (?P<name>.*); Type: (?P<kind>[A-Z ]+); Schema: (?P<schema>.*); Owner: .*\n"
    rb"(?:-- Data Pos: \d+\n)?--\n"
)
_CLOSING = re.compile(rb"\n-- Completed on [^\n]*\n|\n--\n-- PostgreSQL database dump complete\n")


@dataclass(frozen=True)
class Entry:
    """One object's definition. ``table``: OID of the catalogue that holds the object, ``oid`` its own there, at the source."""

    number: int
    table: int
    oid: int
    kind: str
    schema: str
    name: str
    depends: tuple[int, ...]
    text: bytes
    section: str

    @property
    def title(self) -> str:
        """As in sentences: ``INDEX public.orders_account``."""
        where = "" if self.schema == "-" else f"{self.schema}."
        return f"{self.kind} {where}{self.name}"

    @property
    def on_event_trigger(self) -> bool:
        return self.kind in LAST or (self.kind == "COMMENT" and self.name.startswith("EVENT TRIGGER "))


@dataclass(frozen=True)
class Schema:
    """All entries, in an order that satisfies their dependencies, and a digest of their texts."""

    entries: tuple[Entry, ...]
    digest: str

    def of(self, section: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.section == section]


def dump(endpoint: Endpoint, database: str, path: Path, *, encoding: str = "UTF8", snapshot: str = "") -> Schema:
    """Reads the definitions with the newest pg_dump; ``path`` is where its archive may lie meanwhile.

    The archive goes through our own descriptor: by peer authentication pg_dump runs as a user who can't write there.
    """
    words = ["--format=custom", "--compress=0", "--schema-only", "--no-subscriptions", "--encoding", encoding]
    if snapshot:
        words.append(f"--snapshot={snapshot}")
    try:
        with path.open("wb") as file:
            endpoint.run("pg_dump", [*words, "--dbname", connection_to(database)], stdout=file, stderr=subprocess.PIPE)
    except EndpointError as error:
        raise EndpointError(_explained(str(error), endpoint)) from None
    return read(path)


def read(path: Path) -> Schema:
    """The entries of an archive, without those of the fence."""
    entries: list[Entry] = []
    fence = fences(path)
    for section in (PRE, POST):
        listed = _restore(["--list", f"--section={section}", str(path)])
        script = _restore(["--verbose", f"--section={section}", *OPTIONS, "--file=-", str(path)])
        entries += [entry for entry in split(listed, script, section) if entry.number not in fence]
    whole = hashlib.sha256(b"\0".join(entry.text for entry in sorted(entries, key=lambda entry: entry.title)))
    return Schema(tuple(entries), whole.hexdigest())


def fences(path: Path) -> set[int]:
    """Numbers of what belongs to the fence and stays where it is."""
    return travel.left_out(_restore(["--list", str(path)]).decode(errors="surrogateescape").splitlines())


def split(listed: bytes, script: bytes, section: str) -> Iterator[Entry]:
    """Cuts pg_restore's verbose script at the headings of the listed entries.

    Each heading is looked for behind the one before, with the numbers of the list: text that merely looks like a heading
    (in the body of a function) does not match.
    """
    found = []
    position = 0
    for number, table, oid in _LISTED.findall(listed):
        heading = b"\n--\n-- TOC entry %s (class %s OID %s)\n" % (number, table, oid)
        at = script.find(heading, position)
        if at >= 0:
            position = at + len(heading)
            found.append((int(number), int(table), int(oid), at, position))
    closing = [match.start() for match in _CLOSING.finditer(script, position)]
    ends = [each[3] for each in found[1:]] + [closing[0] if closing else len(script)]
    for (number, table, oid, __, start), end in zip(found, ends, strict=True):
        if not (heading := _HEADING.match(script, start, end)):
            raise EndpointError(
                f"pg_restore's script is not understood near: {script[start : start + 200].decode(errors='replace')}"
            )
        kind, name, schema = (heading[group].decode(errors="surrogateescape") for group in ("kind", "name", "schema"))
        depends = tuple(int(each) for each in (heading["depends"] or b"").split())
        yield Entry(number, table, oid, kind, schema, name, depends, script[heading.end() : end].strip(), section)


def _restore(words: Sequence[str]) -> bytes:
    done = subprocess.run([binary("pg_restore"), *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise EndpointError(f"pg_restore can't read the archive of definitions: {last_words(done.stderr)}")
    return done.stdout


def connection_to(database: str) -> str:
    """A database's name where libpq would take one with ``=`` for a whole connection string."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{quoted}'"


def _explained(text: str, endpoint: Endpoint) -> str:
    if "server version mismatch" in text:
        return (
            f"{endpoint.title} is newer than the newest pg_dump of this host ({binary('pg_dump')}), which refuses it. Install "
            "postgresql-client of the source's major or a newer one; its data can go to a server of that major only."
        )
    return text
