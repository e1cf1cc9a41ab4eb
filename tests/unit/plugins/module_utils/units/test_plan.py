"""The plan of units: from what is there to what is wanted, and nothing where both are the same."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.units.plan import (
    Found,
    Wanted,
    after,
    changed_for,
    changes,
    directories,
    plan,
)

CONFIG = "/etc/cryptobot/auth.json"
RUNNING = Found("active", enabled=True, known=True)
STALE = Found("active", enabled=True, known=True, stale=(CONFIG,))
STANDBY = Found("inactive", enabled=False, known=True)


def unit(name: str = "auth", number: int = 1, **more) -> Wanted:
    return Wanted(f"cryptobot-{name}-web@{number}.service", f"{name}-web", instance=number, files=(CONFIG,), **more)


def actions(planned) -> list[tuple[str, str]]:
    return [(step.action, step.unit.name.removeprefix("cryptobot-").removesuffix(".service")) for step in planned.steps]


def test_what_is_right_is_left_alone() -> None:
    wanted = [unit(), unit(number=2, slot="b")]
    planned = plan(wanted, {wanted[0].name: RUNNING, wanted[1].name: STANDBY})
    assert not planned.changed
    assert after(planned, wanted, {wanted[0].name: RUNNING, wanted[1].name: STANDBY}) == {}


@pytest.mark.parametrize("active", ["inactive", "failed", "deactivating"])
def test_what_is_not_running_starts(active: str) -> None:
    planned = plan([unit()], {unit().name: Found(active, enabled=True, known=True)})
    assert actions(planned) == [("start", "auth-web@1")]


def test_a_bare_host_is_predicted() -> None:
    planned = plan([unit(), unit(number=2, slot="b")], {}, changed_paths=[f"/etc/systemd/system/{unit().name}"])
    assert actions(planned) == [("start", "auth-web@1")]
    assert planned.enable == [unit().name]
    assert planned.reload


def test_what_is_stale_restarts() -> None:
    assert actions(plan([unit()], {unit().name: STALE})) == [("restart", "auth-web@1")]


def test_what_this_play_changes_makes_stale() -> None:
    """Check mode has written nothing, so that only the changed paths tell."""
    assert actions(plan([unit()], {unit().name: RUNNING}, changed_paths=[CONFIG])) == [("restart", "auth-web@1")]


def test_a_release_is_below_its_link() -> None:
    assert changed_for(["/opt/cryptobot/auth/current/release.json"], ["/opt/cryptobot/auth/current"])
    assert not changed_for(["/opt/cryptobot/auth/current-x"], ["/opt/cryptobot/auth/current"])


def test_what_is_still_starting_is_waited_for() -> None:
    planned = plan([unit()], {unit().name: Found("activating", enabled=True, known=True)})
    assert actions(planned) == [("await", "auth-web@1")]
    assert not planned.changed


def test_a_reload_where_that_is_enough() -> None:
    both = Wanted("edge.service", "edge", files=("/a", "/b"), reload_files=("/b",))
    assert actions(plan([both], {both.name: Found("active", True, True, stale=("/b",))}))[0][0] == "reload"
    assert actions(plan([both], {both.name: Found("active", True, True, stale=("/a", "/b"))}))[0][0] == "restart"


def test_waves_and_rounds() -> None:
    """Starts of a wave together; restarts in small numbers; one instance of a process at a time; the next wave after that."""
    wanted = [unit("one"), unit("one", 2), unit("two"), unit("three"), unit("late", wave=1)]
    found = dict.fromkeys((one.name for one in wanted), STALE) | {unit("three").name: Found()}
    rounds = [[step.unit.name for step in one] for one in plan(wanted, found, parallel=2).rounds]
    assert rounds == [[unit("three").name], [unit("one").name, unit("two").name], [unit("one", 2).name], [unit("late").name]]


def test_a_program_with_a_port_of_its_own_restarts_by_its_twin() -> None:
    first, twin = unit(own_socket=True), unit(number=2, slot="b", own_socket=True)
    planned = plan([first, twin], {first.name: STALE, twin.name: STANDBY})
    assert [(step.action, step.unit, step.instead_of) for step in planned.steps] == [("swap", twin, first)]
    assert planned.slots == {"auth-web": "b"}
    assert (planned.enable, planned.disable) == ([twin.name], [first.name])


def test_and_back_again() -> None:
    first, twin = unit(own_socket=True), unit(number=2, slot="b", own_socket=True)
    planned = plan([first, twin], {first.name: STANDBY, twin.name: STALE}, slots={"auth-web": "b"})
    assert [(step.action, step.unit) for step in planned.steps] == [("swap", first)]
    assert planned.slots == {"auth-web": "a"}


def test_an_exclusive_one_never_runs_twice() -> None:
    first, twin = unit(own_socket=True, exclusive=True), unit(number=2, slot="b", own_socket=True, exclusive=True)
    assert actions(plan([first, twin], {first.name: STALE})) == [("restart", "auth-web@1")]


def test_the_slot_that_is_not_live_stands_by() -> None:
    """A play that died between the start of the new one and the stop of the old one."""
    first, twin = unit(), unit(number=2, slot="b")
    planned = plan([first, twin], {first.name: RUNNING, twin.name: RUNNING}, slots={"auth-web": "b"})
    assert [step.unit for step in planned.stop] == [first]
    assert planned.disable == [first.name]
    assert planned.steps == []


def test_what_the_catalogue_lost_goes() -> None:
    planned = plan([], {}, orphans=["cryptobot-old-web@1.service"])
    assert planned.remove == ["cryptobot-old-web@1.service"]
    assert after(planned, [], {}) == {"cryptobot-old-web@1.service": None}


def test_a_file_changed_by_hand_reloads_the_manager() -> None:
    assert plan([unit()], {unit().name: RUNNING, "cryptobot.slice": Found(needs_reload=True)}).reload


def test_what_becomes_of_each() -> None:
    wanted = [unit(), unit(number=2, slot="b")]
    assert after(plan(wanted, {}), wanted, {}) == {wanted[0].name: {"active": True, "enabled": True}}


def test_what_happens_is_said_unit_by_unit() -> None:
    wanted = [unit(own_socket=True), unit(number=2, slot="b", own_socket=True), unit("trade", directories=("/var/lib/cryptobot/trade",))]
    found = {wanted[0].name: STALE, wanted[1].name: STANDBY}
    planned = plan(wanted, found)
    said = [(change.does, change.target) for change in changes(planned, found, after(planned, wanted, found))]
    assert said == [
        ("disable", wanted[0].name),
        ("enable", wanted[2].name),
        ("enable", wanted[1].name),
        ("start", wanted[2].name),
        ("start", wanted[1].name),
        ("stop", wanted[0].name),
    ]
    assert directories(planned) == ["/var/lib/cryptobot/trade"]


def test_what_is_waited_for_does_not_change() -> None:
    planned = plan([unit()], {unit().name: Found("activating", enabled=True, known=True)})
    assert changes(planned, {}, {}) == []
