# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases on a host: which are complete, live, about to be live, proven, and which may go.

``<root>/<service>/releases/<id>/release.json`` is written last, so a release without it is an interrupted one.
``current`` and ``next`` are symbolic links; a switch is one rename of the second over the first.
A file ``proven`` in a release says, by its time, when it was last seen healthy while live.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ReleaseError

ROOT = Path("/opt/cryptobot")
NOTE, PROVEN = "release.json", "proven"


@dataclass(frozen=True)
class Installed:
    """A complete release on this host; times are seconds since the epoch."""

    id: str
    at: float
    proven: float | None = None


def superfluous(installed: Iterable[Installed], needed: Collection[str | None], keep: int) -> list[str]:
    """The ids that may be removed: all but the newest ``keep``, the needed ones and the last proven one beside the live.

    ``needed`` begins with what is live.
    """
    newest = sorted(installed, key=lambda release: (release.at, release.id), reverse=True)
    kept = {release.id for release in newest[:keep]} | set(needed)
    live = next(iter(needed), None)
    if good := last_proven(newest, live):
        kept.add(good)
    return sorted(release.id for release in newest if release.id not in kept)


def last_proven(installed: Iterable[Installed], live: str | None) -> str | None:
    """The release, other than the live one, that was last seen healthy: where a roll back goes."""
    proven = [release for release in installed if release.proven is not None and release.id != live]
    return max(proven, key=lambda release: release.proven or 0).id if proven else None


class ServiceReleases:
    """The releases of one service on this host."""

    def __init__(self, service: str, root: Path = ROOT) -> None:
        self.service = service
        self.home = root / service
        self.releases = self.home / "releases"

    def path(self, release: str) -> Path:
        """The directory of a release."""
        return self.releases / release

    def link(self, name: str) -> str | None:
        """The id that ``current`` or ``next`` leads to."""
        try:
            return Path(os.readlink(self.home / name)).name
        except OSError:
            return None

    def note(self, release: str) -> dict[str, Any] | None:
        """What was written of a release when it was complete."""
        try:
            return json.loads((self.path(release) / NOTE).read_text())
        except (OSError, ValueError):
            return None

    def installed(self) -> list[Installed]:
        """All complete releases."""
        found = []
        for path in self.releases.glob(f"*/{NOTE}"):
            with contextlib.suppress(OSError):
                proven = path.parent / PROVEN
                found.append(
                    Installed(
                        path.parent.name, path.stat().st_mtime, proven.stat().st_mtime if proven.exists() else None
                    )
                )
        return found

    def interrupted(self) -> list[str]:
        """The ids of releases that were begun and never finished."""
        return sorted(path.name for path in self.releases.glob("*") if not (path / NOTE).exists())

    def begin(self, release: str) -> Path:
        """An empty directory for a release; what an interrupted installation left is removed."""
        path = self.path(release)
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(mode=0o755, parents=True)
        return path

    def finish(self, release: str, note: dict[str, Any]) -> None:
        """Declare a release complete; the caller has flushed its files (:func:`flush`)."""
        new = self.path(release) / f".{NOTE}.new"
        with new.open("w") as file:
            json.dump(note, file, sort_keys=True, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path(release) / NOTE)
        _sync_directory(self.path(release))

    def prepare(self, release: str) -> None:
        """Make ``next`` lead to a release, or remove it when that one is live already."""
        if self.link("current") == release:
            (self.home / "next").unlink(missing_ok=True)
        elif self.link("next") != release:
            self._point("next", release)

    def switch(self, release: str) -> None:
        """Make a release live: before, the old one is; after, this one. There is nothing in between."""
        if self.note(release) is None:
            raise ReleaseError(f"{self.service}: release {release} is not installed, so it cannot be made live.")
        if self.link("next") == release:
            os.rename(self.home / "next", self.home / "current")
        else:
            self._point("current", release)
        _sync_directory(self.home)

    def _point(self, name: str, release: str) -> None:
        new = self.home / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(f"releases/{release}")
        os.replace(new, self.home / name)

    def prove(self) -> None:
        """Note that the live release is healthy now."""
        if live := self.link("current"):
            (self.path(live) / PROVEN).touch()

    def remove(self, release: str) -> None:
        """Remove a release: first its note, so that what a crash leaves counts as interrupted."""
        (self.path(release) / NOTE).unlink(missing_ok=True)
        shutil.rmtree(self.path(release))


@contextlib.contextmanager
def exclusive(root: Path = ROOT) -> Iterator[None]:
    """Wait until nobody else changes releases of this host, and keep others waiting; the kernel forgets it with the process."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def flush(path: Path) -> None:
    """Write everything of the file system that holds a path to its disk (syncfs)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "cannot be flushed", str(path))
    finally:
        os.close(descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
