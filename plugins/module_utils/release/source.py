# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a directory of source consists of: its content digest and its archive, both the same on every machine."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import ReleaseError

EXCLUDED = (
    ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "target", "dist", "build", "__pycache__", ".env",
    ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".vite", "*.egg-info", "*.pyc", "*.pyo", ".DS_Store",
)  # fmt: skip
"""Names, as glob patterns, of what tools leave in a source tree and what is no part of it."""


@dataclass(frozen=True, order=True)
class Entry:
    """A file or a symbolic link, by its path relative to the root."""

    path: str
    executable: bool
    link: str | None


def excluded(name: str) -> bool:
    """Whether a name of a directory or file is left out of every digest and archive."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in EXCLUDED)


def entries(root: Path, keep: Iterable[str] = ()) -> Iterator[Entry]:
    """All entries below a root in the order of their paths; ``keep`` names excluded directories that count all the same.

    Raises :class:`ReleaseError` for a symbolic link that leads out of the root: its content would depend on the machine.
    """
    kept = set(keep)
    found = []
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if name in kept or not excluded(name)]
        links = [name for name in names if (Path(directory) / name).is_symlink()]
        for name in [*links, *(name for name in files if not excluded(name))]:
            path = Path(directory) / name
            relative = path.relative_to(root).as_posix()
            if path.is_symlink():
                target = (path.parent / os.readlink(path)).resolve()
                if not target.is_relative_to(root.resolve()):
                    raise ReleaseError(
                        f"{path} is a symbolic link out of {root}. Replace it by a copy of what it names."
                    )
                found.append(Entry(relative, False, os.readlink(path)))
            elif path.is_file():
                found.append(Entry(relative, bool(path.stat().st_mode & 0o100), None))
    return iter(sorted(found))


def tree_digest(root: Path, keep: Iterable[str] = ()) -> str:
    """SHA-256 (hex) over names, contents, link targets and the executable bit; nothing else of a file counts."""
    total = hashlib.sha256()
    for entry in entries(root, keep):
        if entry.link is not None:
            content = b"link " + entry.link.encode()
        else:
            content = (b"exec " if entry.executable else b"file ") + file_digest(root / entry.path).encode()
        total.update(entry.path.encode() + b"\0" + content + b"\0")
    return total.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(*parts: str) -> str:
    """SHA-256 (hex) over strings, each told apart from its neighbours."""
    total = hashlib.sha256()
    for part in parts:
        total.update(f"{len(part)}:{part}".encode())
    return total.hexdigest()


def add_tree(archive: tarfile.TarFile, root: Path, prefix: str, keep: Iterable[str] = ()) -> None:
    """Add a source directory to an archive below ``prefix``, without owners and times."""
    for entry in entries(root, keep):
        member = tarfile.TarInfo(f"{prefix}/{entry.path}")
        if entry.link is not None:
            member.type, member.linkname = tarfile.SYMTYPE, entry.link
            archive.addfile(member)
        else:
            add_bytes(archive, member.name, (root / entry.path).read_bytes(), executable=entry.executable)


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes, *, executable: bool = False) -> None:
    """Add one file to an archive."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o755 if executable else 0o644
    archive.addfile(member, io.BytesIO(content))
