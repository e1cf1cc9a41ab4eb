"""An archive of files is saved and restored although its process dies at every point: each call goes on.

pytest tests/plants/files/test_archive_kills.py

As root: owners are given.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files as archive

sys.path.insert(0, str(Path(__file__).resolve().parent))

from files_lab import seeded  # noqa: E402

MOST = 30
ONCE = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import Place
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files as archive

place, folder = Place(sys.argv[3], sys.argv[3]), Path(sys.argv[4])
faults.FILE = folder / "faults"
if sys.argv[2] == "save":
    archive.save(place, folder / "archive", "bars", "run", Journal(folder / "journal"))
else:
    archive.restore(folder / "archive", place, "bars", "run", Journal(folder / "journal"))
"""


def walk(what: str, place: Path, folder: Path) -> list[str]:
    """Calls until it ends by itself; the points at which it died."""
    faults = folder / "faults"
    faults.touch(mode=0o600)
    faults.write_text("each *\n", encoding="utf-8")
    for __ in range(MOST):
        words = [sys.executable, "-c", ONCE, ":".join(sys.path), what, str(place), str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        died = [line[7:] for line in faults.read_text(encoding="utf-8").splitlines() if line.startswith("killed ")]
        if done.returncode == 0:
            return died
        assert done.returncode == -signal.SIGKILL, f"after {died[-1:]}: {done.stderr[-1500:]}"
    raise AssertionError(f"It does not end: {died}")


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return seeded(tmp_path_factory.mktemp("archive") / "source")


def listed(root: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path.relative_to(root)), path.lstat().st_mode, path.lstat().st_uid) for path in root.rglob("*"))


def test_saving_and_restoring_survive_every_death(source: Path, tmp_path: Path) -> None:
    died = walk("save", source, tmp_path)
    assert {"begin:backup:files:bars", "rename:backup-activate:files:bars", "end:backup-activate:files:bars"} <= set(
        died
    )
    archive.check(tmp_path / "archive")
    assert not (tmp_path / "archive" / "tree.incoming").exists()
    died = walk("restore", tmp_path / "restored", tmp_path)
    assert {"rename:restore-activate:files:bars", "end:restore-activate:files:bars"} <= set(died)
    assert listed(tmp_path / "restored") == listed(source)
    assert not (tmp_path / "restored.incoming").exists()
