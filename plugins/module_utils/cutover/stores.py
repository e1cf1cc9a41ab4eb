# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that changes sides in a window, each by the same methods."""

from __future__ import annotations

from typing import Union

from ..redis.pair import Pair as Cache
from .databases import Pair
from .intent import Intent

Store = Union[Pair, Cache]


def made(intent: Intent, name: str) -> list[Store]:
    """Databases first: the source of the first one decides. ``name`` is what the sessions are called."""
    databases = [Pair(intent, database, name) for database in intent.databases]
    return [*databases, *(Cache(intent, cache, name) for cache in intent.caches)]
