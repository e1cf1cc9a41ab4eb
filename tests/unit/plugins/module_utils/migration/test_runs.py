from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import runs
from ansible_collections.cryptobot.native.plugins.module_utils.migration.calls import Calls
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import LockHeld, Owner

MINE = {"host": "here", "boot": "b1", "pid": 10, "started": "100", "user": "anna"}
OTHER = {**MINE, "pid": 20}


@pytest.fixture
def book(tmp_path) -> Journal:
    return Journal(tmp_path)


def call(book: Journal, state: str, *, check: bool = False, controller=MINE, **options):
    given = {
        "state": state, "operation": "migrate", "inputs": {}, "run": None, "step": None, "evidence": {}, "outcome": "done",
        "error": "", "takeover": False, "directory": str(book.directory), "controller": controller, "dead": "",
        "given": {}, "changed": False, **options,
    }  # fmt: skip
    return Calls(given, check).do()


def test_a_run_goes_on(book: Journal) -> None:
    first = call(book, "open")
    assert (first["changed"], first["resumed"]) == (True, False)
    second = call(book, "open")
    assert (second["run"], second["changed"], second["resumed"]) == (first["run"], False, True)


def test_another_play_is_refused_until_the_run_is_closed_or_the_host_free(book: Journal) -> None:
    run = call(book, "open")["run"]
    with pytest.raises(LockHeld):
        call(book, "open", controller=OTHER)
    call(book, "free", run=run)
    assert call(book, "open", controller=OTHER)["run"] == run
    with pytest.raises(LockHeld):
        call(book, "begun", run=run, step="stop")
    call(book, "closed", run=run, controller=OTHER)
    assert Owner(book.directory).read() == {}
    assert call(book, "open")["run"] != run


def test_who_has_lost_the_host_records_no_failure(book: Journal) -> None:
    run = call(book, "open")["run"]
    call(book, "open", controller=OTHER, takeover=True)
    call(book, "failed", run=run, step="copy", error="ended by the other")
    assert book.lines()[-1]["phase"] == "begin"
    call(book, "failed", run=run, step="copy", error="full", controller=OTHER)
    assert book.lines()[-1]["phase"] == "failed"


def test_a_play_whose_run_another_has_ended_stops(book: Journal) -> None:
    run = call(book, "open")["run"]
    back = call(book, "open", operation="rollback", controller=OTHER, takeover=True)["run"]
    call(book, "closed", run=back, controller=OTHER)
    for state in ("begun", "done"):
        with pytest.raises(runs.RunRefused, match="abandoned for a rollback"):
            call(book, state, run=run, step="open")


def test_a_finished_step_is_not_begun_again(book: Journal) -> None:
    run = call(book, "open")["run"]
    assert not call(book, "begun", run=run, step="stop", inputs={"a": 1})["finished"]
    call(book, "done", run=run, step="stop", inputs={"a": 1}, evidence={"stopped": 3})
    again = call(book, "begun", run=run, step="stop", inputs={"a": 1})
    assert again["finished"]
    assert again["evidence"] == {"stopped": 3}
    assert not call(book, "begun", run=run, step="stop", inputs={"a": 2})["finished"]


def test_check_mode_writes_nothing(tmp_path) -> None:
    book = Journal(tmp_path / "none")
    assert call(book, "open", check=True)["run"] == "check"
    call(book, "begun", check=True, run="check", step="a")
    call(book, "done", check=True, run="check", step="a")
    call(book, "closed", check=True, run="check")
    assert not book.directory.exists()


def test_a_rollback_takes_the_place_of_a_migration_and_bars_the_next(book: Journal) -> None:
    migration = call(book, "open")["run"]
    rollback = call(book, "open", operation="rollback")["run"]
    assert [(run.id, run.outcome) for run in runs.runs(book)] == [
        (migration, "abandoned for a rollback"),
        (rollback, ""),
    ]
    with pytest.raises(runs.RunRefused, match=rf"rollback {rollback} is not finished"):
        call(book, "open")
    call(book, "closed", run=rollback, operation="rollback")
    assert call(book, "open")["run"] not in (migration, rollback)


