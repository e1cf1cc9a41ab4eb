# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the schema of services to their next releases: under a lock, once, and undone where it fails.

A migration counts as undone when the schema, as text, is what it was before: a revision alone is no proof.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..database_migrations import Database as Noted
from ..database_migrations import Markers, Migration, redacted
from . import dropin
from .database import Database
from .errors import ReleaseError
from .schema import Revision, Scripts, obstacles

SHOWN = 6
"""Lines that differ, of those that an error names."""


class Units(Protocol):
    """What runs a unit; that of :mod:`..database_migrations`."""

    def run(self, unit: str) -> tuple[str, list[str]]: ...

    def reload(self) -> None: ...


@dataclass
class Step:
    """The migration of one service. ``scripts``: ``None`` where Alembic does not do it. ``live``: heads of the live release."""

    service: str
    identifier: str
    release: str
    live_release: str | None
    databases: Sequence[Database]
    scripts: Scripts | None
    live: Sequence[str] | None
    identities: Mapping[str, str | None] = field(default_factory=dict)
    before: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pending: list[Revision] = field(default_factory=list)

    @property
    def unit(self) -> str:
        return f"cryptobot-{self.service}-migrate.service"

    @property
    def versions(self) -> list[str]:
        """The revisions of its schema as they were found."""
        return sorted({each for found in self.before.values() for each in found})

    @property
    def target(self) -> str:
        """What a downgrade goes back to."""
        return self.versions[0] if self.versions else "base"

    def marker(self) -> Migration:
        return Migration(self.service, self.release, tuple(Noted(name, who) for name, who in self.identities.items()))

    def look(self) -> None:
        """Read what is there, and what is to be done."""
        self.before = {each.name: each.versions(self.identifier) for each in self.databases}
        if self.scripts is not None:
            self.pending = self.scripts.pending(self.versions)

    def needed(self, marker: Mapping[str, Any] | None) -> bool:
        """By its scripts; a command that is not Alembic's runs once for each release and database."""
        return bool(self.pending) if self.scripts is not None else self.marker().reason(marker) is not None

    def obstacles(self) -> list[str]:
        return list(obstacles(self.service, self.scripts, self.versions, self.live)) if self.scripts is not None else []


class Migrator:
    """Runs steps one after the other; ``unit_files`` and ``dropins`` are systemd's directories."""

    def __init__(
        self, units: Units, markers: Markers, unit_files: Path = dropin.UNITS, dropins: Path = dropin.DIRECTORY
    ) -> None:
        self._units, self._markers = units, markers
        self._unit_files, self._dropins = unit_files, dropins

    def run(self, steps: Sequence[Step]) -> list[str]:
        """The services that were migrated. Raises :class:`ReleaseError` when one failed, after all were undone."""
        with contextlib.ExitStack() as held:
            for database in {each.name: each for step in steps for each in step.databases}.values():
                held.enter_context(database.locked())
            for step in steps:
                step.look()  # again: another run may have had the lock until now
            done: list[Step] = []
            for step in (each for each in steps if each.needed(self._markers.read(each.service))):
                schemas = {each.name: each.schema() for each in step.databases}
                result, said = self._units.run(step.unit)
                if result == "success":
                    done.append(step)
                    continue
                left = self._back(step, schemas)
                left += [line for each in reversed(done) for line in self._back(each)]
                raise ReleaseError(_failure(step, result, said, left))
            for step in steps:
                if step.marker().reason(self._markers.read(step.service)):
                    self._markers.write(step.marker())
            return [step.service for step in done]

    def undo(self, steps: Sequence[Step]) -> list[str]:
        """Lead schemas back to what :attr:`Step.before` says, and return sentences about what is not as before."""
        with contextlib.ExitStack() as held:
            for database in {each.name: each for step in steps for each in step.databases}.values():
                held.enter_context(database.locked())
            return [line for step in reversed(steps) for line in self._back(step)]

    def _back(self, step: Step, schemas: Mapping[str, list[str]] | None = None) -> list[str]:
        present = {each.name: each.versions(step.identifier) for each in step.databases}
        if present != step.before:
            if complaint := self._downgrade(step):
                return [complaint]
            present = {each.name: each.versions(step.identifier) for each in step.databases}
        wrong = [
            f"{step.service}: {name} is at {', '.join(present[name]) or '(none)'} and was at {', '.join(was) or '(none)'}"
            for name, was in step.before.items()
            if present[name] != was
        ]
        for database in step.databases if schemas is not None and not wrong else ():
            if left := differences(schemas[database.name], database.schema()):
                wrong.append(f"{step.service}: the schema of {database.name} is not what it was: {'; '.join(left)}")
        return wrong

    def _downgrade(self, step: Step) -> str | None:
        text = (self._unit_files / step.unit).read_text()
        made = dropin.of_downgrade(text, step.service, step.release, step.target) if len(step.versions) < 2 else None
        if made is None:
            return f"{step.service}: what it left cannot be undone by one alembic downgrade"
        dropin.place(step.unit, made, self._dropins)
        self._units.reload()
        try:
            result, said = self._units.run(step.unit)
        finally:
            dropin.remove([step.unit], self._dropins)
            self._units.reload()
        if result != "success":
            last = next((redacted(line) for line in reversed(said) if line.strip()), "nothing")
            return f"{step.service}: alembic downgrade {step.target} failed ({result}), it said last: {last}"
        return None


def differences(was: Sequence[str], is_: Sequence[str]) -> list[str]:
    """The first lines that are only in one of two schemas, ``-`` those of the first."""
    found = [line for line in difflib.ndiff(was, is_) if line.startswith(("- ", "+ "))]
    return [line.strip() for line in found][:SHOWN]


def _failure(step: Step, result: str, said: Sequence[str], left: Sequence[str]) -> str:
    stays = f"Release {step.live_release} stays live" if step.live_release else "Nothing is live yet"
    if left:
        end = (
            f"{stays}. NOT everything is as before: {'. '.join(left)}. Put it right by hand (as the role that owns the schema), "
            "then run the release again."
        )
    else:
        end = f"It was undone: the schema is what it was, at {step.target}. {stays}. Correct the migration and release again."
    quoted = "".join(f"\n  {redacted(line)}" for line in said if line.strip())
    return (
        f"{step.service}: its migration to release {step.release} failed ({result}). {end} "
        f"journalctl -u {step.unit} has the whole; the last it said:{quoted or ' nothing'}"
    )
