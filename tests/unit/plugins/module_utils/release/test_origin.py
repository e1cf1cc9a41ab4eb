"""Where the source comes from, and that nothing else is taken for it."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.origin import bring


def nothing(url: str) -> bytes:
    raise AssertionError(url)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    path.mkdir()
    for number in (1, 2):
        (path / "version").write_text(str(number))
        identity = ["-c", "user.name=t", "-c", "user.email=t@example"]
        if number == 1:
            subprocess.run(["git", "init", "-q", "-b", "main", path], check=True)
        subprocess.run(["git", "-C", path, "add", "."], check=True)
        subprocess.run(["git", "-C", path, *identity, "commit", "-q", "-m", str(number)], check=True)
        subprocess.run(["git", "-C", path, "tag", f"v{number}"], check=True)
    return path


def head(repository: Path, revision: str) -> str:
    return subprocess.run(
        ["git", "-C", repository, "rev-parse", revision], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_directory_is_taken_as_it_is(tmp_path: Path) -> None:
    assert bring({"path": str(tmp_path)}, tmp_path / "cache", nothing) == tmp_path
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("kind", ["tag", "branch", "commit", "abbreviated"])
def test_a_revision(tmp_path: Path, repository: Path, kind: str) -> None:
    version = {
        "tag": "v1",
        "branch": "main",
        "commit": head(repository, "v1"),
        "abbreviated": head(repository, "v1")[:9],
    }[kind]
    path = bring({"git": f"file://{repository}", "version": version}, tmp_path / "cache", nothing)
    assert (path / "version").read_text() == ("2" if kind == "branch" else "1")
    assert not (path / ".git").exists()


def test_a_known_commit_needs_no_network(tmp_path: Path, repository: Path) -> None:
    origin = {"git": f"file://{repository}", "version": head(repository, "main")}
    path = bring(origin, tmp_path / "cache", nothing)
    repository.rename(tmp_path / "gone")
    assert bring(origin, tmp_path / "cache", nothing) == path


@pytest.mark.parametrize(("version", "said"), [("v9", "v9 cannot be had from"), ("--upload-pack=x", "is no revision")])
def test_no_such_revision(tmp_path: Path, repository: Path, version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        bring({"git": f"file://{repository}", "version": version}, tmp_path / "cache", nothing)


def test_a_password_in_an_address_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as error:
        bring({"git": "http://me:hunter2@127.0.0.1:9/x.git", "version": "main"}, tmp_path / "cache", nothing)
    assert "hunter2" not in str(error.value) and "***@127.0.0.1:9" in str(error.value)


def archive(prefix: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        for name in ("a", "b/c"):
            opened.addfile(tarfile.TarInfo(f"{prefix}{name}"))
    return packed.getvalue()


@pytest.mark.parametrize("prefix", ["", "application-1.2/"])
def test_an_archive(tmp_path: Path, prefix: str) -> None:
    content = archive(prefix)
    origin = {"archive": "https://example/a.tar.gz", "checksum": "sha256:" + hashlib.sha256(content).hexdigest()}
    path = bring(origin, tmp_path / "cache", lambda url: content)
    assert sorted(p.name for p in path.iterdir()) == ["a", "b"]
    assert bring(origin, tmp_path / "cache", nothing) == path


def test_another_archive_than_wanted(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="It was not used"):
        bring(
            {"archive": "https://example/a", "checksum": "sha256:" + "0" * 64}, tmp_path / "cache", lambda url: b"other"
        )
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    "origin",
    [
        {},
        {"path": "/nowhere"},
        {"git": "x"},
        {"path": "/tmp", "git": "x"},
        {"git": "x", "version": ""},
        {"archive": "x", "checksum": "md5:1"},
        "x",
    ],
)
def test_what_is_refused(tmp_path: Path, origin: object) -> None:
    with pytest.raises(ReleaseError, match="cryptobot_source"):
        bring(origin, tmp_path / "cache", nothing)
