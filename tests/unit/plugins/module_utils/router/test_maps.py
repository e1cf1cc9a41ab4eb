"""The router's files: entries that are there stay, what is written is whole, and what is no map is said."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.router import maps
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files, RouterError


def test_an_entry_changes_and_others_stay(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert not files.there
    assert files.write_map("side", {"first": "docker", "second": "docker"})
    assert files.write_map("side", {"second": "native"})
    assert not files.write_map("side", {"second": "native"})
    assert files.there and files.read_map("side") == {"first": "docker", "second": "native"}
    assert (tmp_path / "side.map").stat().st_mode & 0o777 == 0o640


def test_what_is_missing_is_made_and_nothing_else(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert set(files.missing({"first": "docker"})) == {"side", "hold", "share", "batch"}
    for name, values in maps.first_values({"first": "docker"}).items():
        files.write_map(name, values)
    files.write_map("side", {"first": "native"})
    assert files.missing({"first": "docker"}) == {}, "a side that is there is not touched, whatever it says"
    lacking = files.missing({"first": "docker", "second": "none"})
    assert lacking["side"] == {"second": "none"}
    assert lacking["hold"] == {"second/public": "0", "second/internal": "0"}


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "side.map").write_text("first docker\nsecond\n")
    with pytest.raises(RouterError, match=r"side\.map, line 2"):
        Files(tmp_path).read_map("side")
    (tmp_path / "containers").write_text("AUTH 1.2.3.4:80\n")
    with pytest.raises(RouterError, match="NAME=ADDRESS:PORT"):
        Files(tmp_path).read_containers()


def test_addresses_are_replaced_as_a_whole(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.write_containers({"A_CONTAINER": "172.18.0.2:80", "B_CONTAINER": maps.NOWHERE})
    assert files.write_containers({"A_CONTAINER": "172.18.0.3:80"})
    assert not files.write_containers({"A_CONTAINER": "172.18.0.3:80"})
    assert files.read_containers() == {"A_CONTAINER": "172.18.0.3:80"}


def test_addresses_change_and_others_stay_for_one_boot(tmp_path: Path, monkeypatch) -> None:
    files = Files(tmp_path)
    files.write_containers({"AUTH_WEB_CONTAINER": "172.18.0.4:8000", "ACCESS_REDIS_CONTAINER": "172.18.0.5:6379"})
    assert files.change_containers({"AUTH_WEB_CONTAINER": "172.18.0.6:8000"})
    assert files.read_containers()["ACCESS_REDIS_CONTAINER"] == "172.18.0.5:6379"
    assert not files.change_containers({"AUTH_WEB_CONTAINER": "172.18.0.6:8000"})
    monkeypatch.setattr(maps, "boot_id", lambda: "another")
    assert files.change_containers({"AUTH_WEB_CONTAINER": "172.18.0.6:8000"})
    assert files.read_containers()["ACCESS_REDIS_CONTAINER"] == maps.NOWHERE


def test_a_lease_says_until_when_and_for_what() -> None:
    assert maps.lease(12.5) == "12.500,writes"
    assert maps.lease(12.5, every_method=True) == "12.500,all"


def test_a_lock_that_another_has_is_said(tmp_path: Path) -> None:
    with maps.locked(tmp_path):
        pass
    other = os.open(tmp_path / maps.LOCK, os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(RouterError, match="is locked"), maps.locked(tmp_path, 0.1):
        pass
    os.close(other)
    with maps.locked(tmp_path, 0.1):
        pass