def test_an_unfinished_run_keeps_its_inputs(book: Journal) -> None:
    call(book, "open", inputs={"group": "all"})
    with pytest.raises(runs.RunRefused, match="group=all"):
        call(book, "open", inputs={"group": "supporting"})


def test_a_refused_run_leaves_the_host_free(book: Journal) -> None:
    call(book, "open", operation="rollback", inputs={})
    Owner(book.directory).release(MINE)
    with pytest.raises(runs.RunRefused):
        call(book, "open")
    assert Owner(book.directory).read() == {}


def test_the_timeline_counts_attempts_and_not_the_time_between(book: Journal) -> None:
    at = "2026-01-02T03:04:{:02d}.000+00:00".format
    phases = [(0, "begin"), (5, "failed"), (20, "begin"), (23, "done")]
    for second, phase in phases:
        book.append({"at": at(second), "run": "r", "step": "copy", "phase": phase, "inputs": {}, "inputs_digest": ""})
    (step,) = runs.timeline(book.lines(), book, "r")
    assert (step.attempts, step.seconds, step.phase) == (2, 8.0, "done")
    assert runs.seconds_between(at(9), at(3)) == 0.0


def test_a_run_begun_anew_has_no_finished_steps(book: Journal) -> None:
    run = call(book, "open", inputs={"group": "all"})["run"]
    call(book, "begun", run=run, step="stop")
    call(book, "done", run=run, step="stop")
    assert call(book, "open", inputs={"group": "all"})["finished"] == ["stop"]
    fresh = call(book, "anew", run=run)
    assert fresh["run"] != run
    assert fresh["finished"] == []
    again = call(book, "open", inputs={"group": "all"})
    assert (again["run"], again["finished"]) == (fresh["run"], [])


def test_it_is_known_where_the_data_is(book: Journal) -> None:
    first = call(book, "open")
    assert (first["opened"], first["superseded"]) == ("", False)
    for step in ("activate", "open"):
        call(book, "begun", run=first["run"], step=step)
    again = call(book, "open")
    assert (again["opened"], again["superseded"]) == (first["run"], False)
    call(book, "closed", run=first["run"])
    rollback = call(book, "open", operation="rollback")
    assert rollback["opened"] == first["run"]
    call(book, "closed", run=rollback["run"], operation="rollback")
    second = call(book, "open")
    assert (second["opened"], second["superseded"]) == ("", True)


def test_an_abandoned_migration_leaves_what_is_old(book: Journal) -> None:
    first = call(book, "open")["run"]
    call(book, "begun", run=first, step="activate")
    rollback = call(book, "open", operation="rollback")
    assert rollback["opened"] == ""
    call(book, "closed", run=rollback["run"], operation="rollback")
    assert call(book, "open")["superseded"]


def test_a_rollback_leaves_no_other_group_half_way(book: Journal) -> None:
    move = call(book, "open", inputs={"group": "core"})["run"]
    for inputs in ({"group": "all"}, {"group": "supporting"}):
        with pytest.raises(runs.RunRefused, match=f"The run {move} of migrate is not finished") as refused:
            call(book, "open", operation="rollback", inputs=inputs)
        assert "ansible-playbook cryptobot.native.migrate -e migration_group=core" in str(refused.value)
        assert "ansible-playbook cryptobot.native.rollback -e migration_group=core" in str(refused.value)
    call(book, "open", operation="rollback", inputs={"group": "core"})
    assert [run.outcome for run in runs.runs(book)] == ["abandoned for a rollback", ""]


@pytest.mark.parametrize("operation", ["migrate", "cut_over", "rollback"])
def test_what_a_restore_has_half_done_is_not_moved(book: Journal, operation: str) -> None:
    call(book, "open", operation="restore", inputs={"backup": "b1"})
    with pytest.raises(runs.RunRefused, match="ansible-playbook cryptobot.native.restore -e backup=b1; then"):
        call(book, "open", operation=operation, inputs={"group": "all"})


