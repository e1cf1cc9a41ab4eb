# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a migration is in the way of an uninstallation."""

from __future__ import annotations

from pathlib import Path

from ..launcher import sides as record
from ..launcher.sides import DIRECTORY, DOCKER
from ..migration.sides import ADOPTION, undeclared


def obstacle(compose: bool, directory: Path | str = DIRECTORY, adoption: Path = ADOPTION) -> str:
    """Why nothing may be undone now, and what to do first; else empty. ``compose``: whether a project is given."""
    try:
        if not compose:
            return undeclared(directory, adoption)
        found = record.read(directory)
    except record.SidesError as error:
        return str(error)
    native = (
        sorted({name for name, side in found.groups.items() if side != DOCKER} | set(found.standby)) if found else []
    )
    native += sorted(name for name in found.datastores if found.writer(name) != DOCKER) if found else []
    if native:
        return (
            f"The record of sides of this host says that {', '.join(dict.fromkeys(native))} are not on Docker's side "
            "alone: what was written natively would be lost to the containers. Go back first: "
            "ansible-playbook cryptobot.native.rollback -e migration_group=all"
        )
    if adoption.exists():
        return (
            f"{adoption} says that the router has the ports of containers. Give them back first: "
            "ansible-playbook cryptobot.native.release_ports"
        )
    return ""
