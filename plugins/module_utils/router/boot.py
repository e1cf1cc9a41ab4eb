# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``router-hold``: at a boot, before HAProxy starts, hold the doors of a cutover that the boot has interrupted.

Which side writes is decided when the databases answer again. Until then no request, reads too, may meet one of them.
Nor may one meet the container that has another one's address of before the boot: all addresses are forgotten until the
watcher has looked.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .maps import DIRECTORY, DOOR_KINDS, HOLD, NOWHERE, SIDE, Files, RouterError, hold_key, lease, locked

INTENT = "intent.json"
"""What a cutover writes before its first step, and takes away after its last one."""
SECONDS = 600.0
"""Longer than databases take to recover. Requests get 503 long before; whoever decides releases the rest."""


def interrupted(directory: Path) -> list[str]:
    """The migration groups of a cutover under way. Raises RouterError for a damaged intent."""
    path = directory / INTENT
    try:
        return [str(group) for group in json.loads(path.read_text(encoding="utf-8"))["groups"]]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise RouterError(
            f"{path}, the intent of a cutover, cannot be read ({error!r}): every door is held until somebody releases "
            "it (module router_hold)."
        ) from None


def hold_again(directory: Path, now: float) -> list[str]:
    """Write a new lease for the doors of an interrupted cutover, and of all groups where its intent is damaged.

    The doors that it wrote for. Raises RouterError for the damaged one after that.
    """
    files, damaged = Files(directory), None
    try:
        groups = interrupted(directory)
    except RouterError as error:
        groups, damaged = list(files.read_map(SIDE)), error
    values = {hold_key(group, kind): lease(now + SECONDS, every_method=True) for group in groups for kind in DOOR_KINDS}
    if values:
        with locked(directory):
            files.write_map(HOLD, values)
    if damaged:
        raise damaged
    return sorted(values)


def forget(directory: Path) -> bool:
    """Let requests for containers be refused where their addresses are of another boot; whether they are."""
    files = Files(directory)
    if not files.of_another_boot():
        return False
    with locked(directory):
        files.write_containers(dict.fromkeys(files.read_containers(), NOWHERE))
    return True


def main(arguments: Sequence[str]) -> int:
    """0 where the doors are held that must be, and no address is of another boot."""
    options = argparse.ArgumentParser(prog="router-hold", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--directory", type=Path, default=DIRECTORY)
    directory, failed = options.parse_args(arguments).directory, 0
    try:
        if held := hold_again(directory, time.time()):
            sys.stderr.write(f"<5>A cutover was interrupted: {', '.join(held)} are held until it is decided.\n")
    except (RouterError, OSError) as error:
        sys.stderr.write(f"<3>{error}\n")
        failed = 1
    try:
        if forget(directory):
            sys.stderr.write("<5>The containers' addresses of before the boot are forgotten.\n")
    except (RouterError, OSError) as error:
        sys.stderr.write(f"<3>{error}\n")
        failed = 1
    return failed
