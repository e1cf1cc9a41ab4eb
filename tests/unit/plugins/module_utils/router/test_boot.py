"""What a boot does before the router starts."""

from __future__ import annotations

import json

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.router import boot, maps
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import NOWHERE, RouterError


def test_doors_of_an_interrupted_cutover_are_held_again(files) -> None:
    (files.directory / boot.INTENT).write_text(json.dumps({"groups": ["first"], "epoch": 7}))
    assert boot.hold_again(files.directory, 1000.0) == ["first/internal", "first/public"]
    assert files.read_map("hold") == {
        "first/public": "1600.000,all",
        "first/internal": "1600.000,all",
        "second/public": "0",
        "second/internal": "0",
    }
    assert boot.main(["--directory", str(files.directory)]) == 0


def test_without_one_nothing_is_held(files) -> None:
    before = files.path("hold").stat()
    assert boot.hold_again(files.directory, 1000.0) == [] and boot.main(["--directory", str(files.directory)]) == 0
    assert files.path("hold").stat() == before


@pytest.mark.parametrize("text", ["", "{", '{"groups": null}', "[]"])
def test_a_damaged_intent_holds_every_door_and_is_named(files, text, capsys) -> None:
    (files.directory / boot.INTENT).write_text(text)
    with pytest.raises(RouterError, match="intent.json, the intent of a cutover, cannot be read"):
        boot.hold_again(files.directory, 1000.0)
    assert set(files.read_map("hold").values()) == {"1600.000,all"}
    assert boot.main(["--directory", str(files.directory)]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_addresses_of_before_the_boot_are_forgotten_until_somebody_has_looked(files, monkeypatch) -> None:
    there = {"FRONT_WEB_CONTAINER": "172.20.0.4:8000"}
    assert files.write_containers(there)
    assert boot.main(["--directory", str(files.directory)]) == 0
    assert files.read_containers() == there, "of this boot"
    monkeypatch.setattr(maps, "boot_id", lambda: "another")
    assert boot.main(["--directory", str(files.directory)]) == 0
    assert files.read_containers() == {"FRONT_WEB_CONTAINER": NOWHERE}
    assert files.write_containers(there) and not files.write_containers(there)
    assert not boot.forget(files.directory)


def test_addresses_are_forgotten_also_where_the_intent_is_damaged(files, monkeypatch) -> None:
    files.write_containers({"FRONT_WEB_CONTAINER": "172.20.0.4:8000"})
    (files.directory / boot.INTENT).write_text("{")
    monkeypatch.setattr(maps, "boot_id", lambda: "another")
    assert boot.main(["--directory", str(files.directory)]) == 1
    assert files.read_containers() == {"FRONT_WEB_CONTAINER": NOWHERE}


def test_without_a_router_nothing_is_forgotten(tmp_path) -> None:
    assert not boot.forget(tmp_path)
