"""An archive of files is saved and restored although its process dies at every point: each call goes on.

pytest tests/plants/files/test_archive_kills.py

As root: owners are given.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files as archive

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from files_lab import seeded  # noqa: E402
from kill_walk import walk  # noqa: E402

IMPORTS = """
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import Place
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files as archive

place, folder = Place(sys.argv[3], sys.argv[3]), Path(sys.argv[4])
"""
SAVE = IMPORTS + "archive.save(place, folder / 'archive', 'bars', 'run', Journal(folder / 'journal'))"
RESTORE = IMPORTS + "archive.restore(folder / 'archive', place, 'bars', 'run', Journal(folder / 'journal'))"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return seeded(tmp_path_factory.mktemp("archive") / "source")


def listed(root: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path.relative_to(root)), path.lstat().st_mode, path.lstat().st_uid) for path in root.rglob("*"))


def test_saving_and_restoring_survive_every_death(source: Path, tmp_path: Path) -> None:
    restored = tmp_path / "restored"
    name = "backup-activate:files:bars"
    died = walk(SAVE, [source, tmp_path], tmp_path)
    assert {"begin:backup:files:bars", f"rename:{name}", f"end:{name}", f"done:{name}"} <= set(died)
    archive.check(tmp_path / "archive")
    died = walk(RESTORE, [restored, tmp_path], tmp_path)
    assert {"rename:restore-activate:files:bars", "end:restore-activate:files:bars"} <= set(died)
    assert listed(restored) == listed(source)
    assert list(tmp_path.rglob("*.incoming")) == []
