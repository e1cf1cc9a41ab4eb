# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory read entry by entry, in one order on both sides, so that two of any size are compared side by side."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..migration import words
from .ownership import Rights

ACLS = ("system.posix_acl_access", "system.posix_acl_default")
USER, GROUP, MASK = 0x02, 0x08, 0x10
IGNORED = ("security.selinux", "trusted.overlay.")
"""Attributes that belong to a mount or to a policy and not to a file."""
NAMES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block device",
    stat.S_IFCHR: "character device",
}


@dataclass(frozen=True)
class Entry:
    """One name below a root. ``linked``: the first name of the same file, where it is not this one."""

    path: bytes
    kind: int
    rights: Rights
    size: int
    allocated: int
    mtime: int
    device: int = 0
    target: bytes = b""
    linked: bytes = b""
    attributes: tuple[tuple[str, bytes], ...] = field(default=())

    @property
    def type(self) -> str:
        return NAMES.get(self.kind, "file of an unknown type")

    @property
    def sparse(self) -> bool:
        """Whether a good part of it takes no room."""
        return self.kind == stat.S_IFREG and self.size - self.allocated > max(65536, self.size // 8)

    @property
    def order(self) -> list[bytes]:
        return self.path.split(b"/")


def shown(path: bytes) -> str:
    """A name as text: quoted, and what is no letter as an escape, where it is not plain."""
    safe = words.escaped(path)
    return safe if safe.encode() == path and " " not in safe else f'"{safe}"'


def walk(root: str, skip: frozenset[bytes] = frozenset(), attributes: bool = True) -> Iterator[Entry]:
    """All entries below ``root`` but those named in ``skip``, in the order of the names' bytes, a directory before what is in it.
    Of one that is in use, what has gone by the time that it is looked at is left out."""
    first: dict[tuple[int, int], bytes] = {}
    top = os.fsencode(root)

    def inside(folder: bytes, prefix: bytes) -> Iterator[Entry]:
        try:
            with os.scandir(folder) as listed:
                children = sorted(listed, key=lambda each: each.name)
        except FileNotFoundError:
            if not prefix:
                raise
            return
        for child in children:
            path = prefix + child.name
            if path in skip:
                continue
            try:
                entry = read(child.path, path, child.stat(follow_symlinks=False), first, attributes)
            except FileNotFoundError:
                continue
            yield entry
            if entry.kind == stat.S_IFDIR:
                yield from inside(child.path, path + b"/")

    return inside(top, b"")


def read(
    full: bytes,
    path: bytes,
    status: os.stat_result,
    first: dict[tuple[int, int], bytes] | None = None,
    attributes: bool = True,
) -> Entry:
    """One entry. ``first`` holds the first names of files with several."""
    kind, linked = stat.S_IFMT(status.st_mode), b""
    if first is not None and status.st_nlink > 1 and kind != stat.S_IFDIR:
        known = first.setdefault((status.st_dev, status.st_ino), path)
        linked = b"" if known == path else known
    return Entry(
        path,
        kind,
        Rights(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)),
        status.st_size if kind == stat.S_IFREG else 0,
        status.st_blocks * 512,
        status.st_mtime_ns,
        status.st_rdev if kind in (stat.S_IFBLK, stat.S_IFCHR) else 0,
        os.readlink(full) if kind == stat.S_IFLNK else b"",
        linked,
        _attributes(full) if attributes else (),
    )


def _attributes(full: bytes) -> tuple[tuple[str, bytes], ...]:
    try:
        names = os.listxattr(full, follow_symlinks=False)
    except OSError:
        return ()
    wanted = sorted(name for name in names if not name.startswith(IGNORED))
    return tuple((name, os.getxattr(full, name, follow_symlinks=False)) for name in wanted)


def mapped_acl(acl: bytes, uid: Callable[[int], int], gid: Callable[[int], int], group_bits: int | None) -> bytes:
    """An access list with other numbers; ``group_bits`` of the file's mode are its mask. See ``linux/posix_acl_xattr.h``."""
    head, entries = acl[:4], []
    for tag, rights, number in struct.iter_unpack("<HHI", acl[4:]):
        if tag == USER:
            number = uid(number)
        elif tag == GROUP:
            number = gid(number)
        elif tag == MASK and group_bits is not None:
            rights = group_bits
        entries.append((tag, number, rights))
    return head + b"".join(struct.pack("<HHI", tag, rights, number) for tag, number, rights in sorted(entries))
