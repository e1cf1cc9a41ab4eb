from __future__ import annotations

import html.parser
import json
import sys
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import (
    estimate,
    looks,
    page,
    plan,
    plan_page,
    speed,
    words,
)

sys.path.insert(0, str(Path(__file__).parent))

from plan_cases import SPEEDS, given  # noqa: E402

NOTE = {"severity": "note", "code": "layer", "object": "data-service", "text": "Two files.", "remedy": ""}
DECISION = {"severity": "decision", "code": "musl", "object": "auth", "text": "Text sorts anew.", "remedy": "Look."}
BLOCKING = {"severity": "blocking", "code": "newer", "object": "auth", "text": "It is newer.", "remedy": "Install 17."}


def test_the_plan_says_what_moves_how_and_with_which_group() -> None:
    made = plan.build(given())
    auth, redis, bars = made["items"]
    assert (auth["method"], auth["way"], auth["bytes"], auth["count"], auth["unit"]) == (
        "freeze-copy", "stream", 1_058_000_000, 7_000_000, "rows",
    )  # fmt: skip
    assert (redis["group"], redis["shared_by"], redis["count"]) == ("critical", ["supporting", "critical"], 500_000)
    assert bars["kind"] == "directory"
    text = "\n".join(plan.lines(made))
    assert "redis: used by supporting, critical; moves with critical" in text
    assert "1.06 GB" in text
    assert "7 000 000 rows" in text


def test_what_is_open_stops_and_names_its_answer() -> None:
    made = plan.build(given(findings=[NOTE, DECISION, BLOCKING, DECISION]))
    assert [each["severity"] for each in made["findings"]] == ["blocking", "decision", "note"]
    refusal = plan.refusal(made)
    assert "It is newer. Install 17." in refusal
    assert "cryptobot_compose: {accept: ['musl:auth']}" in refusal


@pytest.mark.parametrize("accept", ["musl", "musl:auth"])
def test_an_accepted_decision_does_not_stop(accept: str) -> None:
    made = plan.build(given(findings=[DECISION], accept=[accept]))
    assert plan.refusal(made) == ""
    assert made["findings"][0]["severity"] == "accepted"


def test_an_accepted_word_opens_nothing_that_blocks() -> None:
    assert plan.refusal(plan.build(given(findings=[BLOCKING], accept=["newer"]))) != ""


def test_a_full_disk_is_refused_with_figures() -> None:
    disk = {"/var/lib": {"needed": 3_000_000_000, "free": 1_000_000_000, "for": ["the backup"]}}
    refusal = plan.refusal(plan.build(given(disk=disk)))
    assert "1 GB free" in refusal
    assert "3 GB" in refusal


def test_a_datastore_without_a_place_is_no_silence() -> None:
    stores = {**given()["stores"], "unmoved": [{"datastore": "x", "why": "names no place"}]}
    assert "x does not move" in plan.refusal(plan.build(given(stores=stores)))


def test_time_grows_with_size_and_falls_with_speed() -> None:
    item = plan.build(given())["items"][0]
    double = {**item, "shape": {key: 2 * value for key, value in item["shape"].items()}}
    slow = {**SPEEDS, "cpu": 0.5, "database": 50e6}
    first, second, third = (estimate.seconds(*each) for each in ((item, SPEEDS), (double, SPEEDS), (item, slow)))
    for part in ("backup", "copy", "verify"):
        assert 1.7 < second[part] / first[part] <= 2.0
        assert 1.9 < third[part] / first[part] <= 2.1


def test_what_a_look_has_reckoned_is_taken() -> None:
    item = {**plan.build(given())["items"][0], "estimate": {"rows": 6.0, "total": 14.0}}
    assert estimate.seconds(item, SPEEDS)["copy"] == 14.0


def test_how_long_users_wait_is_the_sum_of_its_parts() -> None:
    seconds = plan.build(given())["seconds"]
    parts = sum(seconds[name] for name in ("stop", "copy", "verify", "switch", "start"))
    assert seconds["freeze"] == pytest.approx(parts, abs=0.3)
    assert seconds["total"] > seconds["freeze"] + seconds["backup"]


def test_a_start_takes_as_long_as_programs_and_calls_do_here() -> None:
    def start(waves: list[int], **speeds: float) -> float:
        return estimate.phases([], {"waves": waves}, {**SPEEDS, **speeds})["start"]

    calls = start([])
    assert start([], call=1.4) == pytest.approx(2 * calls)
    programs = start([4, 4]) - calls - 2 * estimate.WAVE
    assert start([4, 4], program=0.45) - calls - 2 * estimate.WAVE == pytest.approx(3 * programs, abs=0.2)
    assert start([4, 4], cores=4.0) - calls - 2 * estimate.WAVE == pytest.approx(programs / 2, abs=0.2)
    assert estimate.phases([], {"waves": [], "schemas": 4}, SPEEDS)["start"] - calls == pytest.approx(programs, abs=0.2)
    # One process uses one core, however many there are; each wave waits for the one before.
    assert start([1], cores=8.0) == start([1], cores=1.0)
    assert start([1, 1, 1, 1]) > start([4])


