# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory as an archive: a tree with all that belongs to files, SQLite databases copied as such, and a listing of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from ..files.compare import Comparison, Wish
from ..files.ownership import Ownership
from ..files.place import FilesError, Place
from ..files.transfer import Task, Transfer
from ..migration import faults
from ..migration.journal import Journal
from ..migration.traces import begun_after
from . import manifest

TREE = "tree"


def save(source: Place, archive: Path, datastore: str, run: str, journal: Journal) -> dict[str, Any]:
    """Writes the archive, or goes on with an unfinished one."""
    archive.mkdir(mode=0o700, parents=True, exist_ok=True)
    tree = archive / TREE
    task = _task(run, datastore, source, Place(str(tree), str(tree)), "backup")
    if journal.done(run, task.activation, task.inputs) is None:
        # Where the last attempt had begun to give it its name, it may be whole already, and its copy is gone.
        if not begun_after(journal, run, task.activation, task.step):
            shutil.rmtree(tree, ignore_errors=True)
        transfer = Transfer(task, journal)
        transfer.copied()
        transfer.active()
    if not tree.is_dir():
        raise manifest.ArchiveError(f"{tree} was made by this run and is gone. Save again under another id.")
    digest, entries, size = hashlib.sha256(), 0, 0
    with (archive / manifest.LISTING).open("w", encoding="utf-8") as listing:
        for line in manifest.listing(tree):
            listing.write(line)
            digest.update(line.encode())
            entries += 1
            size += len(line.encode())
        listing.flush()
        os.fsync(listing.fileno())
    content = {"entries": entries, "bytes": size, "sha256": digest.hexdigest(), "source": source.title}
    faults.point(f"backup:files:{datastore}:manifest")
    return {
        "manifest": manifest.finish(archive, "files", datastore, content),
        "entries": entries,
        "bytes": _allocated(tree),
    }


def check(archive: Path) -> dict[str, Any]:
    """The module's result. Raises :class:`~.manifest.ArchiveError` where the archive is not what was saved."""
    content, digest = manifest.read(archive, "files")
    listing, tree = archive / manifest.LISTING, archive / TREE
    manifest.check_file(listing, content["bytes"], content["sha256"])
    if not tree.is_dir():
        raise manifest.ArchiveError(f"{tree} is missing from the archive. Take another one.")
    with listing.open(encoding="utf-8") as lines:
        manifest.check_listing(tree, lines)
    return {"manifest": digest, "entries": content["entries"], "bytes": _allocated(tree)}


def restore(archive: Path, target: Place, datastore: str, run: str, journal: Journal) -> tuple[bool, dict[str, Any]]:
    """Puts what was saved in the target's place, compared; what was there stays beside it as ``<path>.before``."""
    result = check(archive)
    task = _task(run, datastore, Place(str(archive / TREE), str(archive)), target, "restore", replace=True)
    if journal.done(run, task.activation, task.inputs) is not None:
        return False, result
    transfer = Transfer(task, journal)
    transfer.copied()
    if os.path.isdir(target.incoming):
        found = Comparison(task, Wish(target.incoming)).run()
        if found.differences:
            raise FilesError(
                f"What was restored beside {target.title} differs from the archive: {found.differences[0]['text']}"
            )
    transfer.active()
    return True, result


def _task(run: str, datastore: str, source: Place, target: Place, purpose: str, replace: bool = False) -> Task:
    return Task(run, datastore, source, target, Ownership(), replace=replace, purpose=purpose)


def _allocated(tree: Path) -> int:
    return sum(
        os.lstat(os.path.join(folder, name)).st_blocks * 512 for folder, __, names in os.walk(tree) for name in names
    )
