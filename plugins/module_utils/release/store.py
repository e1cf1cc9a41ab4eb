# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Artefacts that were built once, by key: on the controller, and in the same form on build hosts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

from .errors import ReleaseError
from .plan import Artefact, Platform
from .source import add_bytes, add_tree, file_digest


class ArtefactStore:
    """A directory of ``<key>.tar.gz``, each with a ``<key>.json`` that is written last and says its checksum."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, key: str) -> Path:
        """Where the archive of a key is."""
        return self.directory / f"{key}.tar.gz"

    def checksum(self, key: str) -> str | None:
        """The SHA-256 of a stored archive; ``None`` where there is none or what is there is not what was put in."""
        try:
            said = json.loads((self.directory / f"{key}.json").read_text())["sha256"]
            return said if said == file_digest(self.path(key)) else None
        except (OSError, ValueError, KeyError):
            return None

    def put(self, key: str, made: Path, about: dict[str, Any]) -> str:
        """Take a finished archive into the store by a rename, and return its SHA-256."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest = file_digest(made)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(made, self.path(key))
        note = self.directory / f"{key}.json.new"
        note.write_text(json.dumps({**about, "sha256": digest}, sort_keys=True))
        os.replace(note, self.directory / f"{key}.json")
        return digest

    def find(self, artefact: Artefact, platform: Platform) -> str | None:
        """The key under which an artefact that runs on a platform is stored, the newest fitting one first."""
        if artefact.portable:
            return artefact.name if self.checksum(artefact.name) else None
        names = (path.name.removesuffix(".json") for path in self.directory.glob(f"{artefact.name}-*.json"))
        built = sorted((Platform.parse(name.removeprefix(f"{artefact.name}-")) for name in names), reverse=True)
        fitting = (artefact.key(there) for there in built if platform.runs(there))
        return next((key for key in fitting if self.checksum(key)), None)

    def new(self, key: str) -> Path:
        """Where to write an archive before it is put."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.directory / f".{key}.{os.getpid()}.new"


def archive_files(artefact: Artefact, root: Path, made: Path) -> None:
    """Make the archive of an artefact that is a directory of the source as it is."""
    with gzip.open(made, "wb", compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        add_tree(archive, root / artefact.directory, "dist", keep=("dist", "build"))


def archive_binary(artefact: Artefact, content: bytes, made: Path) -> None:
    """Make the archive of a prebuilt binary.

    Raises :class:`ReleaseError` when the content is not what its checksum says.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != artefact.digest:
        raise ReleaseError(
            f"services.{artefact.label}.build.url: what came has the checksum sha256:{digest}, wanted was sha256:{artefact.digest}. "
            "Nothing was installed. Compare it with what its maker publishes before the catalogue is changed."
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        add_bytes(archive, f"bin/{artefact.settings['binary']}", content, executable=True)
    made.write_bytes(packed.getvalue())
