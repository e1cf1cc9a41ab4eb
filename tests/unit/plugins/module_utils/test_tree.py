# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree is planned from what is there, validated as a whole, applied by renames and recorded."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils import tree
from ansible_collections.cryptobot.native.plugins.module_utils.state import StateRecord

ME = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


def wanted(root: Path, *files: dict, **more) -> tree.Tree:
    raw = [{"mode": "0644", **ME, **file, "path": str(root / file["path"])} for file in files]
    return tree.unpack(tree.pack({"files": raw, **more}))


def run(wanted_: tree.Tree, root: Path) -> list[str]:
    planned = tree.plan(wanted_)
    tree.check(wanted_, planned)
    tree.apply(planned, StateRecord(root / "state"))
    return [change.path for change in planned.changes]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    w = wanted(tmp_path, {"path": "a/x", "content": b"1\n", "mode": "0600"}, {"path": "a/y", "content": b"\xff\x00"})
    assert run(w, tmp_path) == [str(tmp_path / "a/x"), str(tmp_path / "a/y")]
    assert (tmp_path / "a/x").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a/y").read_bytes() == b"\xff\x00"
    assert run(w, tmp_path) == []


def test_a_changed_mode_alone_is_a_change(tmp_path: Path) -> None:
    w = wanted(tmp_path, {"path": "x", "content": b"1"})
    run(w, tmp_path)
    (tmp_path / "x").chmod(0o666)
    assert run(w, tmp_path) == [str(tmp_path / "x")]
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_what_was_is_recorded_and_kept(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    run(wanted(tmp_path, {"path": "x", "content": b"new"}), tmp_path)
    record = StateRecord(tmp_path / "state")
    (line,) = record.lines()
    assert (line["kind"], line["target"]) == ("file", str(tmp_path / "x"))
    assert (tmp_path / "state" / "was" / line["was"]["sha256"]).read_text() == "old"
    assert line["is"]["sha256"] != line["was"]["sha256"]


def test_directories_that_are_made_along_the_way_are_recorded(tmp_path: Path) -> None:
    run(wanted(tmp_path, {"path": "a/b/x", "content": b"new"}), tmp_path)
    lines = [(line["kind"], line["target"], line["was"]) for line in StateRecord(tmp_path / "state").lines()]
    made = [("directory", str(tmp_path / path), None) for path in ("a", "a/b")]
    assert lines == [*made, ("file", str(tmp_path / "a/b/x"), None)]


def test_a_change_that_fails_is_recorded_already(tmp_path: Path) -> None:
    with pytest.raises(tree.TreeError):
        run(wanted(tmp_path, {"path": "x", "content": b"new", "owner": "nobody-of-this-name"}), tmp_path)
    assert [line["target"] for line in StateRecord(tmp_path / "state").lines()] == [str(tmp_path / "x")]


def test_a_refusing_validator_leaves_everything_as_it_was(tmp_path: Path) -> None:
    secret = "pass-canary-word"
    files = [
        {"path": "good", "content": b"1"},
        {"path": "bad", "content": f"{secret}\n".encode(), "sensitive": True},
    ]
    refuse = [{"argv": ["sh", "-c", f"cat {{staged}}{tmp_path}/bad; exit 3"]}]
    with pytest.raises(tree.TreeError, match="exit 3") as caught:
        run(wanted(tmp_path, *files, validate=refuse), tmp_path)
    assert secret not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_sensitive_content_is_in_no_diff_and_no_record(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old-canary")
    w = wanted(tmp_path, {"path": "x", "content": b"new-canary", "sensitive": True})
    shown = str(tree.diff(tree.plan(w)))
    assert "canary" not in shown and tree.HIDDEN in shown
    run(w, tmp_path)
    assert "canary" not in (tmp_path / "state" / "state.jsonl").read_text()
    assert not (tmp_path / "state" / "was").exists()


def test_a_block_leaves_the_rest_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "hba").write_text("local all all peer\n")
    run(wanted(tmp_path, {"path": "hba", "content": b"mine\n", "block": "access"}), tmp_path)
    run(wanted(tmp_path, {"path": "hba", "content": b"mine 2", "block": "access"}), tmp_path)
    text = (tmp_path / "hba").read_text()
    assert text == "# BEGIN cryptobot: access\nmine 2\n# END cryptobot: access\nlocal all all peer\n"


def test_a_block_needs_the_file_but_can_be_predicted(tmp_path: Path) -> None:
    w = wanted(tmp_path, {"path": "hba", "content": b"mine", "block": "access"})
    assert tree.plan(w, predict=True).changes
    with pytest.raises(tree.TreeError, match="does not exist"):
        tree.plan(w)


def test_a_block_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hba").write_text("# BEGIN cryptobot: access\nhalf\n")
    with pytest.raises(tree.TreeError, match="has no end"):
        tree.plan(wanted(tmp_path, {"path": "hba", "content": b"mine", "block": "access"}))


def test_pruning_removes_only_what_matches_and_is_not_wanted(tmp_path: Path) -> None:
    for name in ("a.env", "b.env", "c.txt"):
        (tmp_path / name).write_text(name)
    run(wanted(tmp_path, {"path": "a.env", "content": b"1"}, prune=[str(tmp_path / "*.env")]), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.env", "c.txt"]


def test_a_directory_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(tree.TreeError, match="should be a file and is a directory"):
        tree.plan(wanted(tmp_path, {"path": "x", "content": b""}))


def test_an_unknown_owner_is_a_sentence(tmp_path: Path) -> None:
    w = wanted(tmp_path, {"path": "x", "content": b"1", "owner": "no-such-user"})
    with pytest.raises(tree.TreeError, match="Make the account first"):
        run(w, tmp_path)
    assert not (tmp_path / "x").exists()


def test_a_line_cut_off_by_a_crash_is_not_read(tmp_path: Path) -> None:
    record = StateRecord(tmp_path)
    record.append("unit", "a", None, "started")
    with (tmp_path / "state.jsonl").open("a") as file:
        file.write('{"at": "2026')
    assert [line["target"] for line in record.lines()] == ["a"]


def test_what_happens_is_said_path_by_path(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "old").write_text("old")
    me = {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}
    files = tuple(tree.Item(str(tmp_path / name), b"new", **me) for name in ("there", "new/deep"))
    planned = tree.plan(tree.Tree(files=files, absent=(str(tmp_path / "old"),)))
    assert [(each["action"], each["kind"], each["target"].removeprefix(f"{tmp_path}/")) for each in tree.listed(planned)] == [
        ("add", "directory", "new"),
        ("change", "file", "there"),
        ("add", "file", "new/deep"),
        ("remove", "file", "old"),
    ]
