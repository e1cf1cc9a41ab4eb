# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files brought to a wanted state at once: planned, staged, validated together, then renamed.

The plan is made from what is on the host and is the same in check mode. Nothing on the host is touched before
every validator has accepted the staged tree.
"""

from __future__ import annotations

import base64
import fnmatch
import glob
import grp
import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .state import StateRecord

STAGED = "{staged}"
HIDDEN = "(sensitive: the content is not shown)"
BINARY = "(binary)"


class TreeError(Exception):
    """A tree that cannot be applied; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Item:
    """A wanted file or directory (``content is None``). ``block`` names a managed part of a file of someone else's."""

    path: str
    content: bytes | None = None
    owner: str | None = None
    group: str | None = None
    mode: int | None = None
    sensitive: bool = False
    block: str | None = None


@dataclass(frozen=True)
class Validator:
    """A program that must accept the staged tree; ``{staged}`` in ``argv`` is the root of it.

    ``paths`` are patterns: it runs when one of the changed paths matches, and always when there are none.
    """

    argv: tuple[str, ...]
    paths: tuple[str, ...] = ()
    when_installed: bool = False


@dataclass(frozen=True)
class Tree:
    """What is wanted. ``absent`` paths go; of what matches ``prune`` patterns only the wanted files stay."""

    files: tuple[Item, ...] = ()
    directories: tuple[Item, ...] = ()
    absent: tuple[str, ...] = ()
    prune: tuple[str, ...] = ()
    validate: tuple[Validator, ...] = ()


@dataclass(frozen=True)
class Found:
    """What is at a path now: ``kind`` is file, directory, link, other or absent."""

    kind: str = "absent"
    content: bytes | None = None
    owner: str | None = None
    group: str | None = None
    mode: int | None = None
    target: str | None = None

    def summary(self, sensitive: bool) -> dict[str, Any] | None:
        """The form in which the record of state keeps it; of a sensitive file no digest either."""
        if self.kind == "absent":
            return None
        known: dict[str, Any] = {"type": self.kind, "owner": self.owner, "group": self.group}
        if self.mode is not None:
            known["mode"] = f"{self.mode:04o}"
        if self.target is not None:
            known["target"] = self.target
        if self.content is not None:
            known["sha256"] = None if sensitive else hashlib.sha256(self.content).hexdigest()
        return known


@dataclass(frozen=True)
class Change:
    """One step: ``found`` becomes ``wanted``; ``wanted is None`` removes."""

    path: str
    found: Found
    wanted: Found | None
    sensitive: bool = False


@dataclass
class Plan:
    """The steps in the order in which they are made, and the whole wanted content for the validators."""

    directories: list[Change] = field(default_factory=list)
    files: list[Change] = field(default_factory=list)
    removals: list[Change] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    @property
    def changes(self) -> list[Change]:
        """All steps."""
        return self.directories + self.files + self.removals


def pack(tree: dict[str, Any]) -> str:
    """Turn a wanted tree (``files`` with ``content`` as bytes) into one short text for the connection."""
    files = [{**item, "content": base64.b85encode(item["content"]).decode()} for item in tree.get("files", [])]
    return base64.b64encode(zlib.compress(json.dumps({**tree, "files": files}).encode(), 9)).decode()


def unpack(payload: str) -> Tree:
    """Read what :func:`pack` made."""
    data = json.loads(zlib.decompress(base64.b64decode(payload)))

    def item(raw: dict[str, Any]) -> Item:
        mode, content = raw.get("mode"), raw.get("content")
        return Item(
            path=raw["path"],
            content=None if content is None else base64.b85decode(content),
            owner=raw.get("owner"),
            group=raw.get("group"),
            mode=None if mode is None else int(mode, 8),
            sensitive=bool(raw.get("sensitive")),
            block=raw.get("block"),
        )

    return Tree(
        files=tuple(map(item, data.get("files", []))),
        directories=tuple(map(item, data.get("directories", []))),
        absent=tuple(data.get("absent", [])),
        prune=tuple(data.get("prune", [])),
        validate=tuple(
            Validator(tuple(raw["argv"]), tuple(raw.get("paths") or ()), bool(raw.get("when_installed")))
            for raw in data.get("validate", [])
        ),
    )


