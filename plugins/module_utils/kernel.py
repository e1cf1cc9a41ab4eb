# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel settings in effect, under /proc/sys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/proc/sys")


def path(name: str, root: Path = ROOT) -> Path:
    """Where a setting such as ``net.core.somaxconn`` is."""
    return root.joinpath(*name.split("."))


def read(names: list[str], root: Path = ROOT) -> dict[str, str | None]:
    """Values in effect, white space folded; ``None`` where this kernel, or this container, has no such setting."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = " ".join(path(name, root).read_text().split())
        except OSError:
            found[name] = None
    return found


def different(wanted: Mapping[str, str], found: Mapping[str, str | None]) -> list[str]:
    """Names of settings that are not in effect."""
    return [name for name, value in sorted(wanted.items()) if found[name] != " ".join(value.split())]


def writable(name: str, root: Path = ROOT) -> bool:
    """Whether the kernel lets us: in most containers it does not, whatever the permissions say."""
    try:
        with path(name, root).open("r+"):
            return True
    except OSError:
        return False


def write(name: str, value: str, root: Path = ROOT) -> bool:
    """Puts a setting into effect; False where the kernel refuses."""
    try:
        path(name, root).write_text(f"{value}\n")
    except OSError:
        return False
    return True
