"""The intent is on disk as it was meant, whole or not at all, and belongs to one window."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover.errors import CutoverError, Decided
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Database, Intent, Intents, myself
from ansible_collections.cryptobot.native.plugins.module_utils.router.boot import interrupted

DATABASE = Database("auth", {"container": {"project": "p", "service": "s"}}, "auth_db", {"local": {}}, "auth", {"port": 5}, 6)
INTENT = Intent(
    "w1", "docker", "native", 7, ("supporting",), (DATABASE,), ({"name": "auth_web"},), ("critical", "supporting"), sides="/s"
)


@pytest.fixture
def intents(tmp_path: Path) -> Intents:
    return Intents(tmp_path)


def test_what_is_written_is_read(intents: Intents) -> None:
    assert intents.read() is None
    intents.write(INTENT.of(myself()))
    there = intents.read()
    assert there == replace(INTENT, controller=myself(), began=there.began) and there.began
    assert intents.path.stat().st_mode & 0o777 == 0o600


def test_a_boot_holds_all_groups_that_were_held(intents: Intents) -> None:
    intents.write(INTENT)
    assert interrupted(intents.directory) == ["critical", "supporting"]


def test_it_is_one_window_s_until_it_is_decided(intents: Intents) -> None:
    with pytest.raises(Decided):
        intents.own(INTENT)
    intents.write(INTENT)
    intents.own(INTENT)
    for other in (replace(INTENT, id="w2"), replace(INTENT, decided=True)):
        intents.write(other)
        with pytest.raises(Decided, match="w1 is not this process's any more"):
            intents.own(INTENT)


def test_removed_twice(intents: Intents) -> None:
    intents.write(INTENT)
    intents.remove()
    intents.remove()
    assert intents.read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', json.dumps({"version": 1, "groups": []})])
def test_a_damaged_one_is_no_intent_and_not_none(intents: Intents, text: str) -> None:
    intents.path.write_text(text)
    with pytest.raises(CutoverError, match=r"intent.json, the intent of a cutover, cannot be read.*: rm .*intent.json; ansible cryptobot_docker"):
        intents.read()


def test_how_it_ended_is_of_one_window(intents: Intents) -> None:
    assert intents.outcome("w1") is None
    intents.ended(INTENT, "abort", {"by": "recovery"})
    assert intents.outcome("w1")["how"] == "abort" and intents.outcome("w2") is None
