# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is undone, in which order, and what stays and why: made from the record of state and the host as it is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..changes import Change
from ..tree import Found as File
from .record import Entry


class Phase(enum.IntEnum):
    """The order of what is done: nothing is taken from under what still uses it."""

    STOP = 1
    DATABASES = 2
    FILES = 3
    DIRECTORIES = 4
    KERNEL = 5
    RESTART = 6
    ACCOUNTS = 7
    PACKAGES = 8
    MASKS = 9
    LEFTOVERS = 10
    RECORD = 11


@dataclass(frozen=True)
class Step:
    """One thing that is done. ``change`` says it; ``undone`` are the entries of the record that are settled by it."""

    phase: Phase
    operation: str
    change: Change
    undone: tuple[Entry, ...] = ()
    content: bytes | None = None
    """What a file is to hold."""


@dataclass(frozen=True)
class Left:
    """What stays, and why."""

    title: str
    why: str


@dataclass
class Plan:
    steps: list[Step] = field(default_factory=list)
    settled: list[Entry] = field(default_factory=list)
    """Those that are as they were already."""
    left: list[Left] = field(default_factory=list)

    def add(
        self,
        phase: Phase,
        operation: str,
        change: tuple[str, str, Any, Any],
        *undone: Entry,
        content: bytes | None = None,
    ) -> None:
        self.steps.append(Step(phase, operation, Change(*change), undone, content))

    def leave(self, title: str, why: str) -> None:
        self.left.append(Left(title, why))

    @property
    def ordered(self) -> list[Step]:
        """In the order in which they are carried out; inside a phase as they were planned."""
        return sorted(self.steps, key=lambda step: step.phase)


@dataclass(frozen=True)
class Unit:
    active: bool = False
    enabled: bool = False
    masked: bool = False
    package: str = ""
    """The installed package that its file belongs to."""


@dataclass(frozen=True)
class Package:
    """``state``: ``i`` installed, ``r`` removed but for its configuration. ``needs``: groups of alternatives."""

    state: str
    version: str
    needs: tuple[frozenset[str], ...] = ()
    provides: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Directory:
    """``files``: what is below it and no directory; ``owners`` and ``groups`` of these."""

    rights: str
    files: tuple[str, ...] = ()
    owners: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Host:
    """What the host has now of all that the record names."""

    files: Mapping[str, File] = field(default_factory=dict)
    kept: Mapping[str, bytes] = field(default_factory=dict)
    """By digest, what files held before us."""
    directories: Mapping[str, Directory] = field(default_factory=dict)
    homes: tuple[str, ...] = ()
    """Directories that units have made for what services write."""
    shared: tuple[str, ...] = ()
    """Directories of other services, where what is undone may own files too."""
    units: Mapping[str, Unit] = field(default_factory=dict)
    packages: Mapping[str, Package] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By group, who is in it beside those whose own group it is."""
    kernel: Mapping[str, str | None] = field(default_factory=dict)
    databases: frozenset[str] | None = frozenset()
    """Of the PostgreSQL cluster; ``None`` where it does not answer."""
    roles: frozenset[str] = frozenset()
    books: tuple[str, ...] = ()
    """What is in the directory of the record beside it, the data of services left out."""
