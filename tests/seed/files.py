#!/usr/bin/python3
"""Fills a directory with what naive copies lose, and with as many plain files as wanted. Run as root.

  tests/seed/files.py DIRECTORY [--files 200] [--megabytes 4]

The same arguments give the same tree. Needs nothing but Python, so that it can be piped into any host.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import stat
import struct
from pathlib import Path

WHEN = 1_700_000_000_123_456_789
OWNERS = ((0, 0), (1000, 1000), (54321, 54322))
"""Root and a user of the container, and one that nobody knows."""


def put(path: bytes, content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
    with open(path, "wb") as file:
        file.write(content)
    os.chown(path, *owner)
    os.chmod(path, mode)


def sparse(path: bytes, size: int) -> None:
    """A hole with a little at its begin, middle and end."""
    with open(path, "wb") as file:
        for place in (0, size // 2, size - 5):
            file.seek(place)
            file.write(b"bytes")


def acl(entries: list[tuple[int, int, int]]) -> bytes:
    """An access list of (tag, rights, number) as the kernel keeps it; see `linux/posix_acl_xattr.h`."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def attribute(path: bytes, name: str, value: bytes) -> None:
    """Where the file system has them; a temporary one in memory may not."""
    try:
        os.setxattr(path, name, value, follow_symlinks=False)
    except OSError as error:
        print(f"{name} can't be set here: {error.strerror}")


def zoo(root: bytes) -> None:
    """One of each kind."""
    os.makedirs(root + b"/deep/er/and deeper", exist_ok=True)
    put(root + b"/plain", b"plain\n")
    put(root + b"/empty", b"")
    put(root + b"/private", b"secret\n", 0o600)
    put(root + b"/read-only", b"fixed\n", 0o444, OWNERS[1])
    put(root + b"/run me", b"#!/bin/sh\n", 0o755, OWNERS[1])
    put(root + b"/setuid", b"x", 0o4755)
    put(root + b"/foreign", b"whose\n", 0o640, OWNERS[2])
    put(root + b"/line\nbreak and \xff\xfe bytes", b"odd name\n")
    put(root + "/größe-日本 *?[x]\\".encode(), b"other letters\n")
    put(root + b"/-rf", b"a name like an option\n")
    sparse(root + b"/sparse", 16 << 20)
    put(root + b"/linked", b"one file, three names\n")
    for name in (b"/linked-too", b"/deep/linked"):
        if not os.path.lexists(root + name):
            os.link(root + b"/linked", root + name)
    for name, target in (
        (b"/relative", b"plain"),
        (b"/absolute", b"/etc/hostname"),
        (b"/broken", b"nowhere"),
        (b"/deep/up", b"../plain"),
    ):
        if not os.path.lexists(root + name):
            os.symlink(target, root + name)
    os.lchown(root + b"/relative", *OWNERS[1])
    put(root + b"/attributes", b"x")
    attribute(root + b"/attributes", "user.note", b"with \x00 bytes")
    put(root + b"/listed", b"x", 0o640)
    entries = [
        (1, 6, 0xFFFFFFFF),
        (2, 4, 1000),
        (4, 4, 0xFFFFFFFF),
        (8, 6, 54322),
        (16, 6, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    ]
    attribute(root + b"/listed", "system.posix_acl_access", acl(entries))
    os.chmod(root + b"/deep", 0o1777)
    if not os.path.lexists(root + b"/pipe"):
        os.mkfifo(root + b"/pipe", 0o640)
    if not os.path.lexists(root + b"/socket"):
        with socket.socket(socket.AF_UNIX) as listener:
            before = os.getcwd()
            os.chdir(root)
            listener.bind("socket")
            os.chdir(before)


def plain(root: Path, files: int, megabytes: int) -> None:
    """Files of many sizes in many folders, which add up to so many megabytes."""
    source = random.Random(7)
    block = source.randbytes(1 << 20)
    sizes = [source.paretovariate(1.1) for __ in range(files)]
    whole = (megabytes << 20) / sum(sizes)
    for number, share in enumerate(sizes):
        folder = root / f"bars-{number % 37:02d}" / f"year-{number % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        size, start = int(share * whole), number * 7919 % (1 << 19)
        with (folder / f"bars-{number}.csv").open("wb") as file:
            while size > 0:
                size -= file.write(block[start : start + min(size, (1 << 20) - start)])
        os.chown(file.name, *OWNERS[number % 2])


def settle(root: bytes) -> None:
    """The same times in each run, with nanoseconds."""
    for folder, folders, files in os.walk(root, topdown=False):
        for number, name in enumerate(sorted([*folders, *files])):
            path = os.path.join(folder, name)
            moment = WHEN + number * 1_000_003
            os.utime(path, ns=(moment, moment), follow_symlinks=False)
            if stat.S_ISDIR(os.lstat(path).st_mode) and folder != root:
                os.chown(path, *OWNERS[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--megabytes", type=int, default=4)
    chosen = parser.parse_args()
    root = os.fsencode(chosen.directory)
    zoo(root)
    plain(chosen.directory, chosen.files, chosen.megabytes)
    settle(root)
    print(f"seeded {chosen.files} files and the zoo")


if __name__ == "__main__":
    main()
