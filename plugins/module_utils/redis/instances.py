# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis of a window, as its intent keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Instance:
    """A Redis that changes sides. Servers are options of `Endpoint`; ``reached``: host and port by which the source's
    server reaches the target's, where they differ, ``sought`` by which the target's reaches the source's. ``folder``:
    where its book and its host's walls are; ``walled``: whether a server that keeps its users in no file gets one.
    ``rights``: by user, the rules of commands that the catalogue gives it on the target; others get what they had.
    ``before``: the epoch at which its source was seen open."""

    datastore: str
    source_server: Mapping[str, Any]
    target_server: Mapping[str, Any]
    folder: str
    reached: Mapping[str, Any] = field(default_factory=dict)
    rights: Mapping[str, str] = field(default_factory=dict)
    walled: bool = True
    before: int = 0
    sought: Mapping[str, Any] = field(default_factory=dict)

    @property
    def book(self) -> Path:
        return Path(self.folder) / f"redis-{self.datastore}.json"
