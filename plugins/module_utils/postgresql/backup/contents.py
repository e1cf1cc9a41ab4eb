# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an archive: what they are, and whether they still are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file in a folder, by name. Every one of them is on the disk by then."""
    return {path.name: describe_file(path) for path in sorted(folder.iterdir())}


def describe_file(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, which is on the disk by then."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
        os.fsync(file.fileno())
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def problems(folder: Path, wanted: Mapping[str, Mapping[str, Any]], *, others: bool = False) -> list[str]:
    """What is wrong with the files of a folder, in a few words each. ``others``: it may hold more than these."""
    if not folder.is_dir():
        return ["is missing"]
    found = []
    for name, each in wanted.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif (size := path.stat().st_size) != each["bytes"]:
            found.append(f"{name} has {size} bytes and should have {each['bytes']}")
        elif describe_file(path)["sha256"] != each["sha256"]:
            found.append(f"{name} has another content than was written")
    if not others:
        found += [f"{path.name} does not belong there" for path in folder.iterdir() if path.name not in wanted]
    return found


def size(folder: Path) -> int:
    """Bytes of the files in a folder; 0 where there is none yet."""
    try:
        return sum(entry.stat().st_size for entry in os.scandir(folder))
    except OSError:
        return 0
