# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an archive whole: a manifest, written last, by which everything in it is checked before it is used."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from ..files.compare import described, sha256_of
from ..files.tree import Entry, shown, walk
from ..migration.formula import FORMULA, unknown
from ..migration.journal import now, write_whole

MANIFEST, LISTING = "manifest.json", "listing.jsonl"
VERSION = 1
PART = 200


class ArchiveError(RuntimeError):
    """An archive can't be made, or must not be used; the text is a sentence for the operator."""


def finish(archive: Path, kind: str, datastore: str, content: Mapping[str, Any]) -> str:
    """Writes the manifest, with which the archive counts; its SHA-256."""
    head = {"version": VERSION, "formula": FORMULA, "kind": kind, "datastore": datastore, "created": now()}
    text = json.dumps({**head, **content}, indent=1, sort_keys=True) + "\n"
    write_whole(archive / MANIFEST, text)
    return hashlib.sha256(text.encode()).hexdigest()


def read(archive: Path, kind: str) -> tuple[dict[str, Any], str]:
    """The manifest and its SHA-256. Raises :class:`ArchiveError` where the archive is not whole, or of another kind."""
    try:
        text = (archive / MANIFEST).read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError:
        raise ArchiveError(
            f"{archive} is no whole archive: its {MANIFEST}, which is written last, is not there. Take another one, or save again."
        ) from None
    except (ValueError, OSError) as error:
        raise ArchiveError(
            f"{archive / MANIFEST} can't be read ({error}). The archive is damaged; take another one."
        ) from None
    if not isinstance(content, dict) or content.get("version") != VERSION or content.get("kind") != kind:
        known = (
            f"{content.get('kind')} version {content.get('version')}" if isinstance(content, dict) else "something else"
        )
        raise ArchiveError(f"{archive} is an archive of {known}, and one of {kind} version {VERSION} is needed.")
    if against := unknown(content, str(archive)):
        raise ArchiveError(against)
    return content, hashlib.sha256(text.encode()).hexdigest()


def check_file(path: Path, size: int, digest: str) -> None:
    """A file must be what the manifest says."""
    try:
        found = path.stat().st_size
    except FileNotFoundError:
        raise ArchiveError(f"{path} is missing from the archive. Take another one.") from None
    if found != size:
        raise ArchiveError(
            f"{path} has {found} bytes, and the manifest says {size}: it was cut off or changed. Take another archive."
        )
    if sha256_of(os.fsencode(path)) != digest:
        raise ArchiveError(f"{path} is not what was saved: its SHA-256 is another one. Take another archive.")


def listing(root: Path) -> Iterator[str]:
    """A line for each entry below a directory, in order."""
    with ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 2))) as pool:
        entries = walk(str(root))
        while part := list(islice(entries, PART)):
            digests = pool.map(lambda entry: _digest(root, entry), part)
            for entry, digest in zip(part, digests, strict=True):
                yield json.dumps(described(entry, digest), sort_keys=True) + "\n"


def check_listing(root: Path, lines: Iterable[str]) -> None:
    """A directory must be what its listing says; the first entry that is not is named."""
    have = listing(root)
    for line in lines:
        found = next(have, "")
        if found != line:
            raise ArchiveError(_wrong(root, line, found))
    if extra := next(have, ""):
        raise ArchiveError(_added(root, json.loads(extra)))


def _wrong(root: Path, wanted: str, found: str) -> str:
    saved, there = json.loads(wanted), json.loads(found) if found else {}
    if there and _order(there) < _order(saved):
        return _added(root, there)
    if there.get("path") != saved["path"]:
        return f"{_name(saved)} is missing from {root}. Take another archive."
    words = sorted(name for name in saved if saved[name] != there[name])
    return f"{_name(saved)} in {root} is not what was saved: it differs in {', '.join(words)}. Take another archive."


def _added(root: Path, entry: Mapping[str, Any]) -> str:
    return f"{_name(entry)} is in {root} and was not saved there. Take another archive."


def _order(entry: Mapping[str, Any]) -> list[bytes]:
    """That of a walk."""
    return os.fsencode(entry["path"]).split(b"/")


def _name(entry: Mapping[str, Any]) -> str:
    return shown(os.fsencode(entry["path"]))


def _digest(root: Path, entry: Entry) -> str:
    if entry.kind != stat.S_IFREG or entry.linked:
        return ""
    return sha256_of(os.path.join(os.fsencode(root), entry.path))
