# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison gives: differences with a name each, and what is meant to differ."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

DIGITS = 12
_KEY = secrets.token_bytes(32)


def digest(value: object) -> str:
    """What stands for a value that may be a secret: alike for equal values in one comparison, and nothing outside of it."""
    return hashlib.blake2b(str(value).encode(), key=_KEY).hexdigest()[:DIGITS]


@dataclass(frozen=True)
class Difference:
    """``kind`` of object and its name; of a row its ``key`` and the ``columns`` that differ, of an object its attributes.

    ``source`` and ``target`` are what each side has, None where it has nothing; values of rows are digests.
    """

    datastore: str
    kind: str
    object: str
    text: str
    key: dict[str, Any] | None = None
    columns: tuple[str, ...] = ()
    source: Any = None
    target: Any = None

    def __str__(self) -> str:
        return f"{self.datastore}: {self.text}"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "columns": list(self.columns)}


@dataclass
class TableResult:
    """One table: rows and digest of both sides, seconds of the slower one; ``settled`` rows had only been on their way."""

    rows: int = 0
    target_rows: int = 0
    digest: str = ""
    target_digest: str = ""
    seconds: float = 0.0
    settled: int = 0


@dataclass
class DatabaseResult:
    """``intended``: what differs by the catalogue's own will; ``notes``: what the operator should know of."""

    datastore: str
    source: str
    target: str
    tables: dict[str, TableResult] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    intended: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "target": self.target,
            "versions": self.versions,
            "tables": {name: asdict(table) for name, table in sorted(self.tables.items())},
            "objects": self.objects,
            "intended": [each.as_dict() for each in self.intended],
            "notes": self.notes,
            "seconds": round(self.seconds, 3),
        }


def summary(differences: Iterable[object], most: int = 20) -> str:
    """The first differences, a line each, and how many more there are."""
    lines = [str(each) for each in differences]
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])
