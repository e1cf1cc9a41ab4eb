"""What check mode foresees, gathered and worded."""

from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.changes import AT_BOOT, Change, as_plan
from ansible_collections.cryptobot.native.plugins.module_utils.prediction import Prediction


def test_a_plan_names_each_thing_and_what_happens_to_it() -> None:
    changes = [
        Change("file", "/a", None, "new"),
        Change("file", "/b", "old", "new"),
        Change("file", "/c", "old", None),
        Change("unit", f"x.service{AT_BOOT}", "off", "on", action="enable"),
        Change("package", "p", None, "later", unknown="its version"),
    ]
    assert as_plan(changes) == [
        {"kind": "file", "target": "/a", "action": "add"},
        {"kind": "file", "target": "/b", "action": "change"},
        {"kind": "file", "target": "/c", "action": "remove"},
        {"kind": "unit", "target": "x.service", "action": "enable"},
        {"kind": "package", "target": "p", "action": "add", "unknown": "its version"},
    ]


def test_each_thing_is_foreseen_once_on_each_host() -> None:
    prediction = Prediction()
    directory = {"kind": "directory", "target": "/a", "action": "add"}
    prediction.add("one", "Make", {"changed": True, "plan": [directory]})
    prediction.add("one", "Make again", {"changed": True, "plan": [directory, {**directory, "target": "/b"}]})
    prediction.add("two", "Look", {"changed": False})
    assert prediction.lines(whole=True) == [
        "one would change: 2 directories",
        "  add directory /a",
        "  add directory /b",
        "two would change: nothing",
    ]


def test_what_does_not_say_what_it_changes_is_named_all_the_same() -> None:
    prediction = Prediction()
    unsaid = {"kind": "package", "target": "p", "action": "add", "unknown": "its version"}
    prediction.add("one", "Loop", {"results": [{"changed": True}, {"changed": False}, {"plan": [unsaid]}]})
    assert prediction.lines(whole=True) == [
        "one would change: 1 task, 1 package",
        "  run task Loop (not known yet: it does not say what it changes)",
        "  add package p (not known yet: its version)",
    ]
    assert prediction.lines(whole=False) == ["one would change: 1 task, 1 package"]


def test_one_thing_and_more_have_words_of_their_own() -> None:
    prediction = Prediction()
    things = [("postgresql", "role a"), ("redis", "user a"), ("redis", "user b"), ("unit", "a.service")]
    prediction.add("one", "Make", {"plan": [{"kind": kind, "target": name, "action": "add"} for kind, name in things]})
    assert prediction.lines(whole=False) == ["one would change: 1 object of PostgreSQL, 2 users of Redis, 1 unit"]
