# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a directory, before it is copied: how much, whose, and which SQLite databases."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from ..findings import BLOCKING, DECISION, NOTE, Finding
from ..sqlite import database
from .ownership import Ownership
from .ownership import findings as owner_findings
from .place import FilesError, Place
from .tree import shown, walk

BLOCK = 4096
SPARE = 1.02


@dataclass(frozen=True)
class Scan:
    """``bytes`` as programs read them, ``allocated`` as the disk holds them. ``owners``: by number, how many and the name of one."""

    files: int
    bytes: int
    allocated: int
    owners: Mapping[int, tuple[int, str]]
    groups: frozenset[int]
    databases: tuple[database.Found, ...]

    @property
    def skip(self) -> tuple[bytes, ...]:
        """What a plain copy leaves to the copy of databases."""
        return tuple(path for each in self.databases for path in each.skip)


def scan(place: Place, sqlite: bool) -> Scan:
    """Reads names and, of what could be a database, the first bytes."""
    if not os.path.isdir(place.path):
        raise FilesError(
            f"{place.title} is no directory of this host ({place.path}). Is the volume's name right, and is this its host?"
        )
    files = size = allocated = 0
    owners: dict[int, tuple[int, str]] = {}
    groups: set[int] = set()
    databases = []
    for entry in walk(place.path, attributes=False):
        files += 1
        if not entry.linked:
            size += entry.size
            allocated += entry.allocated
        uid = entry.rights.uid
        owners[uid] = (owners[uid][0] + 1, owners[uid][1]) if uid in owners else (1, shown(entry.path))
        groups.add(entry.rights.gid)
        full = os.path.join(os.fsencode(place.path), entry.path)
        if sqlite and entry.kind == stat.S_IFREG and database.is_database(full, entry.size):
            databases.append(database.found(full, entry.path, entry.size))
    return Scan(files, size, allocated, owners, frozenset(groups), tuple(databases))


def renames(
    scanned: Scan, file: str, before: Scan | None, reverse: bool, title: str
) -> tuple[dict[bytes, bytes], list[Finding]]:
    """Names of databases on the other side, where they are others: the native side knows one by ``file``; the container, on the
    way back, by the name that is in its volume."""
    if not file:
        return {}, []
    name = os.fsencode(file)
    ours = [each.path for each in scanned.databases]
    if reverse:
        theirs = [each.path for each in before.databases] if before else []
        return ({name: theirs[0]} if name in ours and name not in theirs and len(theirs) == 1 else {}), []
    if name in ours:
        return {}, []
    if len(ours) == 1:
        return {ours[0]: name}, []
    if not ours:
        text = f"There is no SQLite database in {title} yet; {file} is made natively."
        return {}, [Finding(NOTE, "sqlite-none", title, text, "")]
    text = f"{title} holds {len(ours)} SQLite databases, and none is called {file}: {', '.join(map(shown, ours))}."
    remedy = f"Rename the one that is meant to {file}, or make the datastore a directory."
    return {}, [Finding(DECISION, "sqlite-several", title, text, remedy)]


def findings(
    source: Place, target: Place, scanned: Scan, ownership: Ownership, wish: Mapping[str, bool], there: int
) -> list[Finding]:
    """What stands against a copy. ``wish``: ``replace``, ``ours`` (the incoming directory), ``reverse``; ``there``: bytes that an
    earlier attempt has copied."""
    found = [] if wish["reverse"] else owner_findings(ownership, scanned.owners, source.title)
    if source.path == target.path:
        text = f"{source.title} and {target.title} are the same directory."
        return [Finding(BLOCKING, "files-same", target.title, text, "Name another target.")]
    if os.path.ismount(target.path):
        text = f"{target.title} is a mount point, and a verified copy can't be renamed into its place."
        remedy = "Mount the file system one level up, and make the directory a symbolic link into it."
        found.append(Finding(BLOCKING, "files-mount", target.title, text, remedy))
    if os.path.lexists(target.path) and not os.path.isdir(target.path):
        text = f"{target.title} is there and is no directory."
        found.append(Finding(BLOCKING, "files-target-kind", target.title, text, "Move it away."))
    elif os.path.isdir(target.path) and (names := os.listdir(target.path)) and not wish["replace"]:
        text = f"{target.title} holds {len(names)} entries that are not ours, {shown(os.fsencode(sorted(names)[0]))} for one; nothing was changed."
        found.append(
            Finding(
                BLOCKING, "files-target-not-empty", target.title, text, "Move them away, if nobody needs them there."
            )
        )
    if os.path.lexists(target.incoming) and not wish["ours"]:
        text = f"{target.incoming} is there, and no copy of ours has made it."
        found.append(Finding(BLOCKING, "files-incoming-taken", target.title, text, "Move it away."))
    free = shutil.disk_usage(_existing(target.path)).free
    needed = int(scanned.allocated * SPARE) + scanned.files * BLOCK - there
    if needed > free:
        found.append(
            Finding(
                BLOCKING,
                "files-disk",
                target.title,
                f"About {needed >> 20} MB are needed for {target.title}, and {free >> 20} MB are free on its disk.",
                "Make room, or make the directory a symbolic link to another disk.",
            )
        )
    return found


def _existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    return path
