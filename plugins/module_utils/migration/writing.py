# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Docker's data must not be saved or replaced now, by who writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..launcher.sides import DOCKER, NATIVE
from .runs import RESTORE, ROLLBACK, command

BACKUP = "backup"
MEANING = {
    BACKUP: "What Docker holds of that has been old since, and a backup of it would look like one of today. Save the "
    "native side by its own means (pg_dump, copies of its files), or go back first",
    RESTORE: "What is restored into Docker now would be used by nobody, and its containers would run beside the "
    "native side. Go back first",
}


def refusal(operation: str, sides: Mapping[str, Any], groups: Sequence[str]) -> str:
    """A sentence against a backup, a restore or a rollback of these groups; empty where nothing speaks against it.

    ``sides``: the fact `cryptobot_sides`.
    """
    if operation == ROLLBACK:
        return _halves({name: sides["groups"][name] for name in groups})
    return _written(operation, sides["datastores"]) if operation in MEANING else ""


def _halves(groups: Mapping[str, str]) -> str:
    """Of groups that would go back together some are back already, or never went."""
    there = sorted(name for name, side in groups.items() if side == DOCKER)
    away = sorted(name for name, side in groups.items() if side != DOCKER)
    if not (there and away):
        return ""
    return (
        f"Docker serves {', '.join(there)} and not {', '.join(away)}: going back with all of them would replace what "
        "Docker writes by what the native side held before. Go back with each that is away: "
        + "; ".join(command(ROLLBACK, {"group": name}) for name in away)
    )


def _written(operation: str, writers: Mapping[str, str]) -> str:
    native = sorted(name for name, side in writers.items() if side == NATIVE)
    nobody = sorted(name for name, side in writers.items() if side not in (NATIVE, DOCKER))
    again = command(operation, {"backup": "ID"} if operation == RESTORE else {})
    if native:
        return (
            f"The native side writes {', '.join(native)}. {MEANING[operation]}: {command(ROLLBACK, {})}, then {again}"
        )
    if nobody:
        return (
            f"Neither side writes {', '.join(nobody)}, for a migration or a rollback is not finished, and only that "
            f"knows which data count. Let Docker serve again first: {command(ROLLBACK, {})}, which goes on with an "
            f"unfinished one, then {again}"
        )
    return ""
