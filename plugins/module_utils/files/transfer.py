# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory copied beside its place, made right there, and renamed when it was compared."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import BLOCKING, Finding, blocking, ranked, sentence
from ..migration import faults
from ..migration.journal import Journal
from ..migration.traces import begun_after, unfinished
from ..sqlite import database
from . import rename, rsync
from .ownership import Ownership, Rights, maps
from .place import FilesError, Place
from .scan import Scan, findings, renames, scan
from .tree import ACLS, Entry, mapped_acl, read, walk

ROOT_MODE = 0o2770
PRIVATE = 0o700


@dataclass(frozen=True)
class Task:
    """What to bring where. ``file``: the name by which the native side knows the one SQLite database of the datastore.
    ``purpose``: other than moving, as in names of steps. ``accept``: decisions that have been made, by the findings' names."""

    run: str
    datastore: str
    source: Place
    target: Place
    ownership: Ownership
    reverse: bool = False
    replace: bool = False
    sqlite: bool = True
    file: str = ""
    purpose: str = ""
    accept: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "sqlite" if self.file else "files"

    @property
    def step(self) -> str:
        return f"{self.purpose or ('carry' if self.reverse else 'copy')}:{self.kind}:{self.datastore}"

    @property
    def activation(self) -> str:
        """The step that puts the copy into place."""
        return f"{f'{self.purpose}-' if self.purpose else ''}activate:{self.kind}:{self.datastore}"

    @property
    def inputs(self) -> dict[str, Any]:
        return {"source": self.source.path, "target": self.target.path, "reverse": self.reverse, "file": self.file}


@dataclass(frozen=True)
class Plan:
    """What a copy would do."""

    scanned: Scan
    renames: Mapping[bytes, bytes]
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        """What a module returns of it."""
        return {
            "way": "rsync",
            "reasons": [],
            "findings": [each.as_dict() for each in self.findings],
            "files": self.scanned.files,
            "bytes": self.scanned.bytes,
            "allocated": self.scanned.allocated,
            "databases": [os.fsdecode(each.path) for each in self.scanned.databases],
        }


