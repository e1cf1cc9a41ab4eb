# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database migrations: which a host needs, in which order they may run, and what a failed one said.

A migration is needed when the release differs from the one that ran last, or when the database is not the one it ran
against: a restored or newly made database has another identity, and an empty schema must not be taken for a current one.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

MARKERS = Path("/var/lib/cryptobot/migrations")
LINES = 20
"""Lines of the journal that an error quotes."""


@dataclass(frozen=True)
class Database:
    """A datastore with a schema. ``identity`` is ``None`` where it cannot be told from here."""

    name: str
    identity: str | None = None


@dataclass(frozen=True)
class Migration:
    """The migration step of one service."""

    service: str
    release: str | None
    databases: tuple[Database, ...]

    @property
    def unit(self) -> str:
        """Its oneshot unit."""
        return f"cryptobot-{self.service}-migrate.service"

    def marker(self) -> dict[str, Any]:
        """What is noted when it has run."""
        return {"release": self.release, "databases": {database.name: database.identity for database in self.databases}}

    def reason(self, marker: Mapping[str, Any] | None) -> str | None:
        """Why it must run, given what was noted last; ``None`` when it need not."""
        if marker is None:
            return "never ran here"
        if marker.get("release") != self.release:
            return f"ran for release {marker.get('release')}"
        noted = marker.get("databases") or {}
        for database in self.databases:
            if database.name not in noted or (database.identity or noted[database.name]) != noted[database.name]:
                return f"ran against another database than the present {database.name}"
        return None


class MigrationError(Exception):
    """A migration failed; the text is for the operator."""


def chains(migrations: Iterable[Migration]) -> list[list[Migration]]:
    """Migrations that share a database one after the other, in their given order; different chains may run side by side."""
    given = list(migrations)
    found: list[list[Migration]] = []
    for migration in given:
        names = {database.name for database in migration.databases}
        touching = [
            chain for chain in found if any(names & {database.name for database in other.databases} for other in chain)
        ]
        found = [chain for chain in found if chain not in touching]
        found.append([*(other for chain in touching for other in chain), migration])
    return [sorted(chain, key=given.index) for chain in found]


def redacted(text: str) -> str:
    """Take passwords out of URLs and of assignments."""
    text = re.sub(r"(\w+://[^:/@\s]*):[^/@\s]+@", r"\1:***@", text)
    return re.sub(r"(?i)((?:password|passwd|secret|token)[\w-]*\s*[=:]\s*)\S+", r"\1***", text)


def failure(migration: Migration, result: str, lines: Sequence[str], live: str | None) -> str:
    """What an operator must know of a failed migration."""
    stays = f"release {live} stays live" if live else "nothing is live yet"
    quoted = "".join(f"\n  {redacted(line)}" for line in lines[-LINES:] if line.strip())
    return (
        f"{migration.service}: its migration to release {migration.release} failed ({result}); {stays}. "
        f"Correct it and run again. journalctl -u {migration.unit} has the whole; the last it said:{quoted or ' nothing'}"
    )


class Markers:
    """The notes of what ran on this host."""

    def __init__(self, directory: Path = MARKERS) -> None:
        self._directory = directory

    def read(self, service: str) -> dict[str, Any] | None:
        """The note of a service; a damaged one counts as none."""
        try:
            return json.loads((self._directory / f"{service}.json").read_text())
        except (OSError, ValueError):
            return None

    def write(self, migration: Migration) -> None:
        """Note durably that a migration has run."""
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        path = self._directory / f"{migration.service}.json"
        new = path.with_suffix(".new")
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with new.open("w") as file:
            json.dump({**migration.marker(), "at": at}, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)


class Units(Protocol):
    """What runs a unit."""

    def run(self, unit: str) -> tuple[str, list[str]]:
        """Run it to its end: systemd's result, ``success`` for a good one, and the lines it wrote."""


class Systemd:
    """The units of this host."""

    def run(self, unit: str) -> tuple[str, list[str]]:
        """Start a oneshot unit and wait for its end."""
        started = subprocess.run(["systemctl", "start", unit], capture_output=True, text=True, check=False)
        asked = ["systemctl", "show", "--property=Result,InvocationID,ExecMainStatus", unit]
        shown = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        facts = dict(line.partition("=")[::2] for line in shown.splitlines())
        # A start that a condition of the unit passed over is no failure to systemd, and no migration.
        if started.returncode == 0 and facts.get("Result", "success") == "success":
            return "success", []
        invocation = facts.get("InvocationID", "")
        lines = started.stderr.splitlines()
        if invocation:
            journal = [
                "journalctl",
                "--no-pager",
                "--quiet",
                "--output=cat",
                f"--lines={LINES}",
                f"_SYSTEMD_INVOCATION_ID={invocation}",
            ]
            lines = subprocess.run(journal, capture_output=True, text=True, check=False).stdout.splitlines()
        return f"{facts.get('Result') or 'not started'}, exit status {facts.get('ExecMainStatus', '?')}", lines

    def reload(self) -> None:
        """Read unit files again where they changed."""
        subprocess.run(["systemctl", "daemon-reload"], check=True, capture_output=True)


def run_chains(
    wanted: Sequence[Migration], units: Units, markers: Markers, live: Mapping[str, str | None]
) -> list[str]:
    """Run migrations, chains side by side, and return the services that were migrated.

    A failed one ends its chain. Raises one :class:`MigrationError` with all failures, when everything has ended.
    """
    done: list[str] = []
    failures: list[str] = []

    def one(chain: list[Migration]) -> None:
        for migration in chain:
            result, lines = units.run(migration.unit)
            if result != "success":
                failures.append(failure(migration, result, lines, live.get(migration.service)))
                return
            markers.write(migration)
            done.append(migration.service)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, chains(wanted)))
    if failures:
        raise MigrationError("\n".join(sorted(failures)))
    return sorted(done)
