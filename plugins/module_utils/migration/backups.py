# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup of a project: parts that prove themselves, and ``backup.json``, which is written last.

A folder without ``backup.json`` is no backup. One whose parts are not those that stand in it is damaged.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import faults, words
from .formula import FORMULA, unknown
from .journal import DIRECTORY, now, write_whole

FILE = "backup.json"
MANIFEST = "manifest.json"
FOLDER = "backup"
VERSION = 1
KINDS = ("postgresql", "redis", "files")


class BackupRefused(RuntimeError):
    """A sentence for the operator."""


def folder(directory: Path | str, identity: str) -> Path:
    """Where a backup is; its id is a run's."""
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", identity):
        raise BackupRefused(f"{identity!r} is no id of a backup; one looks like 20260102T030405.")
    return Path(directory) / FOLDER / identity


def complete(path: Path, project: str, parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Check that each part is there, and write ``backup.json``. ``parts``: ``part``, ``kind``, ``datastores``."""
    listed = [{**part, **_size(path / part["part"])} for part in parts]
    if missing := [part["part"] for part in listed if not part["manifest"]]:
        raise BackupRefused(f"The backup {path} is not whole: {', '.join(missing)} was not finished. Run it again.")
    if not listed:
        raise BackupRefused("There is nothing to save: the catalogue names no datastore in the Compose project.")
    content = {
        "version": VERSION,
        "formula": FORMULA,
        "id": path.name,
        "at": now(),
        "project": project,
        "parts": listed,
    }
    faults.point("rename:backup")
    write_whole(path / FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return content


def check(path: Path) -> dict[str, Any]:
    """What a whole backup holds; :class:`BackupRefused` for anything else. Parts are looked into by their own modules."""
    try:
        content = json.loads((path / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackupRefused(_no_backup(path)) from None
    except ValueError:
        raise BackupRefused(f"{path / FILE} cannot be read. The backup is damaged; choose another one.") from None
    if not isinstance(content, dict) or not content.get("parts"):
        raise BackupRefused(f"{path} holds nothing. Choose another backup.")
    if content.get("version") != VERSION:
        raise BackupRefused(
            f"The backup {path} is one of version {content.get('version')}, and this version of the collection knows {VERSION}. "
            "Restore it with the version that saved it."
        )
    if against := unknown(content, f"The backup {path}"):
        raise BackupRefused(against)
    wrong = [part["part"] for part in content["parts"] if _digest(path / part["part"] / MANIFEST) != part["manifest"]]
    if wrong:
        raise BackupRefused(
            f"The backup {path} is damaged: {', '.join(wrong)} is missing or is not what was saved. Choose another one."
        )
    return content


def available(directory: Path | str = DIRECTORY) -> list[str]:
    """Ids of the whole backups, oldest first."""
    return sorted(path.parent.name for path in (Path(directory) / FOLDER).glob(f"*/{FILE}"))


def lines(content: Mapping[str, Any], path: Path) -> list[str]:
    """The backup for a screen."""
    rows = [
        [part["part"], part["kind"], ", ".join(part["datastores"]), words.size(part["bytes"])]
        for part in content["parts"]
    ]
    return [
        f"Backup {content['id']} of {content['at']}: {path}",
        "",
        *words.columns(("part", "kind", "of", "#size"), rows),
    ]


def _no_backup(path: Path) -> str:
    there = available(path.parent.parent)
    known = f"Whole backups are: {', '.join(there)}." if there else "There is no whole backup on this host."
    what = "was not finished" if path.exists() else "does not exist"
    return f"The backup {path.name} {what}: {path / FILE}, which is written last, is missing. {known}"


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _size(path: Path) -> dict[str, Any]:
    files = [each for each in path.rglob("*") if each.is_file() and not each.is_symlink()]
    return {"manifest": _digest(path / MANIFEST), "bytes": sum(each.stat().st_size for each in files)}
