# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two directories compared entry by entry, side by side, with the digests of both sides' files computed at once.

Each entry of the source goes into a manifest; what differs is looked at once more before it is named, for a source that is
in use changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

from ..sqlite import compare as sqlite_compare
from .ownership import Rights
from .place import FilesError, Place
from .scan import Scan, renames, scan
from .transfer import Rules, Task
from .tree import ACLS, Entry, mapped_acl, read, shown, walk

PENDING = 400
"""Files whose digests are awaited at a time."""
PIECE = 1 << 20
MOST = 1000


@dataclass(frozen=True)
class Wish:
    """``path``: the directory on the target, the incoming one or the one in place."""

    path: str
    show_values: bool = False
    most: int = MOST


@dataclass
class Result:
    files: int = 0
    bytes: int = 0
    databases: int = 0
    rows: int = 0
    differences: list[dict[str, Any]] = field(default_factory=list)
    unnamed: int = 0
    manifest: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return {"equal": not self.differences and not self.unnamed, **self.__dict__}


class Comparison:
    """Compares a task's source with its target under the map of owners."""

    def __init__(self, task: Task, wish: Wish, manifest: IO[str] | None = None) -> None:
        self._task, self._wish, self._rules, self._manifest = task, wish, Rules(task), manifest
        self._roots = os.fsencode(task.source.path), os.fsencode(wish.path)
        self._digest, self._result = hashlib.sha256(), Result()

    def run(self) -> Result:
        """Compares everything."""
        started = time.monotonic()
        if not os.path.isdir(self._wish.path):
            raise FilesError(
                f"{self._wish.path} is not there, so there is nothing to compare with {self._task.source.title}."
            )
        scanned = scan(self._task.source, self._task.sqlite)
        before = (
            scan(self._task.target, True)
            if self._task.reverse and self._task.file and os.path.isdir(self._task.target.path)
            else None
        )
        names, __ = renames(scanned, self._task.file, before, self._task.reverse, self._task.source.title)
        self._files(scanned)
        self._databases(scanned, names)
        self._result.manifest = self._digest.hexdigest()
        self._result.seconds = round(time.monotonic() - started, 3)
        return self._result

    def _files(self, scanned: Scan) -> None:
        there = scan(Place(self._wish.path, self._wish.path), self._task.sqlite)
        ours = walk(self._task.source.path, frozenset(scanned.skip))
        theirs = walk(self._wish.path, frozenset(there.skip))
        waiting: deque[tuple[Entry, Entry, Future | None, Future | None]] = deque()
        with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 2))) as pool:
            for mine, other in _paired(ours, theirs):
                if mine is None or other is None:
                    self._suspect((mine or other).path)
                    continue
                self._result.files += 1
                digests: list[Future | None] = [None, None]
                if mine.kind == stat.S_IFREG and not mine.linked:
                    self._result.bytes += mine.size
                    digests = [pool.submit(sha256_of, os.path.join(root, mine.path)) for root in self._roots]
                waiting.append((mine, other, *digests))
                if len(waiting) >= PENDING:
                    self._settle(*waiting.popleft())
            while waiting:
                self._settle(*waiting.popleft())

    def _settle(self, mine: Entry, other: Entry, ours: Future | None, theirs: Future | None) -> None:
        digests = [future.result() if future else "" for future in (ours, theirs)]
        self._write(mine, digests[0])
        if digests[0] != digests[1] or self._metadata(mine, other):
            self._suspect(mine.path, mine, other)

    def _write(self, entry: Entry, digest: str) -> None:
        line = json.dumps(described(entry, digest), sort_keys=True) + "\n"
        self._digest.update(line.encode())
        if self._manifest:
            self._manifest.write(line)

    # What differs

    def _metadata(self, mine: Entry, other: Entry) -> list[tuple[str, str]]:
        """What differs but for the content: the word for it, and a sentence's part."""
        if mine.kind != other.kind:
            return [("type", f"is a {mine.type} in the source and a {other.type} on the target")]
        wanted, found = self._rules.rights(mine, mine.path), []
        have = other.rights
        if wanted.uid != have.uid:
            found.append(
                (
                    "owner",
                    f"belongs to {have.uid} on the target, and should to {wanted.uid} ({mine.rights.uid} in the source)",
                )
            )
        if wanted.gid != have.gid:
            found.append(
                (
                    "group",
                    f"has the group {have.gid} on the target, and should have {wanted.gid} ({mine.rights.gid} in the source)",
                )
            )
        if mine.kind != stat.S_IFLNK and wanted.mode != have.mode:
            found.append(
                (
                    "mode",
                    f"has the mode {have.mode:04o} on the target, and should have {wanted.mode:04o} ({mine.rights.mode:04o} in the source)",
                )
            )
        pairs = (
            ("size", mine.size, other.size, "has {0} bytes in the source and {1} on the target"),
            (
                "mtime",
                mine.mtime,
                other.mtime,
                "was changed at another time ({0} ns in the source, {1} ns on the target)",
            ),
            ("device", mine.device, other.device, "is the device {0} in the source and {1} on the target"),
        )
        found += [(word, says.format(a, b)) for word, a, b, says in pairs if a != b]
        if mine.target != other.target:
            found.append(
                ("link", f"points to {shown(mine.target)} in the source and to {shown(other.target)} on the target")
            )
        if mine.linked != other.linked:
            sides = [
                f"another name of {shown(each)}" if each else "a file of its own"
                for each in (mine.linked, other.linked)
            ]
            found.append(("hard link", f"is {sides[0]} in the source and {sides[1]} on the target"))
        if mine.sparse and not other.sparse:
            found.append(("sparse", f"has holes in the source, and takes {other.allocated} bytes on the target"))
        return found + self._attributes(mine, other, have)

    def _attributes(self, mine: Entry, other: Entry, have: Rights) -> list[tuple[str, str]]:
        ours, theirs = self._rules.attributes(mine, have), self._theirs(other)
        found = []
        for name in sorted({*ours, *theirs}):
            if name not in theirs:
                found.append(("attribute", f"lacks the extended attribute {name} on the target"))
            elif name not in ours:
                found.append(("attribute", f"has the extended attribute {name} on the target only"))
            elif ours[name] != theirs[name]:
                found.append(("attribute", f"has another extended attribute {name} on the target"))
        return found

    @staticmethod
    def _theirs(other: Entry) -> dict[str, bytes]:
        return {name: mapped_acl(value, int, int, None) if name in ACLS else value for name, value in other.attributes}

    def _suspect(self, path: bytes, mine: Entry | None = None, other: Entry | None = None) -> None:
        """Looks once more and names what still differs."""
        if len(self._result.differences) >= self._wish.most:
            self._result.unnamed += 1
            return
        sides = [self._again(root, path, known) for root, known in zip(self._roots, (mine, other), strict=True)]
        found: list[tuple[str, str]] = []
        if sides[0] is None and sides[1] is None:
            return
        if sides[0] is None or sides[1] is None:
            found = [
                ("missing", "is missing on the target") if sides[1] is None else ("added", "is on the target only")
            ]
        else:
            found = self._metadata(sides[0], sides[1])
            if sides[0].kind == sides[1].kind == stat.S_IFREG and (at := self._first_difference(path)) is not None:
                found.append(("content", f"has other content from byte {at} on"))
        if found:
            self._name(path, (sides[0] or sides[1]).type, found)

    def _again(self, root: bytes, path: bytes, known: Entry | None) -> Entry | None:
        full = os.path.join(root, path)
        try:
            entry = read(full, path, os.lstat(full))
        except OSError:
            return None
        # What other names a file has is known from the walk alone.
        return Entry(**{**entry.__dict__, "linked": known.linked}) if known else entry

    def _first_difference(self, path: bytes) -> int | None:
        at = 0
        try:
            with open(os.path.join(self._roots[0], path), "rb") as ours, open(
                os.path.join(self._roots[1], path), "rb"
            ) as theirs:
                while True:
                    pieces = ours.read(PIECE), theirs.read(PIECE)
                    if pieces[0] != pieces[1]:
                        pairs = enumerate(zip(*pieces, strict=False))
                        return at + next((n for n, pair in pairs if pair[0] != pair[1]), min(map(len, pieces)))
                    if not pieces[0]:
                        return None
                    at += len(pieces[0])
        except OSError:
            return None

    def _name(self, path: bytes, kind: str, found: list[tuple[str, str]]) -> None:
        self._result.differences.append(
            {
                "datastore": self._task.datastore,
                "kind": kind,
                "object": shown(path),
                "key": {"path": shown(path)},
                "columns": [word for word, __ in found],
                "source": None,
                "target": None,
                "text": f"{kind} {shown(path)}: {'; '.join(text for __, text in found)}.",
            }
        )

    # Databases

    def _databases(self, scanned: Scan, names: dict[bytes, bytes]) -> None:
        there = {each.path for each in scan(Place(self._wish.path, self._wish.path), self._task.sqlite).databases}
        for each in scanned.databases:
            name = names.get(each.path, each.path)
            self._result.databases += 1
            if name not in there:
                self._name(name, "SQLite database", [("missing", "is missing on the target, or is no database there")])
                continue
            there.discard(name)
            self._database(each.path, name)
        for name in sorted(there):
            self._name(name, "SQLite database", [("added", "is on the target only")])

    def _database(self, path: bytes, name: bytes) -> None:
        sides = [os.path.join(root, each) for root, each in zip(self._roots, (path, name), strict=True)]
        found = sqlite_compare.compare(sides[0], sides[1], self._wish.show_values)
        self._result.rows += found.rows
        self._digest.update(f"{shown(path)} {found.digest}\n".encode())
        entries = [read(full, name, os.lstat(full)) for full in sides]
        other = [each for each in self._metadata(*entries) if each[0] in ("owner", "group", "mode", "attribute")]
        if other:
            self._name(name, "SQLite database", other)
        for each in found.differences:
            self._result.differences.append(
                {
                    "datastore": self._task.datastore,
                    "kind": each.kind,
                    "object": f"{shown(name)}:{each.object}",
                    "key": {"path": shown(name), "row": each.key},
                    "columns": list(each.columns),
                    "source": each.source,
                    "target": each.target,
                    "text": f"SQLite database {shown(name)}: {each.text}",
                }
            )


