# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With what a run was begun that its data depend on: a run that goes on with another inventory or vault is told apart.

Settings are left out: they may be mended while a run is unfinished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .journal import digest

SECRETS = "the vault (cryptobot_secrets)"
PLACE = ("kind", "host", "database", "path", "file", "index", "docker", "users", "migration_group")
"""Of a datastore, where it is and whose it is."""
COST = {"n": 2**14, "r": 8, "p": 1, "dklen": 16}


def given(catalogue: Mapping[str, Any], compose: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, str]:
    """Digests by what they are of, as people call it. That of the secrets is one of all of them, and a slow one."""
    stores = {
        f"the datastore {name}": {key: store.get(key) for key in PLACE}
        for name, store in catalogue["datastores"].items()
    }
    groups = {name: service["migration_group"] for name, service in catalogue["services"].items()}
    parts = {**stores, "the services' migration groups": groups, "cryptobot_compose.project": compose.get("project")}
    text = json.dumps(_plain(secrets), sort_keys=True).encode()
    vault = hashlib.scrypt(text, salt=b"cryptobot.native", **COST).hex()
    return {**{name: digest({"of": _plain(part)}) for name, part in parts.items()}, SECRETS: vault}


def differing(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is another one, is new, or is missing; nothing where either is not known."""
    if not (before and now):
        return []
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _plain(part: Any) -> Any:
    """Without anything lazy or encrypted, which a vault's values are until they are read."""
    if isinstance(part, Mapping):
        return {str(name): _plain(each) for name, each in part.items()}
    if isinstance(part, (list, tuple, set, frozenset)):
        return [_plain(each) for each in part]
    return part if part is None or isinstance(part, (bool, int, float)) else str(part)
