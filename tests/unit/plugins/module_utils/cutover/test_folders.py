"""A directory of a window takes its place once, however often it is told to, and only in its own window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover.folders import Tree
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Folder, Intent, Intents, Solo
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError, Place

FOLDER = Folder("bars", {"container": {"project": "p", "volume": "v"}}, {"path": "/t"}, {}, accept=("files-owner",))
INTENT = Intent("w1", "docker", "native", 7, ("first",), (), folders=(FOLDER,), solo=Solo("p", ("web",), ("u",), ("u", "v")))


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    (tmp_path / "book").mkdir()
    made = Tree(INTENT, FOLDER, tmp_path / "book")
    made.__dict__["_copy"] = SimpleNamespace(target=Place(str(tmp_path / "bars"), "bars"))
    return made


def filled(path: Path, text: str) -> None:
    path.mkdir()
    (path / "day").write_text(text)


def test_it_is_put_into_place_once(tree: Tree, tmp_path: Path) -> None:
    filled(tmp_path / "bars", "old")
    filled(tmp_path / "bars.incoming", "new")
    tree.point()
    assert not tree.is_open()
    for __ in range(2):
        tree.open()
        assert tree.is_open() and (tmp_path / "bars" / "day").read_text() == "new"
        assert (tmp_path / "bars.before" / "day").read_text() == "old"
        assert not (tmp_path / "bars.incoming").exists()


def test_killed_between_exchange_and_clearing_it_goes_on(tree: Tree, tmp_path: Path) -> None:
    filled(tmp_path / "bars.incoming", "new")
    tree.point()
    (tmp_path / "bars.incoming").rename(tmp_path / "bars")
    filled(tmp_path / "bars.incoming", "old")
    tree.open()
    assert (tmp_path / "bars" / "day").read_text() == "new"
    assert (tmp_path / "bars.before" / "day").read_text() == "old"


def test_what_an_earlier_move_has_left_goes_when_requests_have_gone_on(tree: Tree, tmp_path: Path) -> None:
    for name, text in (("bars.before", "older"), ("bars", "old"), ("bars.incoming", "new")):
        filled(tmp_path / name, text)
    tree.point()
    tree.open()
    assert (tmp_path / "bars.outdated" / "day").read_text() == "older"
    tree.open()
    for __ in range(2):
        tree.drop_forward()
        assert sorted(each.name for each in tmp_path.glob("bars*")) == ["bars", "bars.before"]
    assert (tmp_path / "bars.before" / "day").read_text() == "old"


def test_before_its_point_and_in_another_window_nothing_is_put_into_place(tree: Tree, tmp_path: Path) -> None:
    filled(tmp_path / "bars", "old")
    filled(tmp_path / "bars.incoming", "half")
    with pytest.raises(FilesError, match="not of the window w1"):
        tree.open()
    tree.point()
    tree.intent = replace(INTENT, id="w2")
    assert not tree.is_open()
    with pytest.raises(FilesError, match="not of the window w2"):
        tree.open()
    assert (tmp_path / "bars" / "day").read_text() == "old"


def test_the_intent_keeps_folders_and_processes(tmp_path: Path) -> None:
    intents = Intents(tmp_path)
    intents.write(INTENT)
    assert intents.read() == INTENT
    assert [each.datastore for each in INTENT.stores] == ["bars"]
