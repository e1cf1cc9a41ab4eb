"""Every planted difference in a copied directory is found and named exactly, and nothing else is. As root: owners are given.

pytest tests/plants/files
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal

sys.path.insert(0, str(Path(__file__).resolve().parent))

from files_lab import NATIVE, OTHER, SHARED, copied, seeded, task  # noqa: E402


def flip(path: Path) -> None:
    """One byte in the middle; size and time stay."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(status.st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def unlinked(path: Path) -> None:
    """The same content and rights under this name, in a file of its own."""
    copy = path.with_name("aside")
    shutil.copy2(path, copy)
    os.chown(copy, path.stat().st_uid, path.stat().st_gid)
    kept_folder_time(path, lambda: copy.replace(path))


def filled(path: Path) -> None:
    """Holes become blocks of zeros."""
    status, content = path.stat(), path.read_bytes()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def pointed(path: Path, target: str) -> None:
    def again() -> None:
        status = path.lstat()
        path.unlink()
        path.symlink_to(target)
        os.chown(path, status.st_uid, status.st_gid, follow_symlinks=False)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)

    kept_folder_time(path, again)


def kept_folder_time(path: Path, change: Callable[[], object]) -> None:
    status = path.parent.stat()
    change()
    os.utime(path.parent, ns=(status.st_atime_ns, status.st_mtime_ns))


PLANTS: dict[str, tuple[Callable[[Path], object], str, list[str], str]] = {
    "a byte": (lambda root: flip(root / "plain"), "plain", ["content"], "from byte 3 on"),
    "a byte in a hole": (lambda root: flip(root / "sparse"), "sparse", ["content"], "from byte 8388608 on"),
    "cut off": (lambda root: os.truncate(root / "run me", 3), '"run me"', ["size", "mtime", "content"], "and 3 on the target"),
    "missing": (lambda root: (root / "empty").unlink(), "empty", ["missing"], "missing on the target"),
    "added": (lambda root: (root / "more").touch(), "more", ["added"], "on the target only"),
    "mode": (lambda root: (root / "private").chmod(0o600), "private", ["mode"], "mode 0600 on the target, and should have 0660"),
    "owner": (lambda root: os.chown(root / "attributes", 0, SHARED), "attributes", ["owner"], f"should to {NATIVE}"),
    "group": (lambda root: os.chown(root / "read-only", NATIVE, 0), "read-only", ["group"], f"should have {SHARED}"),
    "owner of a link": (
        lambda root: os.chown(root / "broken", 1000, SHARED, follow_symlinks=False),
        "broken",
        ["owner"],
        "belongs to 1000 on the target",
    ),
    "time": (lambda root: os.utime(root / "-rf", ns=(1, 1_700_000_000_000_000_001)), "-rf", ["mtime"], "another time"),
    "link": (lambda root: pointed(root / "absolute", "/etc/hosts"), "absolute", ["link"], "points to /etc/hostname in the source"),
    "hard link": (lambda root: unlinked(root / "linked-too"), "linked-too", ["hard link"], "a file of its own on the target"),
    "attribute": (lambda root: os.setxattr(root / "linked", "user.more", b"1"), "deep/linked", ["attribute"], "user.more"),
    "access list": (lambda root: os.removexattr(root / "listed", "system.posix_acl_access"), "listed", ["attribute"], "posix_acl"),
    "holes": (lambda root: filled(root / "bars-00" / "holes"), "bars-00/holes", ["sparse"], "has holes in the source"),
    "type": (lambda root: (os.rename(root / "pipe", root / "gone"), os.rename(root / "socket", root / "pipe")), "pipe", ["type"], "named pipe"),
    "odd name": (lambda root: flip(root / os.fsdecode(b"line\nbreak and \xff\xfe bytes")), '"line\\nbreak and \\xff\\xfe bytes"', ["content"], "byte"),
}  # fmt: skip
ALSO = {"socket": ["missing"], "gone": ["added"], "linked": ["attribute"]}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return seeded(tmp_path_factory.mktemp("files") / "source")


@pytest.fixture(scope="module")
def harvest(source, tmp_path_factory) -> tuple[dict, dict]:
    wanted = copied(source, tmp_path_factory.mktemp("target"))
    before = Comparison(wanted, Wish(wanted.target.incoming)).run().as_dict()
    for plant, *__ in PLANTS.values():
        plant(Path(wanted.target.incoming))
    return before, Comparison(wanted, Wish(wanted.target.incoming)).run().as_dict()


def test_a_copy_raises_no_alarm(harvest):
    assert harvest[0]["differences"] == []
    assert harvest[0]["equal"]


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_is_named(harvest, name):
    __, what, columns, text = PLANTS[name]
    found = [each for each in harvest[1]["differences"] if each["object"] == what]
    assert [each["columns"] for each in found] == [columns]
    assert text in found[0]["text"]


def test_nothing_else_is_named(harvest):
    expected = {what: columns for __, what, columns, __ in PLANTS.values()} | ALSO
    assert {each["object"]: each["columns"] for each in harvest[1]["differences"]} == expected
    assert not harvest[1]["equal"]


def test_the_source_is_left_as_it_was(source, tmp_path):
    def state() -> list[tuple]:
        return [
            (str(path), *(each := path.lstat())[:7], each.st_mtime_ns, each.st_ctime_ns)
            for path in sorted(source.rglob("*"))
        ]

    before = state()
    wanted = copied(source, tmp_path)
    Comparison(wanted, Wish(wanted.target.incoming)).run()
    assert state() == before


def test_a_target_with_foreign_files_is_refused_and_stays(source, tmp_path):
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars" / "somebody's").write_text("mine")
    with pytest.raises(FilesError, match="holds 1 entries that are not ours"):
        copied(source, tmp_path)
    assert (tmp_path / "bars" / "somebody's").read_text() == "mine"
    assert not (tmp_path / "bars.incoming").exists()


def test_there_and_back_gives_the_same_owners_and_modes(source, tmp_path):
    container = tmp_path / "container"
    subprocess.run(["cp", "-a", source, container], check=True)
    journal = Journal(tmp_path / "journal")
    there = Transfer(task(container, tmp_path / "bars"), journal)
    there.copied()
    there.active()
    made = tmp_path / "bars" / "made natively"
    made.write_text("new")
    os.chown(made, OTHER, SHARED)
    wanted = task(tmp_path / "bars", container, reverse=True, replace=True)
    back = Transfer(wanted, journal)
    back.copied()
    found = Comparison(wanted, Wish(wanted.target.incoming)).run()
    assert found.differences == []
    back.active()
    rights = [
        {path.relative_to(root): path.lstat()[:1] + path.lstat()[4:6] for path in root.rglob("*")}
        for root in (source, container)
    ]
    new = rights[1].pop(Path("made natively"))
    assert new[1:] == (0, 0)
    assert rights[0] == rights[1]
