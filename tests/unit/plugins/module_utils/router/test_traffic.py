"""A cutover's hands at the router: nothing passes a hold by, and what was on its way is waited for."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.router import traffic as subject
from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import Flow
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.state import Kept
from ansible_collections.cryptobot.native.plugins.module_utils.router.traffic import Traffic

from .conftest import door


@pytest.fixture
def adopted(adopting):
    """The ports are adopted; with flows that go round the router."""

    def made(*flows: Flow) -> Traffic:
        one = adopting(list(flows))
        one.put(one.plan(True, False)[1], False)
        return Traffic(["first"], one)

    return made


def test_a_window_begins_where_everything_comes_by_the_router(adopted) -> None:
    assert adopted().guard(False) is None


def test_flows_round_the_router_stop_a_window_and_are_named(adopted) -> None:
    flow = Flow("192.0.2.7:1", "172.20.0.4", 8000, "by port 7000")
    with pytest.raises(RouterError, match=r"1 connections go round .* 192\.0\.2\.7:1 to 172\.20\.0\.4:8000 \(by port"):
        adopted(flow).guard(False)


def test_flows_of_other_groups_do_not(adopting, monkeypatch) -> None:
    asked = []
    one = adopting()
    monkeypatch.setattr(one._flows, "around", lambda targets: asked.extend(targets) or [])
    one.around(["second"])
    assert asked == [("172.20.0.2", 8000)]


def test_ports_that_are_not_adopted_stop_a_window(adopting, adopted, containers) -> None:
    with pytest.raises(RouterError, match="are not adopted"):
        Traffic(["first"], adopting()).guard(False)
    window = adopted()
    Kept(window._router.files.directory).write(None, False)
    with pytest.raises(RouterError, match="are not adopted"):
        window.guard(False)


def test_workers_of_before_a_reload_stop_a_window(adopting, adopted) -> None:
    window = adopted()
    adopting.proxy.old, adopting.proxy.clients = "11 worker 1\n", 2
    with pytest.raises(RouterError, match="1 workers of the router from before a reload"):
        window.guard(False)


def test_connections_of_datastores_in_an_old_worker_do_not(adopting, adopted) -> None:
    window = adopted()
    adopting.proxy.old = "11 worker 1\n"
    window.guard(False)


def test_shares_of_users_stop_a_window(adopted) -> None:
    window = adopted()
    window._router.files.write_map("share", {"first": "10"})
    window._router.files.write_map("batch", {"first:anna": "native", "second:anna": "native"})
    with pytest.raises(RouterError, match="by the other side: first, first:anna\\."):
        window.guard(False)


def test_an_unknown_group_is_named(adopting) -> None:
    with pytest.raises(RouterError, match="third is no migration group of the router; there are first, second"):
        Traffic(["third"], adopting()).guard(False)


def test_hold_flip_and_release_are_for_the_groups_alone(adopted, files) -> None:
    window = adopted()
    assert window.hold("public", 100.0) == 1 and window.hold("internal", 100.0, every_method=True) == 1
    assert files.read_map("hold") == {
        "first/public": "100.000,writes",
        "first/internal": "100.000,all",
        "second/public": "0",
        "second/internal": "0",
    }
    assert window.is_held()
    window.flip("native")
    assert files.read_map("side") == {"first": "native", "second": "docker"}
    window.release()
    assert not window.is_held()
    assert set(files.read_map("hold").values()) == {"0"}


def test_nothing_is_changed_where_another_one_has_decided(adopting, files, events) -> None:
    def own() -> None:
        raise RouterError("the router is not mine any more")

    window = Traffic(["first"], adopting(), own)
    for act in (
        lambda: window.hold("public", 100.0),
        lambda: window.flip("native"),
        window.release,
        lambda: window.cut_websockets("docker"),
    ):
        with pytest.raises(RouterError, match="not mine any more"):
            act()
    assert events == [] and files.read_map("side")["first"] == "docker"


def test_what_is_on_its_way_is_waited_for_and_named(adopting, adopted) -> None:
    window = adopted()
    adopting.proxy.streams = {"front_web_docker_write": [2, 1, 0], "front_web_docker_read": [9] * 99}
    window.drain("docker", 5)
    adopting.proxy.streams = {"front_web_docker_write": [0] * 9999, "front_web_docker_read": [3] * 9999}
    with pytest.raises(RouterError, match="have not ended within 0.05 s: 3 at front_web_docker_read"):
        window.drain("docker", 0.05, every_method=True)


def test_reads_that_write_are_drained_like_writes() -> None:
    plain, writing = door("front"), door("front")
    object.__setattr__(writing, "reads", "hold")
    assert subject.held_backends(plain, "native", False) == ("front_web_write",)
    assert subject.held_backends(writing, "docker", False) == ("front_web_docker_read", "front_web_docker_write")
    assert subject.held_backends(plain, "docker", True) == ("front_web_docker_read", "front_web_docker_write")


def test_websockets_of_the_groups_are_ended_and_counted(adopting, adopted, events) -> None:
    window = adopted()
    adopting.proxy.streams = {"front_web_docker_ws": [3], "front_web_docker_write": [5], "back_web_docker_ws": [7]}
    assert window.cut_websockets("docker") == 3
    assert [event for event in events if "shutdown" in event] == [
        "shutdown sessions server front_web_docker_ws/docker"
    ]


def answers_after(seconds: float) -> int:
    """A door that answers a request with 204 after a time; its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        connection = listening.accept()[0]
        with connection, listening:
            connection.recv(4096)
            time.sleep(seconds)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    return listening.getsockname()[1]


def test_a_probe_sees_whether_a_door_is_held(adopting) -> None:
    window = Traffic(["first"], adopting())
    window.doors = [door("front", public=answers_after(1), internal=answers_after(0))]
    window.probe("public")
    with pytest.raises(RouterError, match="the internal door front_web at port .* was answered with 204 at once"):
        window.probe("internal")