def described(entry: Entry, digest: str) -> dict[str, Any]:
    """A line of a manifest; names in it are exact, bytes that are no text as lone surrogates."""
    return {
        "path": os.fsdecode(entry.path),
        "type": entry.type,
        "uid": entry.rights.uid,
        "gid": entry.rights.gid,
        "mode": f"{entry.rights.mode:04o}",
        "size": entry.size,
        "mtime": entry.mtime,
        "target": os.fsdecode(entry.target),
        "linked": os.fsdecode(entry.linked),
        "device": entry.device,
        "attributes": {name: hashlib.sha256(value).hexdigest() for name, value in entry.attributes},
        "sha256": digest,
    }


def _paired(ours: Iterator[Entry], theirs: Iterator[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Entries of the same name together; both sides come in the same order."""
    mine, other = next(ours, None), next(theirs, None)
    while mine is not None or other is not None:
        if other is None or (mine is not None and mine.order < other.order):
            yield mine, None
            mine = next(ours, None)
        elif mine is None or other.order < mine.order:
            yield None, other
            other = next(theirs, None)
        else:
            yield mine, other
            mine, other = next(ours, None), next(theirs, None)


_BUFFERS = threading.local()


def sha256_of(path: bytes) -> str:
    """Of a file's content; empty where it can't be read any more."""
    if not hasattr(_BUFFERS, "view"):
        _BUFFERS.view = memoryview(bytearray(PIECE))
    digest, view = hashlib.sha256(), _BUFFERS.view
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        while size := os.readv(descriptor, [view]):
            digest.update(view[:size])
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return digest.hexdigest()
