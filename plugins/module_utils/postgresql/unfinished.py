# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters whose making was killed halfway.

Debian's package makes its cluster while it is configured. What a killed initdb leaves is taken by the next attempt for a
cluster that is there, gets a configuration, and never starts. So it has to go before the package is configured again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PACKAGE = re.compile(r"postgresql-(\d+)")
FIRST_OF_USERS = 16384
"""Databases that are not initdb's own have numbers from here on."""


def halfway(packages: Iterable[str], root: Path = Path("/")) -> list[Path]:
    """The data directories that packages which are not configured left without a configuration, and with nobody's data."""
    found = []
    for match in filter(None, map(PACKAGE.fullmatch, packages)):
        data = root / "var/lib/postgresql" / match[1] / "main"
        configured = root / "etc/postgresql" / match[1] / "main/postgresql.conf"
        if data.is_dir() and not configured.exists() and _is_nobodys(data):
            found.append(data)
    return found


def _is_nobodys(data: Path) -> bool:
    """Whether no server ever started here, no backup was laid here, and no database is here but those that initdb makes."""
    if (data / "postmaster.opts").exists() or any(data.glob("backup_label*")):
        return False
    return not any(each.name.isdigit() and int(each.name) >= FIRST_OF_USERS for each in data.glob("base/*"))
