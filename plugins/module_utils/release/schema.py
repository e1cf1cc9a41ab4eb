# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release does to a schema: its Alembic revisions, which of them are pending, and with which schemas it works.

Read from the scripts, none of which is run. A script that sets ``serves_from = "<revision>"`` says that releases made
for that revision, or for one between, also work with the schema that it leaves. Without it a schema serves its own
releases alone.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..migration.revisions import assigned, directories

ALEMBIC = "alembic"


@dataclass(frozen=True)
class Revision:
    """One script. ``undoable``: its ``downgrade`` does something, or its ``upgrade`` does nothing."""

    id: str
    before: tuple[str, ...]
    title: str = ""
    undoable: bool = True
    serves_from: str | None = None


@dataclass(frozen=True)
class Scripts:
    """The revisions of one release of one service."""

    revisions: Mapping[str, Revision]

    @classmethod
    def read(cls, folder: Path) -> Scripts | None:
        """Of a service's directory, by its ``alembic.ini``; ``None`` where there are none."""
        found = [_revision(path) for place in directories(folder) for path in sorted(place.glob("*.py"))]
        revisions = {each.id: each for each in found if each}
        return cls(revisions) if revisions else None

    @classmethod
    def unpacked(cls, given: Iterable[Mapping[str, Any]]) -> Scripts:
        """What :meth:`packed` gave."""
        made = [Revision(**{**each, "before": tuple(each["before"])}) for each in given]
        return cls({each.id: each for each in made})

    def packed(self) -> list[dict[str, Any]]:
        """As an option of a module."""
        return [asdict(each) for each in self.revisions.values()]

    @property
    def heads(self) -> tuple[str, ...]:
        """The revisions that nothing follows: the schema that the release was made for."""
        followed = {before for each in self.revisions.values() for before in each.before}
        return tuple(sorted(set(self.revisions) - followed))

    def upto(self, versions: Iterable[str]) -> set[str]:
        """Some revisions and all that come before them."""
        found: set[str] = set()
        rest = [each for each in versions if each in self.revisions]
        while rest:
            one = rest.pop()
            if one not in found:
                found.add(one)
                rest += [each for each in self.revisions[one].before if each in self.revisions]
        return found

    def pending(self, versions: Collection[str]) -> list[Revision]:
        """What is to be run on a schema at some revisions, each after those that come before it."""
        done = self.upto(versions)
        ordered: list[Revision] = []
        left = {name for name in self.revisions if name not in done}
        while left:
            ready = sorted(name for name in left if not left & set(self.revisions[name].before))
            if not ready:  # a circle, which Alembic itself refuses
                break
            ordered += [self.revisions[name] for name in ready]
            left -= set(ready)
        return ordered

    def serves(self) -> list[str]:
        """The revisions whose releases work with the schema of this one: its own, and what its scripts say."""
        served = set(self.heads)
        for name in self.revisions:
            between = self.upto(self.heads) - self.upto([name])
            if between and all(
                each.serves_from is not None and each.serves_from in self.upto([name])
                for each in (self.revisions[one] for one in between)
            ):
                served.add(name)
        return sorted(served)

    def note(self) -> dict[str, list[str]]:
        """What a release's record keeps of its schema."""
        return {"heads": list(self.heads), "serves": self.serves()}


def _revision(path: Path) -> Revision | None:
    said = assigned(path)
    if not isinstance(said.get("revision"), str):
        return None
    before, serves = said.get("down_revision") or (), said.get("serves_from")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: _acts(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    return Revision(
        said["revision"],
        (before,) if isinstance(before, str) else tuple(before),
        (ast.get_docstring(tree) or "").partition("\n")[0].strip(),
        functions.get("downgrade", False) or not functions.get("upgrade", False),
        serves if isinstance(serves, str) else None,
    )


def _acts(function: ast.FunctionDef) -> bool:
    """Whether a function does anything but refuse."""
    idle = (ast.Pass, ast.Raise)
    return any(
        not isinstance(line, idle) and not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
        for line in function.body
    )


def lines(service: str, pending: Iterable[Revision]) -> list[str]:
    """The pending revisions for people, in the order in which they run."""
    return [
        f"{service}: {each.id} {each.title or '(no title)'}"
        + ("" if each.undoable else "; cannot be undone")
        + (f"; releases from {each.serves_from} on work with it" if each.serves_from else "")
        for each in pending
    ]


def obstacles(service: str, scripts: Scripts, versions: Collection[str], live: Collection[str] | None) -> Iterator[str]:
    """Why a migration must not begin. ``live``: the heads of the live release, ``None`` where it is not known."""
    if unknown := sorted(set(versions) - set(scripts.revisions)):
        yield (
            f"{service}: its database is at the revision {', '.join(unknown)}, which this release does not know "
            f"(it ends with {', '.join(scripts.heads)}): it is older than the data. "
            "Release a version that has this revision: -e release_version=VERSION."
        )
        return
    served = set(scripts.serves())
    if live is not None and set(live) <= served:
        return
    for each in scripts.pending(versions):
        if not each.undoable:
            yield (
                f"{service}: the revision {each.id} cannot be undone: its downgrade() does nothing, and it does not say "
                "that the live release works with it. Write its downgrade(), or set "
                f'serves_from = "{next(iter(sorted(live or versions)), "REVISION")}" in its script where that release does; '
                "or take a backup, and accept it: -e release_irreversible=true."
            )


def misfit(
    service: str, release: str, note: Mapping[str, Any] | None, versions: Collection[str], others: Iterable[Mapping[str, Any]]
) -> str | None:
    """Why a release must not serve on a schema at some revisions; ``None`` where it may.

    ``note`` and ``others``: what :meth:`Scripts.note` gave, of this release and of all that are installed.
    """
    if note is None:
        if not versions:
            return None
        return (
            f"{service}: its database is at the revision {', '.join(sorted(versions))}, and release {release} does not say for "
            "which it was made, so nobody knows whether it works with it. Release it anew: "
            f"ansible-playbook cryptobot.native.release -e release_service={service} -e release_version=VERSION."
        )
    wanted, found = set(note["heads"]), set(versions)
    if wanted == found:
        return None
    if any(set(other["heads"]) == found and wanted <= set(other["serves"]) for other in others):
        return None
    return (
        f"{service}: its database is at the revision {', '.join(sorted(found)) or '(none)'}, and release {release} was made for "
        f"{', '.join(sorted(wanted))}: it would meet a schema that it does not know. Nothing was changed. Release a version that "
        f"works with {', '.join(sorted(found)) or 'it'}: ansible-playbook cryptobot.native.release -e release_service={service} "
        "-e release_version=VERSION. Where the older release does work with it, the newer one's script says so: "
        f'serves_from = "{next(iter(sorted(wanted)), "REVISION")}".'
    )


def noted(path: Path, note: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What an installed release says of its schema; one that was installed by an earlier version is read anew."""
    if note is None or "schema" in note:
        return (note or {}).get("schema")
    scripts = Scripts.read(path / "source")
    return scripts.note() if scripts else None


def is_alembic(command: Iterable[str] | None) -> bool:
    """Whether a migration command is Alembic's."""
    return Path(next(iter(command or ()), "")).name == ALEMBIC