def with_block(existing: bytes, name: str, content: bytes) -> bytes:
    """``existing`` with the managed block ``name`` replaced, or put first (the first match wins in pg_hba.conf)."""
    begin, end = (f"# {word} cryptobot: {name}\n".encode() for word in ("BEGIN", "END"))
    body = content if content.endswith(b"\n") or not content else content + b"\n"
    before, found, rest = existing.partition(begin)
    if not found:
        return begin + body + end + existing
    __, closed, after = rest.partition(end)
    if not closed:
        raise TreeError(f"the line {end.decode().strip()!r} is missing: the managed block has no end. Put the line back.")
    return before + begin + body + end + after


def look(path: str) -> Found:
    """What is at ``path`` now, without following a link."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Found()
    owner, group = _name(pwd.getpwuid, status.st_uid), _name(grp.getgrgid, status.st_gid)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Found("link", owner=owner, group=group, target=os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        return Found("directory", owner=owner, group=group, mode=mode)
    if stat.S_ISREG(status.st_mode):
        return Found("file", Path(path).read_bytes(), owner, group, mode)
    return Found("other", owner=owner, group=group, mode=mode)


def _name(lookup: Any, number: int) -> str:
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def plan(tree: Tree, predict: bool = False) -> Plan:
    """Compare the wanted tree with the host.

    With ``predict`` a managed block of a file that does not exist yet is planned as a new file; otherwise it
    raises :class:`TreeError`, for the file's owner has to make it.
    """
    result = Plan()
    for item in tree.directories:
        found = look(item.path)
        if found.kind not in ("absent", "directory"):
            raise TreeError(f"{item.path} should be a directory and is a {found.kind}. Move it away, then run again.")
        _differs(result.directories, item, found, "directory", 0o755)
    for item in tree.files:
        found = look(item.path)
        if found.kind in ("directory", "other"):
            raise TreeError(f"{item.path} should be a file and is a {found.kind}. Move it away, then run again.")
        content = item.content or b""
        if item.block is not None:
            if found.kind != "file" and not predict:
                raise TreeError(f"{item.path} does not exist, so no part of it can be managed. Install its owner first.")
            try:
                content = with_block(found.content or b"", item.block, content)
            except TreeError as error:
                raise TreeError(f"{item.path}: {error}") from None
        result.contents[item.path] = content
        _differs(result.files, item, found, "file", 0o644, content)
    wanted = {item.path for item in tree.files}
    pruned = (path for pattern in tree.prune for path in glob.glob(pattern) if path not in wanted)
    for path in dict.fromkeys([*tree.absent, *sorted(pruned)]):
        found = look(path)
        if found.kind != "absent":
            result.removals.append(Change(path, found, None, sensitive=True))
    return result


def _differs(
    changes: list[Change], item: Item, found: Found, kind: str, default_mode: int, content: bytes | None = None
) -> None:
    keep = item.block is not None and found.kind == kind
    wanted = Found(
        kind,
        content,
        item.owner or (found.owner if keep else "root"),
        item.group or (found.group if keep else "root"),
        item.mode if item.mode is not None else (found.mode if keep else default_mode),
    )
    if found != wanted:
        changes.append(Change(item.path, found, wanted, item.sensitive))


def diff(plan_: Plan) -> list[dict[str, str]]:
    """Before and after of every step, in Ansible's form; a sensitive content is never part of it."""
    return [
        {
            "before_header": change.path,
            "after_header": change.path,
            "before": _shown(change.found, change),
            "after": _shown(change.wanted or Found(), change),
        }
        for change in plan_.changes
    ]


def listed(plan_: Plan) -> list[dict[str, str]]:
    """What the steps do, as :func:`changes.as_plan` says it."""
    made = [{"kind": "directory", "target": path, "action": "add"} for path in _parents(plan_)]
    for change in plan_.changes:
        kind = change.wanted.kind if change.wanted else change.found.kind
        does = "remove" if change.wanted is None else "add" if change.found.kind == "absent" else "change"
        made.append({"kind": kind, "target": change.path, "action": does})
    return made


def _shown(found: Found, change: Change) -> str:
    if found.kind == "absent":
        return ""
    lines = [f"# {found.kind}, {found.owner}:{found.group}" + (f", {found.mode:04o}" if found.mode is not None else "")]
    if found.target is not None:
        lines.append(f"-> {found.target}")
    if found.content is not None:
        same = change.wanted is not None and change.found.content == change.wanted.content
        if change.sensitive:
            lines.append(HIDDEN + ("" if same else f" {'after' if found is change.wanted else 'before'}"))
        else:
            try:
                lines.append(found.content.decode())
            except UnicodeDecodeError:
                lines.append(BINARY)
    return "\n".join(lines).rstrip("\n") + "\n"


