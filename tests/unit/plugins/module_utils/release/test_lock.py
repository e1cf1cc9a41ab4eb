"""A lock is refused before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.lock import read_lock

HASH = "--hash=sha256:" + "a" * 64


def test_what_it_holds(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        f"# made by uv\nFast_API[all]==1.0 \\\n    {HASH} \\\n    {HASH}\n    # via -r x.in\n"
        f"--only-binary :all:\ncolorama==0.4.6 ; sys_platform == 'win32' {HASH}\n"
    )
    assert read_lock(lock, "quotes") == {"fast-api": 2, "colorama": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"fastapi>=1.0 {HASH}\n", 'holds "fastapi>=1.0'),
        (f"fastapi==1.0\nuvicorn==2 {HASH}\n", "fastapi has no hash"),
        ("-e ../shared\n", 'holds "-e ../shared"'),
        ("git+https://git.example/x.git\n", "no exact version"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "requirements.lock").write_text(text)
    with pytest.raises(ReleaseError, match="quotes: .*") as error:
        read_lock(tmp_path / "requirements.lock", "quotes")
    assert said in str(error.value) and "uv pip compile --generate-hashes" in str(error.value)


def test_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="quotes: there is no lock file"):
        read_lock(tmp_path / "requirements.lock", "quotes")
