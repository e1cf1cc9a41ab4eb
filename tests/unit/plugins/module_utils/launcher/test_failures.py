"""The book of failures: how long a start is put off, and when a row of failures ends."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher import failures
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.failures import Book, End, Failures, counted, delay, parse_end


def asked() -> bool:
    return True


def by_itself() -> bool:
    return False


def test_delays_grow_and_are_bounded() -> None:
    assert [delay(Failures(count), 60) for count in range(10)] == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_delays_grow_where_a_start_takes_longer_than_they_are() -> None:
    assert delay(Failures(2, 0.0, paused=3.0), 60) == 1, "the first one has nothing to grow from"
    assert delay(Failures(3, 0.0, paused=2.5), 60) == 4.75
    assert delay(Failures(4, 0.0, paused=2.1), 60) == 4, "as it is where nothing else is slow"
    assert delay(Failures(8, 0.0, paused=40.0), 60) == 60


@pytest.mark.parametrize(("ready_since", "expected"), [(None, 4), (95.0, 4), (40.0, 1)])
def test_a_row_ends_after_long_health(ready_since: float | None, expected: int) -> None:
    assert counted(Failures(3, 50.0), End(100.0, "signal", "KILL"), ready_since, 60, asked) == Failures(expected, 100.0)


@pytest.mark.parametrize(
    ("result", "status", "who", "count"),
    [
        ("success", "TERM", asked, 0),
        ("success", "0", by_itself, 3),
        ("signal", "KILL", asked, 3),
        ("exit-code", "1", by_itself, 3),
        ("timeout", "TERM", by_itself, 3),
        ("exit-code", "78", by_itself, 0),
    ],
)
def test_what_is_a_failure(result: str, status: str, who, count: int) -> None:
    assert counted(Failures(2, 1.0), End(5.0, result, status), None, 60, who).count == count


def test_a_start_that_was_passed_over_is_no_failure() -> None:
    before = Failures(3, 50.0, 4.0)
    assert counted(before, End(100.0, "exec-condition", ""), None, 600, by_itself) == Failures(3, 100.0, 4.0)


def test_an_end_as_the_unit_writes_it() -> None:
    assert parse_end("12.34 11500000 signal KILL\n") == End(11.5, "signal", "KILL")
    assert parse_end("12.34 0 signal KILL\n") == End(12.34, "signal", "KILL")
    assert parse_end("13.00 99000000 start-limit-hit \n") == End(13.0, "start-limit-hit", "")
    assert parse_end("") is None


def test_the_book_is_kept_over_starts(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "now", lambda: 10.0)
    ended, runtime = tmp_path / "ended", tmp_path / "run"
    runtime.mkdir()
    book = Book(str(runtime), str(ended))
    assert book.open(600, asked) == Failures()
    ended.write_text("11.0 0 signal KILL\n")
    assert book.open(600, asked) == Failures(1, 11.0)
    assert book.open(600, asked) == Failures(1, 11.0), "an end is entered once"
    book.mark_ready()
    book.mark_paused(Failures(1, 9.5))
    assert book.open(600, asked).paused == 0.5
    book.mark_paused(Failures(1, 10.0))
    book.mark_ready()
    ended.write_text("20.0 0 signal KILL\n")
    assert Book(str(runtime), str(ended)).open(600, asked) == Failures(2, 20.0)
    book.mark_ready()
    ended.write_text("700.0 0 signal KILL\n")
    assert book.open(600, asked) == Failures(1, 700.0), "healthy for longer than that"
    ended.write_text("710.0 0 success TERM\n")
    assert book.open(600, asked) == Failures(0, 710.0)
    book.clear()
    assert list(runtime.iterdir()) == []


def test_a_start_that_never_was_healthy_ends_no_row(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "now", lambda: 0.0)
    book = Book(str(tmp_path), str(tmp_path / "ended"))
    book.mark_ready()
    for number, at in enumerate((1.0, 9000.0), start=1):
        (tmp_path / "ended").write_text(f"{at} 0 exit-code 1\n")
        assert book.open(600, asked).count == number


def test_a_broken_book_counts_as_empty(tmp_path) -> None:
    (tmp_path / "failures.json").write_text("{")
    assert Book(str(tmp_path), str(tmp_path / "ended")).open(600, asked) == Failures()
