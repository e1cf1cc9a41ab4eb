# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite databases: found by their header, read without touching them, copied by SQLite's own backup, and looked through."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .. import scratch

HEADER = b"SQLite format 3\0"
SMALLEST = 512
COMPANIONS = (b"-wal", b"-shm", b"-journal")
WAL_VERSION = 2
_FLOCK = "hhqqi4x"
BUSY_SECONDS = 30.0
OPEN_BYTE = 128
"""Of the ``-shm`` file: locked by whoever has the database open (``UNIX_SHM_DMS`` of SQLite's os_unix.c)."""
LOCK_BYTES = (0x40000000, 512)
"""Of the database itself (``PENDING_BYTE`` and what follows it)."""


class SqliteError(RuntimeError):
    """A database can't be read, copied or compared; the text is a sentence for the operator."""


@dataclass(frozen=True)
class Found:
    """A database below a directory; ``path`` is relative."""

    path: bytes
    size: int
    wal: int

    @property
    def skip(self) -> tuple[bytes, ...]:
        """What no plain copy may take: the file and what belongs to it."""
        return (self.path, *(self.path + each for each in COMPANIONS))


def is_database(full: bytes, size: int) -> bool:
    """Whether a file begins as a SQLite database does."""
    if size < SMALLEST or size % SMALLEST:
        return False
    try:
        descriptor = os.open(full, os.O_RDONLY | os.O_NOATIME | os.O_CLOEXEC)
    except PermissionError:
        descriptor = os.open(full, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.read(descriptor, len(HEADER)) == HEADER
    finally:
        os.close(descriptor)


def found(full: bytes, path: bytes, size: int) -> Found:
    """``path`` is the name below the root of the file ``full``."""
    return Found(path, size, _size(full + b"-wal"))


@contextlib.contextmanager
def reading(path: bytes) -> Iterator[sqlite3.Connection]:
    """A connection to a database as it is, commits in its write-ahead log included, that leaves no trace beside it.

    Where somebody has it open, SQLite's own locks hold. Else a log or a journal is left over from a process that ended in the
    middle, and reading would write: then a private copy of both is read.
    """
    wal, shm, journal = (path + each for each in COMPANIONS)
    # Seen first: what is there already, and locked by nobody afterwards, belongs to no transaction that is under way.
    left = _filled(wal) or _filled(journal)
    if _locked(shm, OPEN_BYTE, 1) or _locked(path, *LOCK_BYTES):
        with _connected(path, "mode=ro") as connection:
            yield connection
    elif left:
        with scratch.folder(_room(path)) as private:
            copy = os.path.join(os.fsencode(private), b"copy")
            for suffix in (b"", b"-wal", b"-journal"):
                if os.path.exists(path + suffix):
                    shutil.copyfile(path + suffix, copy + suffix)
            with _connected(copy, "mode=rw") as connection:
                yield connection
    else:
        # A database with a log would get one by being opened; any other is safe to open, whoever comes meanwhile.
        with _connected(path, "immutable=1" if logged(path) else "mode=ro") as connection:
            yield connection


def copy(source: bytes, target: bytes) -> None:
    """Copies one database to a new file, whole or not at all: what is there before is replaced at the end."""
    new = target + b".new"
    _remove(new)
    try:
        with reading(source) as connection:
            destination = sqlite3.connect(os.fsdecode(new), timeout=BUSY_SECONDS)
            try:
                connection.backup(destination, pages=-1, progress=_patience())
                wrong = problems(destination)
                destination.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                destination.close()
    except sqlite3.Error as error:
        _remove(new)
        advice = "Make room and run this again." if "full" in str(error) else "See who uses it, or whether it is damaged."
        raise SqliteError(
            f"The SQLite database {os.fsdecode(source)} can't be copied to {os.fsdecode(target)}: {error}. {advice}"
        ) from None
    if wrong:
        _remove(new)
        raise SqliteError(
            f"The SQLite database {os.fsdecode(source)} is damaged ({wrong[0]}), and a copy of it would be as well. "
            "Repair it (sqlite3 FILE .recover), or leave its datastore out."
        )
    for suffix in COMPANIONS:
        _remove(new + suffix)
        _remove(target + suffix)
    descriptor = os.open(new, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, target)


def _patience() -> Callable[[int, int, int], None]:
    """For :meth:`sqlite3.Connection.backup`, which by itself waits for a lock for ever."""
    until = time.monotonic() + BUSY_SECONDS

    def look(status: int, remaining: int, total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise sqlite3.OperationalError("somebody keeps it locked")

    return look


def problems(connection: sqlite3.Connection) -> list[str]:
    """What ``PRAGMA integrity_check`` finds; nothing when all is well."""
    values = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    rows = [value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values]
    return [] if rows == ["ok"] else rows


def logged(path: bytes) -> bool:
    """Whether the database keeps a write-ahead log, which is written in its header."""
    with Path(os.fsdecode(path)).open("rb") as file:
        head = file.read(20)
    return len(head) == 20 and head[18] == WAL_VERSION


@contextlib.contextmanager
def _connected(path: bytes, how: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{quote(path)}?{how}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _room(path: bytes) -> str | None:
    """Where a private copy fits; never beside the original, where it would be taken for data."""
    return str(Path("/var/tmp")) if shutil.disk_usage("/var/tmp").free > os.path.getsize(path) * 2 else None


def _locked(path: bytes, start: int, length: int) -> bool:
    """Whether any process, in whichever container of this host, holds a lock there."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
        return struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0] != fcntl.F_UNLCK
    finally:
        os.close(descriptor)


def _filled(path: bytes) -> bool:
    return _size(path) > 0


def _size(path: bytes) -> int:
    """0 for what is not there: a journal comes and goes with each transaction."""
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def _remove(path: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
