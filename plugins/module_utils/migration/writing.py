# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why Docker's data must not be saved or replaced now: another side writes, or none does."""

from __future__ import annotations

from collections.abc import Mapping

from ..launcher.sides import DOCKER, NATIVE

BACKUP, RESTORE = "backup", "restore"
MEANING = {
    BACKUP: "What Docker holds of that has been old since, and a backup of it would look like one of today. Save the native "
    "side by its own means (pg_dump, copies of its files), or go back first",
    RESTORE: "What is restored into Docker now would be used by nobody, and its containers would run beside the native "
    "side. Go back first",
}


def refusal(operation: str, writers: Mapping[str, str]) -> str:
    """A sentence against a backup or a restore; empty where Docker writes all. ``writers``: side by datastore."""
    if operation not in MEANING:
        return ""
    native = sorted(name for name, side in writers.items() if side == NATIVE)
    nobody = sorted(name for name, side in writers.items() if side not in (NATIVE, DOCKER))
    again = f"ansible-playbook cryptobot.native.{operation}{' -e backup=ID' if operation == RESTORE else ''}"
    if native:
        return (
            f"The native side writes {', '.join(native)}. {MEANING[operation]}: ansible-playbook cryptobot.native.rollback, "
            f"then {again}"
        )
    if nobody:
        return (
            f"Neither side writes {', '.join(nobody)}, for a migration or a rollback is not finished, and only that knows "
            "which data count. Let Docker serve again first: ansible-playbook cryptobot.native.rollback, which goes on "
            f"with an unfinished one, then {again}"
        )
    return ""
