"""A source's digest and archive depend on its content alone."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.source import add_tree, digest_of, tree_digest


def packed(root: Path) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        add_tree(archive, root, "source")
    return made.getvalue()


def test_order_times_and_other_permissions_do_not_count(tmp_path: Path) -> None:
    for root, names in ((tmp_path / "one", ["b", "a/x", "c"]), (tmp_path / "two", ["c", "a/x", "b"])):
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
    os.utime(tmp_path / "two/c", (1, 1))
    os.chmod(tmp_path / "two/b", 0o600)
    assert tree_digest(tmp_path / "one") == tree_digest(tmp_path / "two")
    assert packed(tmp_path / "one") == packed(tmp_path / "two")


@pytest.mark.parametrize("change", ["content", "name", "executable", "link"])
def test_what_counts(tmp_path: Path, change: str) -> None:
    (tmp_path / "a").write_text("1")
    (tmp_path / "l").symlink_to("a")
    before = tree_digest(tmp_path)
    if change == "content":
        (tmp_path / "a").write_text("2")
    elif change == "name":
        (tmp_path / "a").rename(tmp_path / "b")
    elif change == "executable":
        os.chmod(tmp_path / "a", 0o755)
    else:
        (tmp_path / "l").unlink()
        (tmp_path / "l").symlink_to("./a")
    assert tree_digest(tmp_path) != before


@pytest.mark.parametrize(
    "name",
    [
        "node_modules/x.js",
        "target/debug/x",
        "dist/x",
        ".git/HEAD",
        "a/__pycache__/x.pyc",
        ".venv/x",
        "x.egg-info/PKG-INFO",
        ".env",
    ],
)
def test_what_tools_leave_is_no_part(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    before = tree_digest(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("left behind")
    assert tree_digest(tmp_path) == before
    assert name not in packed(tmp_path).decode(errors="replace")


def test_a_link_out_of_the_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/passwd").symlink_to("/etc/passwd")
    with pytest.raises(ReleaseError, match="symbolic link out of"):
        tree_digest(tmp_path / "root")


def test_parts_are_told_apart() -> None:
    assert digest_of("ab", "c") != digest_of("a", "bc") != digest_of("abc")