class Rules:
    """Rights on the target of what the source has; on the way back, files that are there already keep theirs."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def rights(self, entry: Entry, path: bytes) -> Rights:
        """``path``: its name on the target."""
        task = self._task
        if not task.reverse:
            return task.ownership.native(entry.rights, entry.kind)
        return task.ownership.container(entry.rights, entry.kind, self._before(path, entry.kind))

    def uid(self, uid: int) -> int:
        ownership = self._task.ownership
        return ownership.container_uid(uid) if self._task.reverse else ownership.native_uid(uid)

    def gid(self, gid: int) -> int:
        ownership = self._task.ownership
        return ownership.container_gid(gid) if self._task.reverse else ownership.native_gid(gid)

    def attributes(self, entry: Entry, rights: Rights) -> dict[str, bytes]:
        """Extended attributes of the target; access lists name others there, and their mask is the group's bits."""
        found = dict(entry.attributes)
        for name in ACLS:
            if name in found:
                bits = (rights.mode >> 3) & 7 if name == ACLS[0] else None
                found[name] = mapped_acl(found[name], self.uid, self.gid, bits)
        return found

    def _before(self, path: bytes, kind: int) -> Rights | None:
        """Of the file that the copy will replace, wherever it is by now."""
        for root in (self._task.target.path, self._task.target.before):
            try:
                status = os.lstat(os.path.join(os.fsencode(root), path))
            except OSError:
                continue
            if stat.S_IFMT(status.st_mode) == kind:
                return Rights(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        return None


class Transfer:
    """One task on this host, and its traces in the journal."""

    def __init__(self, task: Task, journal: Journal) -> None:
        self._task, self._journal, self._rules = task, journal, Rules(task)
        self._incoming = os.fsencode(task.target.incoming)

    def plan(self) -> Plan:
        """Reads both sides; changes nothing."""
        task = self._task
        scanned = scan(task.source, task.sqlite)
        before = scan(task.target, True) if task.reverse and task.file and os.path.isdir(task.target.path) else None
        names, found = renames(scanned, task.file, before, task.reverse, task.source.title)
        ours = self._left() is not None
        there = (
            scan(Place(task.target.incoming, ""), False).allocated
            if ours and os.path.isdir(task.target.incoming)
            else 0
        )
        wish = {"replace": task.replace, "ours": ours, "reverse": task.reverse}
        found += findings(task.source, task.target, scanned, task.ownership, wish, there)
        if not shutil.which("rsync"):
            text = "rsync is not installed on this host."
            found.append(Finding(BLOCKING, "files-rsync", "rsync", text, "Install it (apt-get install rsync)."))
        return Plan(scanned, names, tuple(found))

    def copied(self) -> tuple[bool, dict[str, Any]]:
        """The whole content is beside the target; whether anything was done, and the evidence."""
        task = self._task
        done = self._journal.done(task.run, task.step, task.inputs)
        activating = begun_after(self._journal, task.run, task.activation, task.step)
        if done is not None and (activating or os.path.isdir(task.target.incoming) or self._left() is None):
            return False, dict(done)
        planned = self.plan()
        if against := blocking(ranked(planned.findings, task.accept)):
            raise FilesError(sentence(against))
        with self._journal.step(task.run, task.step, task.inputs) as step:
            started = time.monotonic()
            step.progress({"writing": task.target.incoming, "target": task.target.path})
            self._bring(planned, step.name)
            step.evidence = {
                "files": planned.scanned.files,
                "bytes": planned.scanned.bytes,
                "databases": len(planned.scanned.databases),
                "renamed": {os.fsdecode(old): os.fsdecode(new) for old, new in planned.renames.items()},
                "seconds": round(time.monotonic() - started, 3),
            }
        return True, dict(step.evidence)

    def refresh(self) -> Plan:
        """What is beside the target has all that the source has by now, and no more. May be repeated."""
        planned = self.plan()
        self._bring(planned, f"refresh:{self._task.kind}:{self._task.datastore}")
        return planned

    def active(self) -> tuple[bool, dict[str, Any]]:
        """The copy has its final name. What it replaces is kept beside, unless it was empty."""
        task, name = self._task, self._task.activation
        if (done := self._journal.done(task.run, name, task.inputs)) is not None:
            return False, dict(done)
        if self._journal.done(task.run, task.step, task.inputs) is None:
            raise FilesError(
                f"{task.datastore} is not copied whole yet, and can't be put into place. Copy and verify it first."
            )
        with self._journal.step(task.run, name, task.inputs) as step:
            number = (step.resumed or {}).get("inode")
            if number is not None and self._inode(task.target.path) == number:
                # The last attempt ended between the renaming and the journal.
                rename.clear(task.target.incoming, task.target.before)
            else:
                if not os.path.isdir(task.target.incoming):
                    raise FilesError(f"{task.target.incoming} is gone, which was copied and verified. Copy it again.")
                self._refuse_content()
                rename.whole(task.target.incoming)
                step.progress({"inode": self._inode(task.target.incoming)})
                faults.point(f"rename:{name}")
                rename.into_place(task.target.incoming, task.target.path, task.target.before)
            step.evidence = {"path": task.target.path}
        return True, dict(step.evidence)

    def absent(self, check: bool = False) -> bool:
        """Nothing is left of a copy that was not put into place; whether there was something."""
        task = self._task
        there = self._left() is not None and os.path.isdir(task.target.incoming)
        if there and not check:
            with self._journal.step(task.run, f"absent:{task.kind}:{task.datastore}", task.inputs):
                shutil.rmtree(task.target.incoming)
        return there

    def _left(self) -> dict[str, Any] | None:
        """The last beginning of a copy of ours to this target that was neither put into place nor removed."""
        task, ends = self._task, (self._task.activation.partition(":")[0], "absent")
        return unfinished(self._journal, ("files", "sqlite"), task.datastore, task.target.path, ends)

    def _refuse_content(self) -> None:
        """What was empty when the copy began may be filled by now."""
        path = self._task.target.path
        if os.path.isdir(path) and os.listdir(path) and not self._task.replace:
            raise FilesError(
                f"{self._task.target.title} holds {len(os.listdir(path))} entries that are not ours; nothing was changed. Move them away."
            )

    @staticmethod
    def _inode(path: str) -> int:
        try:
            return os.stat(path).st_ino
        except FileNotFoundError:
            return -1

    # Copying

    def _bring(self, planned: Plan, name: str) -> None:
        os.makedirs(self._task.target.incoming, mode=PRIVATE, exist_ok=True)
        self._copy_files(planned, name)
        for found in planned.scanned.databases:
            self._copy_database(found.path, planned.renames.get(found.path, found.path))
        faults.point(f"{name}:rights")
        self._settle(planned)

    def _copy_files(self, planned: Plan, name: str) -> None:
        task, scanned = self._task, planned.scanned
        copy = rsync.Copy(
            task.source.path,
            task.target.incoming,
            maps(self._rules.uid, scanned.owners) if task.ownership.moves else "",
            maps(self._rules.gid, scanned.groups) if task.ownership.moves else "",
            self._chmod(),
            scanned.skip,
        )
        shares = faults.Shares(name, scanned.bytes)
        rsync.run(copy, shares.reached)

    def _chmod(self) -> str:
        """What the rules make of ordinary modes; :meth:`_settle` sees to the others."""
        if self._task.ownership.gid is None:
            return ""
        if self._task.reverse:
            return "Dg-s"
        return "Dg+rwxs,Fg+rwX" if self._task.ownership.shared else "Dg+s"

    def _copy_database(self, path: bytes, name: bytes) -> None:
        source, target = (
            os.path.join(os.fsencode(root), each)
            for root, each in ((self._task.source.path, path), (self._task.target.incoming, name))
        )
        database.copy(source, target)
        status = os.stat(source)
        entry = read(source, path, status)
        for attribute, value in self._rules.attributes(entry, self._rules.rights(entry, name)).items():
            os.setxattr(target, attribute, value)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))

    def _settle(self, planned: Plan) -> None:
        """Gives each entry the rights that it has on this side, and directories the time that copying a database took from them."""
        task = self._task
        companions = frozenset(planned.scanned.skip) - {each.path for each in planned.scanned.databases}
        folders = {os.path.dirname(each.path) for each in planned.scanned.databases}
        if task.ownership.moves or folders:
            for entry in walk(task.source.path, companions, attributes=False):
                name = planned.renames.get(entry.path, entry.path)
                if name != entry.path or task.ownership.moves or entry.path in folders or entry.kind == stat.S_IFREG:
                    self._give(name, entry, entry.path in folders)
        self._root()

    def _give(self, name: bytes, entry: Entry, timed: bool) -> None:
        full, wanted = os.path.join(self._incoming, name), self._rules.rights(entry, name)
        try:
            status = os.lstat(full)
        except FileNotFoundError:
            return
        if (status.st_uid, status.st_gid) != (wanted.uid, wanted.gid):
            os.lchown(full, wanted.uid, wanted.gid)
            status = os.lstat(full)
        if entry.kind != stat.S_IFLNK and stat.S_IMODE(status.st_mode) != wanted.mode:
            os.chmod(full, wanted.mode)
        if entry.kind != stat.S_IFLNK and self._task.ownership.moves:
            self._give_access_lists(full, wanted)
        if timed:
            os.utime(full, ns=(status.st_atime_ns, entry.mtime))

    def _give_access_lists(self, full: bytes, rights: Rights) -> None:
        """rsync leaves the numbers in them as they are."""
        for name in set(os.listxattr(full)) & set(ACLS):
            value = os.getxattr(full, name)
            bits = (rights.mode >> 3) & 7 if name == ACLS[0] else None
            wanted = mapped_acl(value, self._rules.uid, self._rules.gid, bits)
            if wanted != mapped_acl(value, int, int, None):
                os.setxattr(full, name, wanted)

    def _root(self) -> None:
        """The directory itself: natively as the role base makes it, in a volume as it was."""
        task, ownership = self._task, self._task.ownership
        status = os.stat(task.target.path if task.reverse and os.path.isdir(task.target.path) else task.source.path)
        rights = Rights(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode))
        if ownership.gid is not None and not task.reverse:
            rights = Rights(0, ownership.gid, ROOT_MODE)
        os.chown(self._incoming, rights.uid, rights.gid)
        os.chmod(self._incoming, rights.mode)
