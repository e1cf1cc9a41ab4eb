"""Artefacts are found by content and platform, and damaged ones are not."""

from __future__ import annotations

import hashlib
import tarfile
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Artefact, Platform
from ansible_collections.cryptobot.native.plugins.module_utils.release.store import (
    ArtefactStore,
    archive_binary,
    archive_files,
)

BINARY = Artefact("cargo", "engine", "1" * 64, "services/engine")
WHEEL = Artefact("wheel", "shared", "2" * 64, "libs/shared")
BOOKWORM, TRIXIE = Platform("debian", 12, "x86_64"), Platform("debian", 13, "x86_64")


def put(store: ArtefactStore, artefact: Artefact, platform: Platform) -> None:
    made = store.new(artefact.key(platform))
    made.write_bytes(str(platform).encode())
    store.put(artefact.key(platform), made, {})


def test_a_newer_system_takes_what_an_older_built(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    assert store.find(BINARY, BOOKWORM) is None
    put(store, BINARY, TRIXIE)
    assert store.find(BINARY, BOOKWORM) is None
    put(store, BINARY, BOOKWORM)
    assert store.find(BINARY, BOOKWORM) == BINARY.key(BOOKWORM)
    assert store.find(BINARY, TRIXIE) == BINARY.key(TRIXIE)


def test_a_portable_one_is_found_everywhere(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    put(store, WHEEL, BOOKWORM)
    assert store.find(WHEEL, TRIXIE) == WHEEL.name


def test_a_damaged_one_does_not_exist(tmp_path: Path) -> None:
    store = ArtefactStore(tmp_path)
    put(store, WHEEL, BOOKWORM)
    store.path(WHEEL.name).write_bytes(b"cut")
    assert store.find(WHEEL, BOOKWORM) is None


def test_a_binary_with_another_checksum_is_refused(tmp_path: Path) -> None:
    artefact = Artefact(
        "download", "engine", hashlib.sha256(b"right").hexdigest(), ".", {"binary": "engine", "url": "x"}
    )
    archive_binary(artefact, b"right", tmp_path / "made")
    with tarfile.open(tmp_path / "made") as archive:
        (member,) = archive
        assert (member.name, member.mode) == ("bin/engine", 0o755)
    with pytest.raises(ReleaseError, match="what came has the checksum sha256:"):
        archive_binary(artefact, b"wrong", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_files_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "panel/dist").mkdir(parents=True)
    (tmp_path / "panel/dist/index.html").write_text("<p>")
    archive_files(Artefact("files", "panel", "3" * 64, "panel/dist"), tmp_path, tmp_path / "made")
    with tarfile.open(tmp_path / "made") as archive:
        assert archive.getnames() == ["dist/index.html"]
