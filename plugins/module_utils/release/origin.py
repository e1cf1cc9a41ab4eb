# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the application's source to the controller: a directory as it is, a revision, or an archive with its checksum."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import ReleaseError
from .process import extract, redact

EXAMPLES = (
    "{path: /srv/application}, {git: https://git.example/application.git, version: v1.2.0} "
    "or {archive: https://…/application.tar.gz, checksum: sha256:…}"
)
KEYS = ({"path"}, {"git", "version"}, {"archive", "checksum"})


def bring(origin: Mapping[str, Any], cache: Path, fetch: Callable[[str], bytes]) -> Path:
    """Return the directory of the source, which is brought into the cache first unless it is a path or there already.

    ``fetch`` reads a URL. Raises :class:`ReleaseError`.
    """
    if not isinstance(origin, Mapping) or set(origin) not in KEYS or not all(origin.values()):
        said = sorted(origin) if isinstance(origin, Mapping) else "no keys"
        raise ReleaseError(f"cryptobot_source is one of {EXAMPLES}; it has {said}.")
    if "path" in origin:
        path = Path(str(origin["path"])).expanduser().absolute()
        if not path.is_dir():
            raise ReleaseError(f"cryptobot_source.path: there is no directory {path} on the controller.")
        return path
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(cache):
        return (
            _revision(str(origin["git"]), str(origin["version"]), cache)
            if "git" in origin
            else _archive(origin, cache, fetch)
        )


def _archive(origin: Mapping[str, Any], cache: Path, fetch: Callable[[str], bytes]) -> Path:
    algorithm, __, checksum = str(origin["checksum"]).partition(":")
    if algorithm != "sha256" or not re.fullmatch(r"[0-9a-f]{64}", checksum):
        raise ReleaseError(
            f"cryptobot_source.checksum should be sha256: and 64 hexadecimal digits, for example sha256:{'0' * 64}."
        )
    target = cache / f"archive-{checksum[:12]}"
    if not target.exists():
        where = str(origin["archive"])
        try:
            content = fetch(where) if "://" in where else Path(where).expanduser().read_bytes()
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"cryptobot_source.archive: {redact(where)} cannot be had: {redact(str(error))}."
            ) from None
        found = hashlib.sha256(content).hexdigest()
        if found != checksum:
            raise ReleaseError(
                f"cryptobot_source.archive: what came from {redact(where)} has the checksum sha256:{found}, wanted was sha256:{checksum}. "
                "It was not used. Compare it with what its maker publishes."
            )
        with _new(target) as new, tempfile.TemporaryFile() as packed:
            packed.write(content)
            packed.seek(0)
            extract(packed, new, "cryptobot_source.archive")
    inside = list(target.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else target


def _revision(url: str, version: str, cache: Path) -> Path:
    if version.startswith("-"):
        raise ReleaseError(
            f"cryptobot_source.version: {version!r} is no revision; one looks like v1.2.0, main or a commit."
        )
    name = hashlib.sha256(url.encode()).hexdigest()[:12]
    repository = cache / f"git-{name}.git"
    # The address may hold a password, so git gets it by its environment: a command's arguments are readable by everybody.
    environment = {
        **os.environ,
        "GIT_DIR": str(repository),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "remote.origin.url",
        "GIT_CONFIG_VALUE_0": url,
    }

    def git(*argv: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(["git", *argv], env=environment, capture_output=True, check=False)
        except FileNotFoundError:
            raise ReleaseError(
                "cryptobot_source.git: there is no git on the controller. Install it, or name a path or an archive."
            ) from None

    if not repository.exists():
        git("init", "--quiet", "--bare", str(repository))
    known = (
        git("rev-parse", "--quiet", "--verify", f"{version}^{{commit}}")
        if re.fullmatch(r"[0-9a-f]{40}", version)
        else None
    )
    if known is None or known.returncode:
        fetched = git("fetch", "--quiet", "--depth", "1", "origin", version)
        if fetched.returncode:  # An abbreviated commit can't be asked for: it is found among everything.
            fetched = git("fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/heads/*")
            known = git("rev-parse", "--quiet", "--verify", f"{version}^{{commit}}")
        else:
            known = git("rev-parse", "FETCH_HEAD^{commit}")
        if known.returncode:
            said = redact(fetched.stderr.decode(errors="replace")).strip().splitlines()[-1:] or [
                "it has no such revision"
            ]
            raise ReleaseError(
                f"cryptobot_source: {version} cannot be had from {redact(url)}: {said[0]}. Name a branch, a tag or a commit of it."
            )
    commit = known.stdout.decode().strip()
    target = cache / f"git-{name}-{commit[:12]}"
    if not target.exists():
        with _new(target) as new, tempfile.TemporaryFile() as packed:
            subprocess.run(["git", "archive", "--format=tar", commit], env=environment, stdout=packed, check=True)
            packed.seek(0)
            extract(packed, new, "cryptobot_source.git")
    return target


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """A directory that becomes the target when it is complete."""
    new = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield new
        os.rename(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


@contextmanager
def _locked(cache: Path) -> Iterator[None]:
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
