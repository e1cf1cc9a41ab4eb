# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that change places in one step of the file system, so that no name is ever without content."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from ..migration import faults
from ..migration.journal import sync_folder
from .place import FilesError

AT_FDCWD = -100
RENAME_EXCHANGE = 2
_NOT_HERE = (errno.EINVAL, errno.ENOSYS, errno.EXDEV, errno.EOPNOTSUPP)


def exchange(one: str, other: str) -> None:
    """Each gets the other's name. Where the file system can't, one moves aside for an instant."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
            return
        if ctypes.get_errno() not in _NOT_HERE:
            code = ctypes.get_errno()
            raise FilesError(f"{one} and {other} can't change places: {os.strerror(code)}.")
    aside = f"{other}.aside"
    os.rename(other, aside)
    os.rename(one, other)
    os.rename(aside, one)


def into_place(incoming: str, path: str, before: str) -> None:
    """``incoming`` gets the name ``path``; what had it is kept as ``before``, unless it was empty."""
    parent = os.path.dirname(path)
    os.makedirs(parent, exist_ok=True)
    if os.path.isdir(path):
        faults.part("exchange", lambda: exchange(incoming, path))
        faults.part("clear", lambda: clear(incoming, before))
    else:
        os.rename(incoming, path)
    sync_folder(Path(parent))


def clear(left: str, before: str) -> None:
    """What was replaced goes to ``before``, in place of an older one; an empty directory goes altogether."""
    if not os.path.isdir(left):
        return
    try:
        os.rmdir(left)
    except OSError:
        if os.path.lexists(before):
            shutil.rmtree(before)
        os.rename(left, before)


def whole(path: str) -> None:
    """Waits until the disk has everything below a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syncfs(descriptor) != 0:
            raise FilesError(f"{path} could not be written to the disk whole: {os.strerror(ctypes.get_errno())}.")
    finally:
        os.close(descriptor)
