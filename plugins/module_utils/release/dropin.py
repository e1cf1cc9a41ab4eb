# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that for once run another release, or another command, than their file says.

By a drop-in below /run: the unit's own file stays what the catalogue made it, and after a boot everything is as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .layout import ROOT
from .schema import ALEMBIC

DIRECTORY = Path("/run/systemd/system")
UNITS = Path("/etc/systemd/system")
NAME = "50-cryptobot-release.conf"
HEADER = "# Made by cryptobot.native for the time of a release.\n[Service]\n"


def of_release(unit: str, service: str, release: str, root: Path = ROOT) -> str:
    """What leads the unit with this text to a release that is not live."""
    live, other = f"{root}/{service}/current", f"{root}/{service}/releases/{release}"
    made = HEADER
    for line in unit.splitlines():
        name = line.partition("=")[0]
        # What a start records is compared with what is live.
        if live not in line or line.startswith("#") or name == "ExecStartPre":
            continue
        made += f"{name}=\n" if name == "ExecStart" else ""
        made += line.replace(live, other) + "\n"
    return made


def of_downgrade(unit: str, service: str, release: str, target: str, root: Path = ROOT) -> str | None:
    """What has the migration unit with this text go back to a revision; ``None`` where it is not Alembic's ``upgrade``."""
    line = next((each for each in unit.splitlines() if each.startswith("ExecStart=")), "")
    words, upgrade, __ = line.partition(" upgrade ")
    if not upgrade or ALEMBIC not in words:
        return None
    other = words.replace(f"{root}/{service}/next", f"{root}/{service}/releases/{release}")
    return f"{HEADER}ExecStart=\n{other} downgrade {target}\n"


def path_of(unit: str, directory: Path = DIRECTORY) -> Path:
    """Where the drop-in of a unit is."""
    return directory / f"{unit}.d" / NAME


def place(unit: str, text: str, directory: Path = DIRECTORY) -> None:
    """Write it; the manager reads it when it is told to."""
    path = path_of(unit, directory)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.write_text(text)


def remove(units: Sequence[str], directory: Path = DIRECTORY) -> bool:
    """Whether there was one."""
    there = [path for path in (path_of(unit, directory) for unit in units) if path.exists()]
    for path in there:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return bool(there)
