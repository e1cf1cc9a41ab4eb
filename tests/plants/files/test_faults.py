"""What goes wrong with directories is said in a sentence, nothing half is taken for whole, and the next run ends well.

pytest tests/plants/files/test_faults.py

As root: owners are given, and a small disk is mounted.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files import scan
from ansible_collections.cryptobot.native.plugins.module_utils.files.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError, Place
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Task, Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import files as archive
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive.manifest import ArchiveError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from files_lab import NATIVE, copied, seeded, task  # noqa: E402

LARGE = 24 << 20
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from files_lab import task

point, source, folder = sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
faults.point = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None
transfer = Transfer(task(source, folder / "bars"), Journal(folder / "journal"))
transfer.copied()
transfer.active()
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    root = seeded(tmp_path_factory.mktemp("files") / "source")
    (root / "large").write_bytes(os.urandom(LARGE))
    return root


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=16m")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def differences(wanted: Task, path: str) -> list[dict]:
    return Comparison(wanted, Wish(path)).run().differences


def test_a_source_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FilesError, match="nowhere is no directory of this host"):
        copied(tmp_path / "nowhere", tmp_path)
    assert not (tmp_path / "bars.incoming").exists()


def test_a_small_disk_is_refused_with_figures(source, small_disk):
    with pytest.raises(FilesError, match=r"About \d+ MB are needed for .*, and \d+ MB are free on its disk"):
        copied(source, small_disk)
    assert [path.name for path in small_disk.iterdir()] == []


def test_a_disk_that_fills_up_ends_in_a_sentence_and_room_in_a_whole_copy(source, small_disk, monkeypatch):
    with monkeypatch.context() as patch:
        # As if somebody else had taken the room after the look.
        usage = namedtuple("usage", "total used free")
        patch.setattr(scan.shutil, "disk_usage", lambda path: usage(1 << 40, 0, 1 << 40))
        with pytest.raises(FilesError, match="No space left|is full .* Nothing was renamed into place"):
            copied(source, small_disk)
    wanted = task(source, small_disk / "bars")
    with pytest.raises(FilesError, match="not copied whole yet"):
        Transfer(wanted, Journal(small_disk / "journal")).active()
    assert not (small_disk / "bars").exists()
    mount(small_disk, "remount,size=200m")
    copied(source, small_disk)
    assert differences(wanted, wanted.target.incoming) == []
    Transfer(wanted, Journal(small_disk / "journal")).active()
    assert differences(wanted, wanted.target.path) == []


def test_a_number_that_is_somebody_here_needs_a_decision(source, tmp_path):
    copy = tmp_path / "container"
    subprocess.run(["cp", "-a", source, copy], check=True)
    here = pwd.getpwnam("daemon")
    os.chown(copy / "plain", here.pw_uid, -1)
    with pytest.raises(FilesError, match=rf"plain in .* belongs to the number {here.pw_uid}, which means daemon on this host"):
        copied(copy, tmp_path)
    assert not (tmp_path / "bars.incoming").exists()
    kept = tmp_path / "kept"
    kept.mkdir()
    accepted = copied(copy, kept, accept=(f"files-owner-foreign:{here.pw_uid}",))
    assert os.stat(Path(accepted.target.incoming) / "plain").st_uid == here.pw_uid
    for owner, uid in (("keep", here.pw_uid), (str(NATIVE), NATIVE)):
        folder = tmp_path / owner
        folder.mkdir()
        wanted = copied(copy, folder, ownership={"owners": {str(here.pw_uid): owner}})
        assert os.stat(Path(wanted.target.incoming) / "plain").st_uid == uid
        assert differences(wanted, wanted.target.incoming) == []


@pytest.mark.parametrize("point", ["copy:files:bars:50%", "copy:files:bars:rights", "rename:activate:files:bars"])
def test_a_copy_that_is_killed_goes_on(source, tmp_path, point):
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent), point, str(source), str(tmp_path)]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "bars").exists()
    wanted = copied(source, tmp_path)
    Transfer(wanted, Journal(tmp_path / "journal")).active()
    assert differences(wanted, wanted.target.path) == []
    assert not Path(wanted.target.incoming).exists()


@pytest.fixture(scope="module")
def saved(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    archive.save(Place(str(source), "source"), folder / "archive", "bars", "run", Journal(folder / "journal"))
    return folder / "archive"


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "manifest.json").write_text(""), "can't be read"),
        (lambda folder: (folder / "manifest.json").unlink(), "no whole archive"),
        (lambda folder: os.truncate(folder / "listing.jsonl", 100), "has 100 bytes, and the manifest says"),
        (lambda folder: os.truncate(folder / "tree" / "large", LARGE - 1), "large in .* differs in .*sha256, size"),
        (lambda folder: (folder / "tree" / "plain").unlink(), "plain is missing from"),
        (lambda folder: (folder / "tree" / "more").touch(), "more is in .* and was not saved there"),
        (lambda folder: shutil.rmtree(folder / "tree"), "tree is missing from the archive"),
    ],
)
def test_an_archive_that_is_damaged_is_refused_and_the_target_stays(saved, tmp_path, damage, says):
    subprocess.run(["cp", "-a", saved, tmp_path / "archive"], check=True)
    damage(tmp_path / "archive")
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "what is there").write_text("1")
    target = Place(str(tmp_path / "bars"), "bars")
    with pytest.raises(ArchiveError, match=says):
        archive.restore(tmp_path / "archive", target, "bars", "run", Journal(tmp_path / "journal"))
    assert [path.name for path in (tmp_path / "bars").iterdir()] == ["what is there"]
    assert not (tmp_path / "bars.incoming").exists()


def test_an_archive_brings_everything_back(saved, source, tmp_path):
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "what is there").write_text("1")
    target = Place(str(tmp_path / "bars"), "bars")
    assert archive.restore(saved, target, "bars", "run", Journal(tmp_path / "journal"))[0]
    wanted = Task("run", "bars", Place(str(source), "source"), target, Ownership())
    assert differences(wanted, target.path) == []
    assert (tmp_path / "bars.before" / "what is there").read_text() == "1"
