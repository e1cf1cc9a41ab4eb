# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``side``: the condition of a unit while its service can also run under Docker Compose (``ExecCondition=``).

Who writes is recorded on the host. A start on the wrong side would make two writers, so whatever is not recorded as
native does not start, whoever asks: a play, a person, or a boot. What cannot be read counts as not native.

A group that stands by is the exception: its processes run on copies that are closed and follow, while Docker serves. And a
datastore that moves with a later group is *lent*: until then native processes use it in its container.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

DIRECTORY = Path("/var/lib/cryptobot-migration")
SHOWN = Path("/run/cryptobot-sides")
"""Where processes see it that ask at their start which side a datastore is on."""
FILE = "sides.json"
VERSION = 1
DOCKER, NONE, NATIVE = "docker", "none", "native"
SIDES = (DOCKER, NONE, NATIVE)
"""A group or a service that is on the side `none` is stopped on both; a datastore then has no writer."""


class SidesError(Exception):
    """The record cannot be trusted, or a change of it would be wrong; the text says what to do."""


class Record(NamedTuple):
    """What the file says: sides by migration group; writer, run and time by datastore; groups that stand by."""

    groups: dict[str, str]
    datastores: dict[str, dict[str, str]]
    standby: tuple[str, ...] = ()

    def writer(self, datastore: str) -> str | None:
        return self.datastores.get(datastore, {}).get("writer")


def read(directory: Path | str = DIRECTORY) -> Record | None:
    """The record, `None` where there is none yet. Raises :class:`SidesError` for a damaged one."""
    path = Path(directory) / FILE
    try:
        return parsed(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        why = f"{path}, the record of who writes, cannot be read ({error}). Nothing is started or changed without it."
        raise SidesError(
            f"{why} Look at what runs on either side, and put the file right by the journal beside it."
        ) from None


def parsed(document: Any) -> Record:
    """Raises ValueError, KeyError, TypeError or AttributeError for what is not a record of this version."""
    if document["version"] != VERSION:
        raise ValueError(f"it is of version {document['version']}, and this is version {VERSION}")
    groups = {str(name): str(side) for name, side in document["groups"].items()}
    datastores = {
        str(name): {str(key): str(value) for key, value in entry.items()}
        for name, entry in document["datastores"].items()
    }
    for side in (*groups.values(), *(entry["writer"] for entry in datastores.values())):
        if side not in SIDES:
            raise ValueError(f"{side or 'an empty word'} is none of {', '.join(SIDES)}")
    standby = document.get("standby", [])
    if not isinstance(standby, list):
        raise TypeError("standby is a list of migration groups")
    return Record(groups, datastores, tuple(str(group) for group in standby))


def stands_by(record: Record, group: str, datastores: Iterable[str]) -> bool:
    """Whether its processes may run beside Docker's: nothing of it is stopped or being copied."""
    sides = {record.groups.get(group, DOCKER), *(record.writer(name) or DOCKER for name in datastores)}
    return group in record.standby and NONE not in sides


def is_lent(record: Record | None, group: str, datastore: str, lender: str) -> bool:
    """Whether a native process of the ``group`` uses a datastore where it was, for it moves with another group, the
    ``lender``. Where both groups stand by they leave together, and it uses the copy."""
    if record is None:
        return True
    leaving = group in record.standby and lender in record.standby and record.groups.get(group) != NATIVE
    return record.writer(datastore) != NATIVE and not leaving


def refusal(
    record: Record | None, group: str, datastores: Iterable[str], exclusive: bool = False, lent: Iterable[str] = ()
) -> str:
    """Why a process of this migration group that uses these datastores must not start; empty where it may.

    ``exclusive``: there may be one of it, so it does not stand by. ``lent``: further datastores, which move with others.
    """
    datastores, lent = list(datastores), list(lent)
    if record is None:
        return f"the migration group {group} is on the Docker side: nothing is recorded in {DIRECTORY / FILE} yet"
    if not exclusive and stands_by(record, group, [*datastores, *lent]):
        return ""
    side = record.groups.get(group, DOCKER)
    if side != NATIVE:
        return f"the migration group {group} is on the {_named(side)}"
    for datastore in datastores:
        writer = record.writer(datastore) or DOCKER
        if writer != NATIVE:
            return f"the writer of the datastore {datastore} is the {_named(writer)}"
    stopped = [datastore for datastore in lent if record.writer(datastore) == NONE]
    return f"the writer of the datastore {stopped[0]} is the {_named(NONE)}" if stopped else ""


def show(record: Path, shown: Path = SHOWN) -> None:
    """Let the process that starts see the record, whose folder is root's alone."""
    shown.mkdir(exist_ok=True)
    # Whatever the unit's umask.
    shown.chmod(0o755)
    new = shown / f".{FILE}.{os.getpid()}"
    new.write_bytes((record / FILE).read_bytes())
    new.chmod(0o644)
    new.replace(shown / FILE)


def _named(side: str) -> str:
    return {DOCKER: "Docker side", NONE: "side `none`, stopped for a migration", NATIVE: "native side"}[side]


def main(arguments: Sequence[str]) -> int:
    """0: start. 1: systemd passes over the start, which is no failure."""
    options = argparse.ArgumentParser(prog="side", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--group", required=True)
    options.add_argument("--datastore", action="append", default=[])
    options.add_argument("--lent", action="append", default=[], help="a datastore that moves with another group")
    options.add_argument("--exclusive", action="store_true", help="does not stand by")
    options.add_argument("--directory", type=Path, default=DIRECTORY)
    given = options.parse_args(arguments)
    try:
        why = refusal(read(given.directory), given.group, given.datastore, given.exclusive, given.lent)
        if given.lent and not why:
            show(given.directory)
    except (SidesError, OSError) as error:
        sys.stderr.write(f"<3>not started: {error}\n")
        return 1
    if why:
        sys.stderr.write(f"<5>not started: {why}\n")
    return 1 if why else 0
