"""What modules and the watcher do with the router, over a proxy, an engine and tables that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sides import Record, SidesError
from ansible_collections.cryptobot.native.plugins.module_utils.router import adopting as work
from ansible_collections.cryptobot.native.plugins.module_utils.router import layout, maps, sides
from ansible_collections.cryptobot.native.plugins.module_utils.router.adopting import Adopting
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import Access, accesses
from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import BETWEEN, Flow
from ansible_collections.cryptobot.native.plugins.module_utils.router.holds import Hold
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files, RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.sides import Wish
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import Kept
from ansible_collections.cryptobot.native.plugins.module_utils.router.watch import Watch
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import Router, Workers

from .conftest import NETWORKS, Proxy, Tables, container, door


OUTSIDE, INSIDE = (
    Flow("192.0.2.7:1", "172.20.0.4", 8000, "by port 7000"),
    Flow("172.20.0.4:1", "172.20.0.2", 8000, BETWEEN),
)


def test_addresses_first_then_the_record_then_the_kernel(adopting, files, events) -> None:
    subject = adopting()
    was, is_ = subject.plan(True, False)
    assert was is None
    subject.put(is_, False)
    assert events[0] == "set server front_web_docker_read/docker addr 172.20.0.4 port 8000" and events[-1] == "table on"
    assert Kept(files.directory).read() == is_ == adopting().plan(True, False)[0]
    assert subject.leftover() == ["store:8000 at 127.0.0.1:15432"]


def test_release_takes_the_record_away_before_the_table(adopting, files, events) -> None:
    subject = adopting()
    subject.put(subject.plan(True, False)[1], False)
    was, is_ = subject.plan(False, False)
    assert was and is_ is None
    subject.put(None, False)
    assert events[-1] == "table off" and Kept(files.directory).read() is None
    assert subject.plan(False, False) == (None, None)


def test_what_native_serves_is_not_given_back(adopting, files) -> None:
    subject = adopting()
    subject.put(subject.plan(True, False)[1], False)
    files.write_map("side", {"first": "native"})
    with pytest.raises(RouterError, match="while first is not on the Docker side"):
        subject.plan(False, False)


def test_one_of_several_containers_is_not_chosen_by_chance(adopting, containers) -> None:
    with pytest.raises(RouterError, match="front run in more than one container"):
        adopting(now=[*containers, container("front", "172.20.0.8", number=2)]).plan(True, False)


def test_calls_that_no_table_sees_are_refused(adopting, monkeypatch) -> None:
    monkeypatch.setattr(work, "calls_pass_the_table", lambda: False)
    with pytest.raises(RouterError, match="bridge-nf-call-iptables is not 1"):
        adopting().plan(True, False)


def test_clients_are_waited_for_and_calls_ended_under_a_hold(adopting, files, events, monkeypatch) -> None:
    monkeypatch.setattr(
        work, "end_between", lambda pid, address, port: events.append(f"end {pid} {address}:{port}") or 2
    )
    outcome = adopting([OUTSIDE, INSIDE], [INSIDE], []).settle(5, end_calls=True, remaining="fail")
    # Each of three containers calls the other ones that have a door.
    assert outcome.ended == 8 and outcome.flows == []
    kinds = [event.split()[0] for event in events]
    assert kinds == ["set"] * 2 + ["end"] * 4 + ["set"] * 2, "both groups held, then ended, then released"
    assert set(files.read_map("hold").values()) == {"0"}


def test_who_stays_is_named_and_nothing_is_ended(adopting, events) -> None:
    with pytest.raises(
        RouterError, match=r"1 connections still go round .* 192\.0\.2\.7:1 to 172\.20\.0\.4:8000 \(by port 7000\)"
    ):
        adopting([OUTSIDE]).settle(0, end_calls=True, remaining="fail")
    assert events == []
    assert adopting([OUTSIDE]).settle(0, end_calls=False, remaining="keep").flows == [OUTSIDE]


def test_clients_are_cut_where_that_is_asked_for(adopting, events, monkeypatch) -> None:
    monkeypatch.setattr(work, "end_flow", lambda pid, flow: events.append(f"cut {pid} {flow.client}") or 1)
    outcome = adopting([OUTSIDE, INSIDE], []).settle(0, end_calls=False, remaining="end")
    assert outcome.cut == 1 and outcome.flows == [] and events == ["cut 101 192.0.2.7:1"]


def test_a_hold_that_fails_is_released(adopting, files, monkeypatch) -> None:
    def fails(pid, address, port):
        raise RouterError("no nsenter")

    monkeypatch.setattr(work, "end_between", fails)
    with pytest.raises(RouterError, match="no nsenter"):
        adopting([]).end_calls()
    assert set(files.read_map("hold").values()) == {"0"}


# The watcher


def test_a_container_that_moved_is_followed_file_first(files, events, doors, containers, client) -> None:
    tables = Tables(events)
    router = Router(files, Proxy(files, events).workers)
    watch = Watch("shop", doors, router, Engine(client(containers)), tables)
    assert "FRONT_WEB_CONTAINER new -> 172.20.0.4:8000" in watch.look() and tables.on is None
    moved = [container("front", "172.20.0.7", [("", "7000")]), containers[1]]
    Kept(files.directory).write(work.wanted(doors, containers, NETWORKS), False)
    said = Watch("shop", doors, router, Engine(client(moved)), tables).look()
    assert said == [
        "FRONT_WEB_CONTAINER 172.20.0.4:8000 -> 172.20.0.7:8000",
        "the adoption's table follows the containers",
    ]
    assert (
        tables.on.calls
        == {("172.20.0.7", 8000): 27000, ("172.20.0.2", 8000): 27010}
        == Kept(files.directory).read().calls
    )
    tables.on = None
    assert Watch("shop", doors, router, Engine(client(moved)), tables).look() == ["put the adoption's table on again"]
    Kept(files.directory).write(None, False)
    assert "took the adoption's table off" in Watch("shop", doors, router, Engine(client(moved)), tables).look()[0]


def test_a_datastore_that_moved_is_followed_and_others_leave_its_address(
    files, events, doors, containers, client, adopting
) -> None:
    router, access = Router(files, Proxy(files, events).workers), Access("access_store", "store", 6379, "ACCESS_STORE")
    assert accesses([{**access.as_dict(), "listen": 26379, "sources": []}]) == [access]

    def watch(now) -> list[str]:
        return Watch("shop", doors, router, Engine(client(now)), Tables(events), accesses=[access]).look()

    assert "ACCESS_STORE new -> 172.20.0.9:6379" in watch(containers) and watch(containers) == []
    moved = [*containers[:2], container("store", "172.20.0.7")]
    events.clear()
    assert watch(moved) == ["ACCESS_STORE 172.20.0.9:6379 -> 172.20.0.7:6379"]
    assert "set server access_store/docker addr 172.20.0.7 port 6379" in events
    assert watch([*containers[:2], container("store")]) == ["ACCESS_STORE 172.20.0.7:6379 -> 127.0.0.1:1"]
    watch(moved)
    work = adopting()
    work.put(work.plan(True, False)[1], False)
    assert files.read_containers()["ACCESS_STORE"] == "172.20.0.7:6379"


class Said(Engine):
    """The engine over containers, which writes down what it was told to do."""

    def __init__(self, run, events: list[str]) -> None:
        super().__init__(run)
        self.events = events

    def client(self, *words: str, timeout: float | None = None) -> str:
        if words[0] in ("update", "stop"):
            self.events.append(" ".join(words))
            return ""
        return super().client(*words, timeout=timeout)


@pytest.mark.parametrize("side", ["native", "docker", "none", "", "damaged"])
def test_a_container_that_may_not_come_back_is_stopped(files, events, doors, containers, client, side: str) -> None:
    def record() -> Record | None:
        if side == "damaged":
            raise SidesError("the record cannot be read")
        return Record({"first": side}, {}) if side else None

    router, exclusive = Router(files, Proxy(files, events).workers), {"front": "first", "elsewhere": "first"}
    engine = Said(client(containers), events)
    said = Watch("shop", doors, router, engine, Tables(events), exclusive, record).look()
    told = [event for event in events if event.startswith(("update", "stop"))]
    if side == "native":
        assert told == ["update --restart=no front1", "stop -t 10 front1"]
        assert said[0].startswith("stopped shop_front_1, which had come back")
    else:
        assert told == [] and ("the record cannot be read" in said) is (side == "damaged")


# Sides, shares and holds


def test_a_side_is_said_to_file_and_workers(files, events) -> None:
    wish = Wish({"first": "native"}, {"second": 10}, files.directory, Proxy(files, events).workers)
    assert [(change.target, change.was, change.is_) for change in wish.changes()] == [
        ("side first", "docker", "native"),
        ("share second", "0", "10"),
    ]
    assert wish.apply() == 1
    assert [event.split()[0:2] + event.split()[3:] for event in events] == [
        ["set", "map", "first", "native"],
        ["set", "map", "second", "10"],
    ]
    assert wish.changes() == []


@pytest.mark.parametrize(
    ("given", "share", "why"),
    [
        ({"first": "both"}, {}, "is no side"),
        ({}, {"first": 101}, "is no share"),
        ({"third": "native"}, {}, "third is no migration group"),
    ],
)
def test_what_no_map_can_have_is_refused(files, given, share, why) -> None:
    with pytest.raises(RouterError, match=why):
        Wish(given, share, files.directory).changes()


def test_the_record_of_sides_is_followed_where_there_is_a_router(tmp_path: Path, files, monkeypatch) -> None:
    sides.follow({"first": "native"}, tmp_path / "nowhere")
    monkeypatch.setattr(sides, "Router", lambda where, workers: Router(where, Workers(lambda line: "", lambda: False)))
    sides.follow({"first": "none", "unknown": "native"}, files.directory)
    assert files.read_map("side") == {"first": "none", "second": "docker"}


def test_a_hold_is_for_doors_of_groups(files, events) -> None:
    hold = Hold(["first"], ["public"], 100.0, False, files.directory, Proxy(files, events).workers)
    assert len(hold.changes()) == 1 and hold.apply() == 1
    assert files.read_map("hold")["first/public"] == "100.000,writes"
    assert len(Hold(None, ["public", "internal"], 0, False, files.directory).changes()) == 1
    with pytest.raises(RouterError, match="third is no migration group"):
        Hold(["third"], ["public"], 100.0, False, files.directory)


# What an installation lays out


def test_the_layout_is_made_once_and_leaves_what_is_there(
    tmp_path: Path, doors, containers, events, monkeypatch
) -> None:
    monkeypatch.setattr(layout.shutil, "chown", lambda *__: None)
    directory = tmp_path / "router"
    proxy = Proxy(Files(directory), events)

    def subject(groups):
        return layout.Layout(directory, doors, groups, containers, proxy.workers)

    first = subject({"first": "docker", "second": "docker"})
    assert {change.target for change in first.changes()} == {
        "map side",
        "map hold",
        "map share",
        "map batch",
        "containers",
    }
    first.apply()
    assert first.changes() == [] and directory.stat().st_mode & 0o7777 == 0o2750
    Files(directory).write_map("side", {"first": "native"})
    again = subject({"first": "docker", "second": "docker", "third": "none"})
    assert {change.target for change in again.changes()} == {"map side", "map hold", "map share"}
    again.apply()
    assert Files(directory).read_map("side") == {"first": "native", "second": "docker", "third": "none"}
    added = layout.Layout(directory, [*doors, door("new")], {"first": "docker"}, containers, proxy.workers)
    assert [change.target for change in added.changes()] == ["containers"]
    before = len(events)
    added.apply()
    assert len(events) == before, "workers know a new door's servers after their reload"
