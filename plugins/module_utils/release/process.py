# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running tools: their output into a log, its end into the error, passwords in URLs into neither."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .errors import ReleaseError

TAIL = 20
"""Lines of a failed tool's output that its error quotes."""
CAUSES = (
    (
        "No space left on device",
        "the disk is full",
        "Make room (df -h shows where) and run again: what was begun is redone.",
    ),
    (
        "Hash mismatch",
        "what the index gives is not what the lock names",
        "Nothing of it was installed. Look into why before the lock is made anew: a package may have been tampered with.",
    ),
    (
        "because no wheels are usable|has no usable wheels|has no wheels with a matching|building from source is disabled",
        "a locked package has no wheel for this system",
        "Choose a version that has one, and make the lock anew: hosts compile nothing.",
    ),
    (
        "invalid peer certificate|CERTIFICATE_VERIFY_FAILED|unable to get local issuer|self.signed certificate",
        "the server's certificate is not trusted",
        "Put your authority's certificate into the host's /usr/local/share/ca-certificates and run update-ca-certificates, or name its file in release_ca.",
    ),
    (
        "dns error|Could not resolve host|Temporary failure in name resolution|ENOTFOUND|EAI_AGAIN|client error .Connect|Connection refused",
        "the index cannot be reached",
        "Check the host's network and proxy, or name a mirror: release_python_index, release_npm_registry, release_cargo_index.",
    ),
    (
        "lock file .* needs to be updated|package.json and package-lock.json .* are (not )?in sync",
        "its lock file does not fit",
        "Make it anew, and commit it.",
    ),
)
"""What tools say, what it means, and what to do."""


def redact(text: str) -> str:
    """Take user and password out of every URL."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)


def run(argv: Sequence[str], doing: str, *, environment: Mapping[str, str] | None = None, seconds: float = 3600) -> str:
    """Run a program to its end and return what it said.

    Raises :class:`ReleaseError` with the last lines when it fails or is not there or takes more than so many seconds.
    """
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        raise ReleaseError(f"{doing}: there is no program {argv[0]}.") from None
    except subprocess.TimeoutExpired:
        raise ReleaseError(f"{doing}: {argv[0]} did not end within {seconds:.0f} s and was stopped.") from None
    said = redact(done.stdout.decode(errors="replace"))
    if done.returncode:
        raise ReleaseError(failure(doing, Path(argv[0]).name, done.returncode, said))
    return said


def failure(doing: str, program: str, code: int, said: str, log: Path | None = None) -> str:
    """What an operator must know of a failed tool: the cause where it is known, what to do, and the last lines."""
    tail = [line for line in said.splitlines() if line.strip()][-TAIL:]
    # Some tools hide why they failed: that the disk is full is then still to be seen.
    evidence = f"{said}\nNo space left on device" if _full() else said
    known = next(((cause, remedy) for pattern, cause, remedy in CAUSES if re.search(pattern, evidence)), None)
    cause, remedy = known or (f"{program} ended with {code}", "")
    where = f"The whole output is in {log} on that host." if log else ""
    return "\n".join(
        [" ".join(part for part in (f"{doing}: {cause}.", remedy, where) if part), *(f"  {line}" for line in tail)]
    )


def _full(places: Sequence[str] = ("/opt/cryptobot", "/var", "/tmp")) -> bool:
    """Whether a file system that releases or their tools write to has no room left."""
    return any(shutil.disk_usage(place).free < 1 << 20 for place in places if Path(place).exists())


def extract(archive: Path | IO[bytes], target: Path, doing: str) -> None:
    """Unpack an archive below a directory; a member that would leave it, or is a device, is refused."""
    try:
        with tarfile.open(archive) if isinstance(archive, Path) else tarfile.open(fileobj=archive) as opened:
            opened.extractall(target, [_placed(member, target.resolve(), doing) for member in opened])
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ReleaseError(
            f"{doing}: the archive cannot be read ({error.__class__.__name__}). A .tar.gz is wanted, whole."
        ) from None


def _placed(member: tarfile.TarInfo, root: Path, doing: str) -> tarfile.TarInfo:
    place = (root / member.name).resolve()
    link = (place.parent / member.linkname).resolve() if member.issym() else place
    if (
        not (member.isreg() or member.isdir() or member.issym())
        or not place.is_relative_to(root)
        or not link.is_relative_to(root)
    ):
        raise ReleaseError(f"{doing}: the archive holds {member.name!r}, which has no place in it.")
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member
