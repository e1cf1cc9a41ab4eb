from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults, journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal, JournalError, write_whole

INPUTS = {"source": "auth_db", "target": "auth"}


@pytest.fixture
def book(tmp_path) -> Journal:
    return Journal(tmp_path / "migration")


def test_an_unfinished_run_is_taken_up_again(book: Journal) -> None:
    assert book.run_id() is None
    run = book.run_id(start=True)
    assert run and len(run) == 15
    assert Journal(book.directory).run_id(start=True) == run
    book.close_run(run)
    assert book.run_id() is None
    assert book.run_id(start=True) not in (None, run)


def test_operations_have_their_own_runs(book: Journal) -> None:
    migrate = book.run_id(start=True)
    rollback = book.run_id(start=True, operation="rollback")
    assert rollback != migrate
    book.close_run(rollback, "done")
    assert book.run_id(operation="rollback") is None
    assert book.run_id() == migrate


def test_a_done_step_gives_its_evidence_for_the_same_inputs_only(book: Journal) -> None:
    with book.step("r", "copy:auth", INPUTS) as step:
        step.evidence = {"rows": 7}
    assert book.done("r", "copy:auth", INPUTS) == {"rows": 7}
    assert book.done("r", "copy:auth", {**INPUTS, "target": "other"}) is None
    assert book.done("r2", "copy:auth", INPUTS) is None


def test_a_step_begun_again_is_not_done(book: Journal) -> None:
    with book.step("r", "copy:auth", INPUTS):
        pass
    book.begin("r", "copy:auth", INPUTS)
    assert book.done("r", "copy:auth", INPUTS) is None


def test_an_unfinished_step_sees_what_it_had_reached(book: Journal) -> None:
    for number in (1, 2):
        with pytest.raises(RuntimeError), book.step("r", "copy:auth", INPUTS) as step:
            step.progress({"table": number})
            raise RuntimeError("away\nDETAIL: a row's content")
    with book.step("r", "copy:auth", INPUTS) as step:
        assert step.history == [{"table": 1}, {"table": 2}]
        assert step.resumed == {"table": 2}
    failed = [line for line in book.lines() if line["phase"] == "failed"]
    assert [line["error"] for line in failed] == ["away", "away"]


def test_other_inputs_or_a_new_beginning_forget_it(book: Journal) -> None:
    with pytest.raises(SystemExit), book.step("r", "copy:auth", INPUTS) as step:
        step.progress({"table": 1})
        raise SystemExit(1)
    assert book.history("r", "copy:auth", {**INPUTS, "jobs": 3}) == []
    with book.step("r", "copy:auth", INPUTS) as step:
        step.anew()
        assert step.resumed is None
    assert book.history("r", "copy:auth", INPUTS) == []


def test_large_evidence_gets_a_file(book: Journal) -> None:
    large = {"tables": {f"public.t{number}": "x" * 40 for number in range(200)}}
    with book.step("r", "verify:postgresql/auth", INPUTS) as step:
        step.evidence = large
    assert book.lines()[-1]["evidence"] == "evidence/r/verify:postgresql_auth.json"
    assert book.done("r", "verify:postgresql/auth", INPUTS) == large
    assert (book.directory / book.lines()[-1]["evidence"]).stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_is_left_out_and_hurts_no_other(book: Journal) -> None:
    with book.step("r", "a", {}):
        pass
    path = book.directory / journal.FILE
    path.write_text(path.read_text() + '{"at": "2025', encoding="utf-8")
    assert book.done("r", "a", {}) == {}
    with book.step("r", "b", {}):
        pass
    assert [(line["step"], line["phase"]) for line in book.lines()] == [
        (step, phase) for step in "ab" for phase in ("begin", "done")
    ]


def test_the_journal_is_closed_to_others(book: Journal) -> None:
    book.begin("r", "a", {})
    assert book.directory.stat().st_mode & 0o777 == 0o700
    assert (book.directory / journal.FILE).stat().st_mode & 0o777 == 0o600


def test_points_do_nothing_without_the_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(faults, "FILE", tmp_path / "faults")
    faults.point("begin:a")
    assert not faults.FILE.exists()


def test_a_point_kills_its_process_once(tmp_path, monkeypatch, book: Journal) -> None:
    killed: list[int] = []
    monkeypatch.setattr(faults, "FILE", tmp_path / "faults")
    monkeypatch.setattr(faults, "_signal", killed.append)
    monkeypatch.setattr(faults, "_lines", lambda: faults.FILE.read_text().splitlines())
    faults.FILE.write_text("kill end:*\n", encoding="utf-8")
    for __ in range(2):
        with book.step("r", "a", {}):
            pass
    assert killed == [faults.signal.SIGKILL]
    names = [line for line in faults.FILE.read_text().splitlines() if line.startswith("at ")]
    assert names == ["at begin:a", "at end:a", "at done:a"] * 2


def test_each_point_kills_its_process_once(tmp_path, monkeypatch, book: Journal) -> None:
    killed: list[int] = []
    monkeypatch.setattr(faults, "FILE", tmp_path / "faults")
    monkeypatch.setattr(faults, "_signal", killed.append)
    monkeypatch.setattr(faults, "_lines", lambda: faults.FILE.read_text().splitlines())
    faults.FILE.write_text("each *:a\n", encoding="utf-8")
    for name in ("a", "b", "a"):
        with book.step("r", name, {}):
            pass
    assert len(killed) == 3
    lines = [line for line in faults.FILE.read_text().splitlines() if line.startswith("killed ")]
    assert lines == ["killed begin:a", "killed end:a", "killed done:a"]


def test_shares_are_points_of_a_long_copy(monkeypatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(faults, "point", seen.append)
    shares = faults.Shares("copy:auth", 1000)
    for amount in (99, 100, 700, 899, 1000):
        shares.reached(amount)
    assert seen == ["copy:auth:10%", "copy:auth:50%", "copy:auth:90%"]


def test_a_file_is_written_whole(tmp_path) -> None:
    path = tmp_path / "deep" / "plan.json"
    journal.write_whole(path, json.dumps({"a": 1}), 0o644)
    assert json.loads(path.read_text()) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing more."""

    def no_space(*__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)


def test_a_full_disk_is_a_sentence_that_says_what_to_do(book: Journal, full: None) -> None:
    with pytest.raises(JournalError, match=r"journal.jsonl cannot be written \(No space left on device\).*run the same command"):
        book.begin("r", "copy", {})


def test_what_failed_is_said_although_the_journal_cannot_take_it(book: Journal, monkeypatch) -> None:
    with pytest.raises(ValueError, match="the first cause"), book.step("r", "copy", {}):
        monkeypatch.setattr(book, "_append", lambda *__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        raise ValueError("the first cause")


def test_a_file_that_could_not_be_written_is_named(tmp_path: Path, full: None) -> None:
    with pytest.raises(OSError, match=r"No space left on device: '.*/sides\.json'"):
        write_whole(tmp_path / "sides.json", "{}")
