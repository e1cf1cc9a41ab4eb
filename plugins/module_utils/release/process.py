# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running tools: their output into a log, its end into the error, passwords in URLs into neither."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .errors import ReleaseError

TAIL = 20
"""Lines of a failed tool's output that its error quotes."""


def redact(text: str) -> str:
    """Take user and password out of every URL."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)


def run(
    argv: Sequence[str],
    doing: str,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    text: str | None = None,
    log: Path | None = None,
    seconds: float = 3600,
) -> str:
    """Run a program to its end and return what it said.

    ``stdout`` takes its result where that is not text; ``text`` is what it reads. What it says goes to ``log``, too.
    Raises :class:`ReleaseError` with the last lines when it fails or is not there or takes more than so many seconds.
    """
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(environment or {})},
            stdin=stdin if text is None else None,
            input=None if text is None else text.encode(),
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE if stdout else subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise ReleaseError(f"{doing}: there is no program {argv[0]}.") from None
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"{doing}: {argv[0]} did not end within {seconds:.0f} s and was stopped.") from None
    said = redact(((done.stderr if stdout else done.stdout) or b"").decode(errors="replace"))
    if log is not None:
        log.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        log.write_text(said)
    if done.returncode:
        raise ReleaseError(_failure(doing, Path(argv[0]).name, done.returncode, said, log))
    return said


def _failure(doing: str, program: str, code: int, said: str, log: Path | None) -> str:
    tail = [line for line in said.splitlines() if line.strip()][-TAIL:]
    full = "No space left on device" in said
    cause = "the disk is full" if full else f"{program} ended with {code}"
    where = f" The whole output is in {log} on that host." if log else ""
    remedy = " Make room and run again: what was begun is redone." if full else ""
    return "\n".join([f"{doing}: {cause}.{where}{remedy}", *(f"  {line}" for line in tail)])


def extract(archive: Path | IO[bytes], target: Path, doing: str) -> None:
    """Unpack an archive below a directory; a member that would leave it, or is a device, is refused."""
    with tarfile.open(archive) if isinstance(archive, Path) else tarfile.open(fileobj=archive) as opened:
        root = target.resolve()
        members = []
        for member in opened:
            place = (root / member.name).resolve()
            link = (place.parent / member.linkname).resolve() if member.issym() else place
            if not (member.isreg() or member.isdir() or member.issym()) or not place.is_relative_to(root) or not link.is_relative_to(root):
                raise ReleaseError(f"{doing}: the archive holds {member.name!r}, which has no place in it.")
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            members.append(member)
        opened.extractall(root, members)
