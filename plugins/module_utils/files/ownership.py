# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who owns a file on the other side.

Containers know numbers, most often those of one user that is nobody here; native services have users of their own, and what
they share belongs to the datastore's group. So on the way in

- numbers that the containers run as become the first service's user, and every group becomes the datastore's;
- where the datastore has several users, or a file another owner, the group gets what the owner may: its bits are widened;
- directories get the setgid bit, so that what is made in them later belongs to the group as well.

The way back undoes the first and the last; widened bits stay, for they can't be told from meant ones, unless the file was
there before with bits that widen to the same.
"""

from __future__ import annotations

import grp
import pwd
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..findings import DECISION, NOTE, Finding
from .place import FilesError

KEEP = "keep"
LATER = 2**31 - 1
"""The number of an account that is still to be made."""


@dataclass(frozen=True)
class Rights:
    """Owner, group and mode bits (without the type)."""

    uid: int
    gid: int
    mode: int


@dataclass(frozen=True)
class Ownership:
    """``uid``, ``gid``: of the native owner and group; ``None`` leaves all numbers as they are. ``others``: numbers with an owner
    that was decided on. ``users``: numbers of all native users of the datastore."""

    uid: int | None = None
    gid: int | None = None
    users: frozenset[int] = frozenset()
    run_as: tuple[int, ...] = (0,)
    run_as_groups: tuple[int, ...] = (0,)
    others: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], foreseen: bool = False) -> Ownership:
        """``{users, group, run_as, run_as_groups, owners}``, or nothing at all. ``foreseen``: accounts may still be missing."""
        if not options:
            return cls()
        user, group = (_or_later(_uid), _or_later(_gid)) if foreseen else (_uid, _gid)
        users = [user(name) for name in options.get("users") or []]
        decided = {
            int(uid): int(uid) if name == KEEP else user(name) for uid, name in (options.get("owners") or {}).items()
        }
        return cls(
            users[0] if users else None,
            group(options["group"]) if options.get("group") else None,
            frozenset(users),
            tuple(int(uid) for uid in options.get("run_as") or [0]),
            tuple(int(gid) for gid in options.get("run_as_groups") or [0]),
            decided,
        )

    @property
    def moves(self) -> bool:
        return self.uid is not None or self.gid is not None

    @property
    def shared(self) -> bool:
        return len(self.users) > 1

    def native_uid(self, uid: int) -> int:
        """The owner here of what has this owner in the container."""
        if uid in self.others:
            return self.others[uid]
        return self.uid if self.uid is not None and uid in self.run_as else uid

    def native_gid(self, gid: int) -> int:
        return gid if self.gid is None else self.gid

    def container_uid(self, uid: int) -> int:
        """The owner in the container of what has this owner here."""
        if uid in self.users:
            return self.run_as[0]
        back = {here: there for there, here in self.others.items()}
        return back.get(uid, uid)

    def container_gid(self, gid: int) -> int:
        return self.run_as_groups[0] if gid == self.gid else gid

    def native(self, rights: Rights, kind: int) -> Rights:
        """Rights here; ``kind`` is the file type of a mode."""
        uid, mode = self.native_uid(rights.uid), rights.mode
        if self.gid is not None and not stat.S_ISLNK(kind):
            mode = self._widened(mode, uid)
            mode |= stat.S_ISGID if stat.S_ISDIR(kind) else 0
        return Rights(uid, self.native_gid(rights.gid), mode)

    def container(self, rights: Rights, kind: int, before: Rights | None = None) -> Rights:
        """Rights in the container. ``before``: those that the file has there already."""
        if before is not None and self.native(before, kind) == self.settled(rights, kind):
            return before
        mode = rights.mode & ~stat.S_ISGID if self.gid is not None and stat.S_ISDIR(kind) else rights.mode
        return Rights(self.container_uid(rights.uid), self.container_gid(rights.gid), mode)

    def settled(self, rights: Rights, kind: int) -> Rights:
        """Native rights as a copy would have them: whichever service made the file, and whatever its umask was."""
        uid = self.uid if self.uid is not None and rights.uid in self.users else rights.uid
        mode = rights.mode
        if self.gid is not None and not stat.S_ISLNK(kind):
            mode = self._widened(mode, uid) | (stat.S_ISGID if stat.S_ISDIR(kind) else 0)
        return Rights(uid, rights.gid, mode)

    def _widened(self, mode: int, uid: int) -> int:
        return mode | ((mode & stat.S_IRWXU) >> 3) if self.shared or uid != self.uid else mode


def findings(ownership: Ownership, seen: Mapping[int, tuple[int, str]], title: str) -> list[Finding]:
    """``seen``: by owner, how many files and the name of one. A number that is somebody else here needs a decision."""
    found = []
    for uid, (count, example) in sorted(seen.items()):
        if not ownership.moves or uid in ownership.others or uid in ownership.run_as or uid in ownership.users:
            continue
        name = _name(pwd.getpwuid, uid)
        files = f"{count} files of {title}, {example} for one, belong" if count > 1 else f"{example} in {title} belongs"
        if name is None:
            text = f"{files} to the number {uid}, which nobody has here and no container runs as; it stays."
            found.append(Finding(NOTE, "files-owner-unknown", str(uid), text, ""))
        else:
            text = f"{files} to the number {uid}, which means {name} on this host."
            remedy = "Accept it, and the number stays theirs; or give them another owner in the source first (chown -h)."
            found.append(Finding(DECISION, "files-owner-foreign", str(uid), text, remedy))
    return found


def maps(wanted: Callable[[int], int], ids: Iterable[int]) -> str:
    """Pairs as rsync's ``--usermap`` and ``--groupmap`` take them; nothing that stays itself."""
    return ",".join(f"{number}:{wanted(number)}" for number in sorted(set(ids)) if wanted(number) != number)


def _or_later(lookup: Callable[[str], int]) -> Callable[[str], int]:
    """For a plan: who is not on this host yet gets a number that nobody has."""

    def found(name: str) -> int:
        try:
            return lookup(name)
        except FilesError:
            return LATER

    return found


def _uid(name: str) -> int:
    if str(name).isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise FilesError(
            f"There is no user {name} on this host, who is to own files. The role base makes the services' users."
        ) from None


def _gid(name: str) -> int:
    if str(name).isdigit():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise FilesError(
            f"There is no group {name} on this host, which is to own files. The role base makes the groups."
        ) from None


def _name(lookup: Any, number: int) -> str | None:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return None