def moved(book: Journal, group: str) -> str:
    inputs = {"group": group}
    run = call(book, "open", inputs=inputs)["run"]
    for step in ("activate", "open"):
        call(book, "begun", run=run, step=step)
    call(book, "closed", run=run)
    return str(run)


def back(book: Journal, group: str) -> None:
    call(book, "closed", run=call(book, "open", operation="rollback", inputs={"group": group})["run"])


def by_window(book: Journal, operation: str, group: str) -> None:
    run = call(book, "open", operation=operation, inputs={"group": group})["run"]
    for phase in ("begun", "done"):
        call(book, phase, operation=operation, run=run, step="window")
    call(book, "closed", operation=operation, run=run)


def test_what_came_back_by_a_window_is_old_natively(book: Journal) -> None:
    by_window(book, "cut_over", "core")
    assert not runs.superseded(book, "", "core")
    by_window(book, "rollback", "core")
    assert runs.superseded(book, "", "core") and not runs.superseded(book, "", "supporting")
    by_window(book, "cut_over", "supporting")
    assert runs.superseded(book, "", "core") and not runs.superseded(book, "", "all")


def test_whose_data_is_native_is_known_by_group(book: Journal) -> None:
    first, second = moved(book, "core"), moved(book, "supporting")
    assert [runs.opened(book, group) for group in ("core", "supporting", "all")] == [first, second, second]
    back(book, "supporting")
    assert [runs.opened(book, group) for group in ("core", "supporting", "all")] == [first, "", first]
    assert not runs.superseded(book, "", "core")
    assert runs.superseded(book, "", "supporting")
    back(book, "core")
    assert runs.opened(book) == ""
    whole = moved(book, "all")
    assert runs.opened(book, "core") == whole
    back(book, "core")
    assert [runs.opened(book, group) for group in ("core", "supporting", "all")] == ["", whole, whole]


def test_what_was_copied_or_follows_can_be_compared(book: Journal) -> None:
    assert call(book, "read")["copied"] == []
    run = call(book, "open", operation="cut_over", inputs={"group": "core"})["run"]
    call(book, "begun", run=run, step="follow")
    assert call(book, "read")["copied"] == []
    call(book, "done", run=run, step="follow")
    assert call(book, "read")["copied"] == ["core"]
    call(book, "closed", run=run)
    back = call(book, "open", operation="rollback", inputs={"group": "core"})["run"]
    call(book, "done", run=back, step="again")
    assert call(book, "read")["copied"] == call(book, "read")["following"] == ["core"]
    call(book, "done", run=back, step="unfollow")
    assert call(book, "read")["copied"] == call(book, "read")["following"] == [], "its copies are gone"


BEGUN = {"the vault": "a", "the datastore auth": "b"}
OTHER_VAULT = {**BEGUN, "the vault": "c"}


def test_before_data_move_everything_may_be_mended(book: Journal) -> None:
    run = call(book, "open", given=BEGUN)["run"]
    assert call(book, "open", given=OTHER_VAULT)["run"] == run
    call(book, "begun", run=run, step="close")
    assert call(book, "open", given=OTHER_VAULT)["resumed"]


def test_afterwards_another_vault_is_refused_and_named(book: Journal) -> None:
    run = call(book, "open", given=BEGUN)["run"]
    call(book, "begun", run=run, step="close")
    with pytest.raises(runs.RunRefused, match="than it was begun with: the vault. Go on") as refused:
        call(book, "open", given=OTHER_VAULT)
    assert "ansible-playbook cryptobot.native.migrate -e migration_changed=true" in str(refused.value)
    assert call(book, "open", given=BEGUN)["run"] == run
    assert call(book, "open", given=OTHER_VAULT, changed=True)["run"] == run
    fresh = call(book, "anew", run=run, given=OTHER_VAULT)["run"]
    call(book, "begun", run=fresh, step="close")
    with pytest.raises(runs.RunRefused):
        call(book, "open", given=BEGUN)
    assert call(book, "open", operation="rollback")["opened"] == "", "the way back needs no vault"
