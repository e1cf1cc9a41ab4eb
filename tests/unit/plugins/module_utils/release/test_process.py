"""What tools said becomes a sentence, archives stay where they belong, and passwords stay out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.process import extract, failure, redact, run

UV_HASH = """error: Failed to download `idna==3.20`
  cause: Hash mismatch for `idna==3.20`
"""
UV_WHEEL = "Because psycopg2==2.9.10 has no wheels with a matching Python ABI tag (e.g., `cp311`), we can conclude"
UV_TLS = "error: Failed to fetch: `https://index.example/simple/idna/`\n  invalid peer certificate: UnknownIssuer"
UV_DNS = "  Caused by: client error (Connect)\n  Caused by: dns error: failed to lookup address information"
CARGO_LOCK = "error: the lock file /x/Cargo.lock needs to be updated but --locked was passed to prevent this"
NPM_CI = "npm error `npm ci` can only install packages when your package.json and package-lock.json or npm-shrinkwrap.json are in sync."
TAR = "tar: ./x: Cannot write: No space left on device"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (UV_HASH, "not what the lock names"),
        (UV_WHEEL, "no wheel for this system"),
        (UV_TLS, "certificate is not trusted"),
        (UV_DNS, "cannot be reached"),
        (CARGO_LOCK, "lock file does not fit"),
        (NPM_CI, "lock file does not fit"),
        (TAR, "the disk is full"),
        ("Segmentation fault", "cargo ended with 2"),
    ],
)
def test_causes(said: str, cause: str) -> None:
    text = failure("building engine", "cargo", 2, said, Path("/var/log/x.log"))
    first, *rest = text.splitlines()
    assert first.startswith("building engine: ") and cause in first and "/var/log/x.log" in first
    assert [line.strip() for line in rest] == [line.strip() for line in said.splitlines()]


def test_no_password_is_shown() -> None:
    with pytest.raises(ReleaseError) as error:
        run(["sh", "-c", "echo fetching https://me:hunter2@index.example/simple; exit 3"], "installing")
    assert "hunter2" not in str(error.value)
    assert "https://***@index.example/simple" in str(error.value) and "sh ended with 3" in str(error.value)
    assert redact("a@b.example and ssh://git@host/x") == "a@b.example and ssh://***@host/x"


def test_a_program_that_is_missing_or_never_ends() -> None:
    with pytest.raises(ReleaseError, match="there is no program /nowhere"):
        run(["/nowhere"], "building")
    with pytest.raises(ReleaseError, match="did not end within"):
        run(["sleep", "5"], "building", seconds=0.1)


@pytest.mark.parametrize("kind", ["up", "absolute", "link", "device"])
def test_an_archive_cannot_leave_its_place(tmp_path: Path, kind: str) -> None:
    member = tarfile.TarInfo({"up": "../x", "absolute": "/tmp/x", "link": "x", "device": "x"}[kind])
    if kind == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "../../etc"
    elif kind == "device":
        member.type = tarfile.CHRTYPE
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.addfile(member)
    packed.seek(0)
    (tmp_path / "in").mkdir()
    with pytest.raises(ReleaseError, match="has no place in it"):
        extract(packed, tmp_path / "in", "unpacking")
    assert not list((tmp_path / "in").iterdir())
