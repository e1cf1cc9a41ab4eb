# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a copy, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..endpoint import Endpoint
from ..roles_map import RolesMap


@dataclass(frozen=True)
class Definitions:
    """Another database that definitions, owners and rights come from."""

    server: Endpoint
    database: str
    roles: RolesMap


@dataclass(frozen=True)
class Order:
    """One database to copy. ``definitions`` is where they come from, if not from the source itself (the way back).
    ``snapshot``: one that somebody else has exported; such a copy is never gone on with."""

    datastore: str
    source: Endpoint
    source_database: str
    target: Endpoint
    fresh: str
    run: str
    roles: RolesMap
    jobs: int = 2
    locale: str = ""
    definitions: Definitions | None = None
    snapshot: str = ""

    @property
    def mapping(self) -> RolesMap:
        """The map for what the definitions say."""
        return self.definitions.roles if self.definitions else self.roles


@dataclass
class Copied:
    """What a copy gives: rows and bytes by table, counts of the rest, seconds by stage."""

    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    sequences: int = 0
    large_objects: int = 0
    entries: int = 0
    resumed: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table["rows"] for table in self.tables.values())
