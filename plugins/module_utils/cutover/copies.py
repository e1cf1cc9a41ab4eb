# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last pass over a directory or a SQLite file, while nobody uses it."""

from __future__ import annotations

from pathlib import Path

from ..files.compare import Comparison, Wish
from ..files.ownership import Ownership
from ..files.place import FilesError, Place
from ..files.transfer import Task, Transfer
from ..findings import blocking, ranked, sentence
from ..migration.journal import Journal
from .intent import Folder

COMPARED_BYTES, COMPARED_FILES = 64 << 20, 3000
"""Up to so much is compared by content in the window, which takes a second or two; of more, sizes and times of files must do."""


class Copy:
    """Beside the target, where an earlier pass has left most of it. ``reverse``: back to Docker; ``journal``: the folder
    that has the traces of that pass."""

    def __init__(self, folder: Folder, reverse: bool, journal: Path | str) -> None:
        places = (Place.from_options(folder.source), Place.from_options(folder.target))
        self._task = Task(
            "window",
            folder.datastore,
            *places,
            Ownership.from_options(folder.ownership),
            reverse=reverse,
            replace=True,
            file=folder.file,
            accept=folder.accept,
        )
        self._transfer, self._seen = Transfer(self._task, Journal(journal)), (0, 0)

    @property
    def target(self) -> Place:
        return self._task.target

    def obstacles(self) -> list[str]:
        """Sentences about what stands against it."""
        against = blocking(ranked(self._transfer.plan().findings, self._task.accept))
        return [sentence(against)] if against else []

    def refresh(self) -> None:
        """All that the source has by now. Raises FilesError or SqliteError. May be repeated."""
        scanned = self._transfer.refresh().scanned
        self._seen = (scanned.bytes, scanned.files)

    def check(self) -> None:
        """Raises FilesError where the copy differs."""
        if self._seen[0] > COMPARED_BYTES or self._seen[1] > COMPARED_FILES:
            return
        found = Comparison(self._task, Wish(self.target.incoming)).run()
        if count := len(found.differences) + found.unnamed:
            first = next((str(each.get("path") or each.get("key")) for each in found.differences), "")
            source = self._task.source
            raise FilesError(
                f"{source.title} was written to while nobody should use it: its copy differs in {count} places, the first one "
                f"{first}. See who has it open: fuser -vm {source.path}"
            )