def check(tree: Tree, plan_: Plan, directory: str | None = None) -> None:
    """Stage the whole tree and let the validators read it. Raises :class:`TreeError` with what they said."""
    changed = [change.path for change in plan_.changes]
    due = [v for v in tree.validate if not v.paths or any(fnmatch.fnmatch(p, x) for p in changed for x in v.paths)]
    due = [v for v in due if not v.when_installed or shutil.which(v.argv[0])]
    if not changed or not due:
        return
    staged = tempfile.mkdtemp(prefix="cryptobot-staged-", dir=directory)
    try:
        for path, content in plan_.contents.items():
            copy = Path(staged + path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            copy.chmod(0o700 if content.startswith(b"#!") else 0o600)
        for validator in due:
            argv = [word.replace(STAGED, staged) for word in validator.argv]
            run = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
            if run.returncode != 0:
                said = redacted((run.stdout + run.stderr).replace(staged, ""), tree).strip()
                raise TreeError(
                    f"{validator.argv[0]} refuses the new files (exit {run.returncode}), so none was put in place: {said}"
                )
    finally:
        shutil.rmtree(staged)


def redacted(text: str, tree: Tree) -> str:
    """``text`` without anything that stands in a sensitive file, line by line."""
    for item in tree.files:
        if item.sensitive and item.content:
            secret = item.content.decode(errors="replace")
            for part in sorted({secret, secret.strip(), *secret.split()}, key=len, reverse=True):
                if len(part) >= 4:
                    text = text.replace(part, "(hidden)")
    return text


def apply(plan_: Plan, record: StateRecord) -> None:
    """Make the changes: directories first, then files, each by a rename in its own directory, then removals.

    Every change is recorded as *was → is*, before the first is made: a run that is killed in between leaves nothing that
    the record does not know. Raises :class:`TreeError` when an owner does not exist.
    """
    for change in (*plan_.files, *plan_.removals):
        _keep(change, record)
    record.extend(("directory", path, None, Found("directory", None, "root", "root", 0o755).summary(False)) for path in _parents(plan_))
    record.extend(
        (
            "directory" if change in plan_.directories else "file",
            change.path,
            change.found.summary(change.sensitive and change.wanted is not None),
            change.wanted.summary(change.sensitive) if change.wanted else None,
        )
        for change in plan_.changes
    )
    for change in plan_.directories:
        os.makedirs(change.path, exist_ok=True)
        _dress(change.path, change.wanted or Found())
    for change in plan_.files:
        if change.wanted is None:
            continue
        if change.found.kind == "file" and change.found.content == change.wanted.content:
            _dress(change.path, change.wanted)
        else:
            write(change.path, change.wanted)
    for change in plan_.removals:
        if change.found.kind == "directory":
            shutil.rmtree(change.path)
        else:
            os.unlink(change.path)


def _parents(plan_: Plan) -> list[str]:
    """Directories that are made along the way because something below them is wanted, the outer ones first."""
    planned = {change.path for change in plan_.directories}
    made = {
        str(parent)
        for change in (*plan_.directories, *plan_.files)
        for parent in Path(change.path).parents
        if not parent.exists() and str(parent) not in planned
    }
    return sorted(made)


def _keep(change: Change, record: StateRecord) -> None:
    same = change.wanted is not None and change.found.content == change.wanted.content
    if change.found.content is not None and not same and not (change.sensitive and change.wanted):
        record.keep(change.found.content)


def write(path: str, wanted: Found) -> None:
    """Put a file in place by a rename, with its owner and mode."""
    directory = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    descriptor, new = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(wanted.content or b"")
            _dress(new, wanted)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException:
        os.unlink(new)
        raise


def _dress(path: str, wanted: Found) -> None:
    try:
        shutil.chown(path, wanted.owner, wanted.group)
    except LookupError as error:
        raise TreeError(f"{path} should belong to {wanted.owner}:{wanted.group}, but {error}. Make the account first.") from None
    os.chmod(path, wanted.mode if wanted.mode is not None else 0o644)
