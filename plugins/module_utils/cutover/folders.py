# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory or a SQLite file of a window, by the same methods as a database (databases.py).

It has no fence: whoever uses it has stopped. What was copied beside the target before the window is brought up to date
in it, and takes its place after the hand-over.
"""

from __future__ import annotations

import json
import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import rename
from ..files.place import BEFORE, INCOMING, FilesError
from ..migration import faults
from ..migration.journal import write_whole
from .intent import Folder, Intent

if TYPE_CHECKING:
    from .copies import Copy

OUTDATED = ".outdated"
"""What an earlier move has left as `.before`: removed when requests have gone on, however much it is."""


class Tree:
    """``directory``: where the router's state is; a book there says what a recovery would put into place."""

    def __init__(self, intent: Intent, folder: Folder, directory: Path) -> None:
        self.intent, self.database = intent, folder
        self._book = Path(directory) / f"folder-{folder.datastore}.json"

    @property
    def datastore(self) -> str:
        return self.database.datastore

    @cached_property
    def _copy(self) -> Copy:
        # Imported where it is needed: a recovery copies nothing.
        from .copies import Copy

        return Copy(self.database, reverse=self.intent.target == "docker", journal=self.intent.sides or self._book.parent)

    def obstacles(self) -> tuple[list[str], tuple[int, ...]]:
        """Sentences about what stands against a copy; it has no epochs."""
        return self._copy.obstacles(), ()

    # The window

    def mark(self) -> None:
        """The last pass: beside the target is what the source has."""
        self._copy.refresh()

    def check(self) -> None:
        """By content, where that takes no longer than people wait."""
        self._copy.check()

    def point(self) -> None:
        """On disk, and written down which directory is to take its place."""
        target = self._copy.target
        rename.whole(target.incoming)
        note = {"id": self.intent.id, "path": target.path, "inode": os.stat(target.incoming).st_ino}
        faults.part("book", lambda: write_whole(self._book, json.dumps(note) + "\n"))

    def open(self) -> None:
        """The copy has its name; what it replaces is kept beside. May be repeated."""
        if (path := self._noted().get("path")) is None:
            raise FilesError(f"{self._book} is not of the window {self.intent.id}: nothing was put into place.")
        if self.is_open():
            rename.clear(path + INCOMING, path + BEFORE)
        else:
            if os.path.isdir(path + BEFORE):
                shutil.rmtree(path + OUTDATED, ignore_errors=True)
                faults.part("outdated", lambda: os.rename(path + BEFORE, path + OUTDATED))
            rename.into_place(path + INCOMING, path, path + BEFORE)

    def drop_forward(self) -> None:
        """Of what this side had before, the last state stays."""
        if path := self._noted().get("path"):
            shutil.rmtree(path + OUTDATED, ignore_errors=True)

    def is_open(self) -> bool:
        """It is put into place after the hand-over only."""
        book = self._noted()
        return bool(book) and os.path.isdir(book["path"]) and os.stat(book["path"]).st_ino == book["inode"]

    def _noted(self) -> dict[str, Any]:
        """Of this window; nothing before its point."""
        try:
            book = dict(json.loads(self._book.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return {}
        return book if book.get("id") == self.intent.id else {}

    # What a database has besides

    def close(self, grace: float, end: bool) -> None:
        """Its users have stopped."""

    def end_sessions(self, name: str, done: set[Any]) -> None:
        """It has none."""

    def _nothing(self) -> None:
        """The one that is left stays as it was; nothing follows it."""

    forget = prepare = arm = wait_for_mark = copy_sequences = follow_back = _nothing
    reopen = follow_on = disarm = drop_reverse = _nothing