def test_what_a_call_takes_is_told_by_the_hosts_clock() -> None:
    assert speed.call([10.0, 10.5, 13.0, 13.6]) == pytest.approx(0.6)
    assert speed.call([10.0]) == 0.0
    assert estimate.phases([], {}, {"cpu": 1.0})["start"] == estimate.phases([], {}, {"cpu": 1.0, "call": estimate.CALL})["start"]


@pytest.mark.parametrize("code", ["target-not-empty", "redis-target-open"])
def test_what_is_known_to_be_old_is_no_finding(code: str) -> None:
    there = {"severity": "blocking", "code": code, "object": "auth", "text": "It is there.", "remedy": ""}
    assert plan.refusal(plan.build(given(findings=[there])))
    assert plan.build(given(findings=[there], superseded=True))["findings"] == []


def test_the_page_stands_alone_and_is_well_formed() -> None:
    text = plan_page.render(plan.build(given(findings=[NOTE, DECISION, BLOCKING])), "2026-01-02T03:04:05+00:00")
    html.parser.HTMLParser().feed(text)
    assert "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text
    assert "musl:auth" in text


def test_what_is_shown_is_escaped() -> None:
    assert page.table(["a"], [["<b>"]]).count("&lt;b&gt;") == 1


def test_needs_are_added_up_by_file_system() -> None:
    made = given()
    places = {"postgresql": "/var/lib/postgresql", "redis": "/var/lib/redis", "migration": "/var/lib/m"}
    needed = looks.needs(made["looks"], made["stores"], places)
    assert set(needed) == {"/var/lib/postgresql", "/var/lib/redis", "/var/lib/m", "/srv/bars"}
    devices = {path: (1 if path.startswith("/var") else 2, 5_000_000_000) for path in needed}
    merged = looks.merged(needed, devices)
    assert len(merged) == 2
    assert max(each["needed"] for each in merged.values()) > 2_300_000_000


def test_the_host_is_measured_and_left_as_it_was(tmp_path) -> None:
    before = tmp_path.stat().st_mtime_ns
    found = speed.measured([], str(tmp_path / "not" / "yet"), 2)
    assert min(found.values()) > 0
    assert tmp_path.stat().st_mtime_ns == before
    json.dumps(found)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_058_000_000, "1.06 GB"), (999_600, "1 MB")]
)
def test_sizes(number: int, text: str) -> None:
    assert words.size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (61, "1 min 1 s"), (120, "2 min"), (3900, "1 h 05 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def in_a_window(*reasons: str) -> dict:
    case = given(window=True)
    case["looks"]["auth"]["unfollowed"] = list(reasons)
    return plan.build(case)


def test_a_window_waits_for_no_copy() -> None:
    made = in_a_window()
    assert {item["datastore"]: item["method"] for item in made["items"]} == {"auth": "follow", "redis": "follow", "bars": "refresh"}
    assert made["seconds"]["freeze"] == 0
    assert made["seconds"]["total"] < plan.build(given())["seconds"]["total"]
    text = "\n".join(plan.lines(made))
    assert "the copies follow" in text
    assert "freeze-copy" not in text and "Users wait" not in text
    assert "users wait" not in plan_page.render(made, "now")
    assert "what works on files stops on the one side" in text
    plain = given(window=True)
    plain["stores"] = {**plain["stores"], "directory": []}
    assert "does not depend on the size of the data" in "\n".join(plan.lines(plan.build(plain)))


def test_what_cannot_be_followed_stops_a_window_before_it_begins() -> None:
    refusal = plan.refusal(in_a_window("wal_level is replica: it would need a restart"))
    assert "The database of auth cannot be followed: wal_level is replica" in refusal
    assert "command: [postgres, -c, wal_level=logical, " in refusal
    assert plan.refusal(in_a_window("unlogged tables are not followed: public.scratch")) == ""
    assert "public.scratch" in "\n".join(plan.lines(in_a_window("unlogged tables are not followed: public.scratch")))
    case = given()
    case["looks"]["auth"]["unfollowed"] = ["wal_level is replica"]
    assert plan.refusal(plan.build(case)) == "", "a migration follows nothing"
