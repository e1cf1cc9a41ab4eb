# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that changes sides in a window, each by the same methods."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from ..redis.pair import Pair as Cache
from .databases import Pair
from .decision import Decision
from .folders import Tree
from .intent import Intent
from .outlets import OneSide

Store = Union[Pair, Cache, Tree, Decision, OneSide]


def made(intent: Intent, name: str, folder: Path) -> list[Store]:
    """The first one decides: a database's source, else a file in the ``folder`` of the intent. ``name`` is what the
    sessions are called."""
    databases: list[Store] = [Pair(intent, database, name) for database in intent.databases]
    caches = [Cache(intent, cache, name) for cache in intent.caches]
    first, trees = databases or [Decision(intent, folder)], [Tree(intent, each, folder) for each in intent.folders]
    return [*first, *caches, *trees, *([OneSide(intent, folder)] if intent.outlets else [])]
