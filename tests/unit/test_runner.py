"""The runner counts what pytest says in a part's log."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("runner", Path(__file__).resolve().parents[1] / "run.py")
runner = importlib.util.module_from_spec(SPEC)
sys.modules["runner"] = runner
SPEC.loader.exec_module(runner)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("39 passed in 25.70s\n", (39, 0)),
        ("==== 4 failed, 35 passed in 14.10s ====\n", (35, 4)),
        ("1 passed, 2 skipped, 1 warning in 0.1s\n3 passed in 62.30s (0:01:02)\n", (4, 0)),
        ("1 failed, 2 passed, 1 error in 3.0s\n", (2, 2)),
        ("2 errors in 0.50s\n", (0, 2)),
        ("ok: 12 passed the check\nnothing\n", (0, 0)),
    ],
)
def test_counts(log: str, expected: tuple[int, int]) -> None:
    assert runner.counts(log) == expected


def part(script: str) -> object:
    return runner.Part("probe", (sys.executable, "-c", script))


@pytest.fixture(autouse=True)
def logs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "LOGS", tmp_path)


def test_a_part_without_counts_counts_as_one() -> None:
    done = runner.run(part("pass"))
    assert (done.passed, done.failed) == (1, 0)


def test_a_failing_part_is_a_failure_whatever_it_counted() -> None:
    done = runner.run(part("print('5 passed in 0.1s'); raise SystemExit(2)"))
    assert (done.passed, done.failed) == (5, 1)


def test_a_part_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "PART_SECONDS", 0.2)
    assert runner.run(part("import time; time.sleep(30)")).failed == 1


def test_what_failed_is_shown_before_what_passing_tests_printed() -> None:
    log = ["=== FAILURES ===", "___ test_it ___", "E   assert 1 == 2", "=== PASSES ===", "a figure", "1 failed, 1 passed in 1.0s"]
    assert runner.failures(log) == log[:3]
    assert runner.failures(["=== PASSES ===", "a figure", "1 passed in 1.0s"]) == []
