from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import report
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal


@pytest.fixture
def book(tmp_path) -> Journal:
    """A run with a step that failed once, one that is done, and one under way."""
    book = Journal(tmp_path)
    at = "2026-01-02T03:04:{:02d}.000+00:00".format
    lines = [
        (0, "run", "begin", {"inputs": {"operation": "migrate", "group": "all"}}),
        (0, "plan", "begin", {}), (1, "plan", "done", {"evidence": {"seconds": {"freeze": 30}}}),
        (1, "stop", "begin", {}), (4, "stop", "done", {"evidence": {"stopped": 15}}),
        (4, "copy", "begin", {}), (6, "copy", "failed", {"error": "away <b>"}),
        (20, "copy", "begin", {}), (25, "copy", "done", {"evidence": {"rows": 7000, "bytes": 1_000_000, "equal": True}}),
        (26, "start", "begin", {}), (40, "start", "done", {}),
        (41, "tidy", "begin", {}),
    ]  # fmt: skip
    for second, step, phase, more in lines:
        book.append({"at": at(second), "run": "r", "step": step, "phase": phase, "inputs_digest": "", **more})
    return book


def test_the_report_has_times_attempts_and_proofs(book: Journal) -> None:
    made = report.build(book, "r", {"next": ["Look."], "urls": []})
    assert made["outcome"] == "unfinished"
    assert made["freeze"] == 39.0
    assert made["predicted"] == {"freeze": 30}
    by_name = {step["name"]: step for step in made["steps"]}
    assert (by_name["copy"]["seconds"], by_name["copy"]["attempts"]) == (7.0, 2)
    text = "\n".join(report.lines(made))
    assert "equal yes, 7 000 rows, 1 MB" in text
    assert "2 attempts" in text
    assert "users waited 39 s" in text


def test_a_freeze_that_is_not_over_has_no_length(tmp_path) -> None:
    book = Journal(tmp_path)
    run = book.run_id(start=True)
    book.begin(run, "stop", {})
    assert report.build(book, run, {})["freeze"] is None


def test_the_page_shows_all_and_escapes_it(book: Journal) -> None:
    urls = [{"service": "auth", "url": "http://h:38000/"}]
    made = report.build(book, "r", {"urls": urls, "sides": {"datastores": {"auth": "native"}}, "next": ["Look."]})
    text = report.render(made)
    for wanted in ("http://h:38000/", "<code>auth</code>", "native", "Look.", "attempts", "prefers-color-scheme"):
        assert wanted in text
    assert "<b>" not in text.replace("<body>", "")
