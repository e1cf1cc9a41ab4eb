"""Which release is live, which may go, and that a switch has no moment in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.layout import (
    Installed,
    ServiceReleases,
    last_proven,
    superfluous,
)


def make(releases: ServiceReleases, release: str) -> None:
    releases.begin(release)
    releases.finish(release, {"id": release})


@pytest.mark.parametrize(
    ("live", "keep", "gone"),
    [
        ("e", 3, ["a", "b"]),
        ("e", 1, ["a", "b", "c", "d"]),
        ("a", 3, ["b"]),  # after a roll back: the live one is the oldest
        (None, 2, ["a", "b", "c"]),
        ("e", 9, []),
    ],
)
def test_old_releases_go(live: str | None, keep: int, gone: list[str]) -> None:
    assert superfluous([Installed(name, at) for at, name in enumerate("abcde")], [live, None], keep) == gone


def test_the_last_good_one_never_goes() -> None:
    installed = [
        Installed("good", 1, proven=10),
        Installed("older", 0, proven=5),
        Installed("bad", 2),
        Installed("worse", 3),
        Installed("live", 4, proven=20),
    ]
    assert superfluous(installed, ["live", None], 1) == ["bad", "older", "worse"]
    assert last_proven(installed, "live") == "good"
    assert last_proven(installed, "worse") == "live"
    assert last_proven([Installed("a", 0)], None) is None


def test_what_is_next_never_goes() -> None:
    assert superfluous([Installed(name, at) for at, name in enumerate("abc")], ["c", "a"], 1) == ["b"]


def test_switching(tmp_path: Path) -> None:
    releases = ServiceReleases("quotes", tmp_path)
    make(releases, "one")
    releases.prepare("one")
    assert (releases.link("current"), releases.link("next")) == (None, "one")
    releases.switch("one")
    assert (releases.link("current"), releases.link("next")) == ("one", None)
    make(releases, "two")
    releases.prepare("two")
    releases.prepare("one")  # the source went back before the switch
    assert (releases.link("current"), releases.link("next")) == ("one", None)
    releases.switch("two")
    assert os.readlink(tmp_path / "quotes/current") == "releases/two"


def test_an_interrupted_release_is_neither_installed_nor_live(tmp_path: Path) -> None:
    releases = ServiceReleases("quotes", tmp_path)
    (releases.begin("one") / "half").touch()
    assert (releases.note("one"), releases.installed()) == (None, [])
    with pytest.raises(ReleaseError, match="not installed"):
        releases.switch("one")
    assert not list(releases.begin("one").iterdir())


def test_removing_begins_with_the_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases = ServiceReleases("quotes", tmp_path)
    make(releases, "one")

    def killed(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        releases.remove("one")
    assert releases.path("one").exists() and releases.installed() == []


def test_a_proof_is_of_the_live_one(tmp_path: Path) -> None:
    releases = ServiceReleases("quotes", tmp_path)
    releases.prove()
    make(releases, "one")
    releases.switch("one")
    releases.prove()
    assert [release.proven is not None for release in releases.installed()] == [True]
