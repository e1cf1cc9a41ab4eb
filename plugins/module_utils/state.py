# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of state: what every change on a host replaced, so that it can be put back.

One append-only file of JSON lines. A line is on disk before its change is made wherever what will be made is known by then,
and at the latest before the call that made it returns. What a file held before is kept beside the record under its digest, unless it is sensitive.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DIRECTORY = Path("/var/lib/cryptobot")
RECORD = "state.jsonl"
KEPT = "was"


class StateRecord:
    """The record of one host.

    ``directory`` is where the record lives; it is made (0755) with the first line.
    """

    def __init__(self, directory: Path | str = DIRECTORY) -> None:
        self._directory = Path(directory)

    def append(self, kind: str, target: str, was: Any, is_: Any) -> None:
        """Write one change of ``target`` (a path, a unit, a role …) of a ``kind``; ``None`` means absent."""
        self.extend([(kind, target, was, is_)])

    def extend(self, changes: Iterable[tuple[str, str, Any, Any]]) -> None:
        """Write many changes ``(kind, target, was, is)`` with one flush to the disk.

        Raises :class:`OSError` when the record cannot be written: a change that cannot be undone must not pass.
        """
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        lines = [
            json.dumps({"at": at, "kind": kind, "target": target, "was": was, "is": is_}, sort_keys=True)
            for kind, target, was, is_ in changes
        ]
        if not lines:
            return
        self._directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self._directory / RECORD, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, ("\n".join(lines) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def keep(self, content: bytes) -> str:
        """Keep the bytes that a change replaces (0600) and return their SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        kept = self._directory / KEPT
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (kept / digest).exists():
            descriptor = os.open(kept / f"{digest}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(kept / f"{digest}.new", kept / digest)
        return digest

    def lines(self) -> list[dict[str, Any]]:
        """All changes, oldest first. A last line that a crash cut off is left out: its change was not made known."""
        try:
            text = (self._directory / RECORD).read_text()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1] if line]
