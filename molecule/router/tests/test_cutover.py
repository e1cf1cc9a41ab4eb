"""What a cutover asks of the router: all traffic comes by it, waits, has ended, and goes on at the other side."""

from __future__ import annotations

import json
import socket
import time

import pytest


@pytest.fixture
def websockets(host):
    """Starts clients with open WebSockets; gives what ends them and reads their report."""

    def start(port: int, clients: int):
        report = f"/root/websockets-{time.monotonic_ns()}"
        line = f"python3 /srv/shop/websockets.py {port} {clients} 200 {report}.stop"
        host.check_output(f"({line} > {report}.new && mv {report}.new {report}) > {report}.log 2>&1 &")
        time.sleep(2)

        def read() -> dict:
            host.check_output(f"touch {report}.stop")
            until = time.monotonic() + 60
            while not host.file(report).exists and time.monotonic() < until:
                time.sleep(1)
            said = json.loads(host.check_output(f"cat {report}"))
            print(said)
            return said

        return read

    return start


@pytest.mark.parametrize("methods", ["writes", "all"])
def test_there_and_back_under_load(router, under_load, once, websockets, methods: str) -> None:
    router.forget_rows()
    router.adopt()
    router.steer("calls")
    before = router.containers()
    report_of = websockets(7000, 5)

    def to_and_fro() -> None:
        for source, target in (("docker", "native"), ("native", "docker"), ("docker", "native")):
            said = router.steer("window", source, target, methods, "first")
            print(said["seconds"], {name: step["milliseconds"] for name, step in said["steps"].items()})
            assert said["cut"] == 5, "the WebSockets of that side, and they alone"
            time.sleep(3)

    report = under_load(7000, to_and_fro, seconds=30)
    assert report["failed"] == 0
    once(report)
    assert {row[1] for row in router.rows()} == {"docker", "native"}
    seen = report_of()
    assert seen["failed"] == [] and seen["cut"] == 15 and seen["opened"] == 20
    assert seen["last"] == ["native"] * 5, "they came again, waited, and met the new side"
    assert router.containers() == before


def test_calls_of_a_held_group_end_before_its_inner_door_is_held(router, under_load) -> None:
    """A call from a container waits at no door while its caller is drained."""
    router.adopt()
    router.steer("calls")

    def windows() -> None:
        for source, target in (("docker", "native"), ("native", "docker")):
            said = router.steer("window", source, target, "all", "first", "second")
            print(said["seconds"], {name: step["milliseconds"] for name, step in said["steps"].items()})
            time.sleep(1)

    assert under_load(7000, windows, seconds=15, rate=60, read="/call", write="")["failed"] == 0


def test_what_goes_round_the_router_stops_a_window(router, host) -> None:
    assert "are not adopted" in router.refused("guard", "first")
    address = host.ansible.get_variables()["cryptobot_address"]
    with socket.create_connection((address, 7000), 5) as made_before:
        made_before.sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"docker"' in made_before.recv(4096)
        router.adopt()
        said = router.refused("window", "docker", "native", "writes", "first")
        assert "1 connections go round the router" in said and "by port 7000" in said
        assert router.steer("guard", "second") == {}, "it is none of the other group's"
    router.eventually(7000, "docker")
    assert router.steer("guard", "first") == {}
    router.steer("share", "first", 10)
    assert "share of the users" in router.refused("guard", "first")
    router.steer("share", "first", 0)


def test_a_worker_of_before_a_reload_stops_a_window(router, host, websockets) -> None:
    router.adopt()
    report_of = websockets(7010, 1)
    host.check_output("systemctl reload cryptobot-edge")
    assert "from before a reload" in router.refused("guard", "first"), "it serves the WebSocket on"
    assert report_of()["cut"] == 0
    until = time.monotonic() + 30
    while host.run("python3 /srv/shop/steer.py guard first").rc and time.monotonic() < until:
        time.sleep(1)
    assert router.steer("guard", "first") == {}


def test_a_write_that_does_not_end_is_named_and_nothing_is_flipped(router, host) -> None:
    router.adopt()
    host.check_output("curl -s -X POST -d '{}' 'http://127.0.0.1:7000/slow?seconds=9' > /dev/null 2>&1 &")
    time.sleep(1)
    said = router.refused("window", "docker", "native", "writes", "first")
    assert "have not ended within 5 s: 1 at front_web_docker_write" in said
    assert router.answers(7000)["side"] == "docker"
    assert host.check_output("curl -s -X POST -d '{}' http://127.0.0.1:7000/rows").startswith("{"), "released"


def test_the_modules_say_the_same_to_the_router(router, host) -> None:
    assert router.module("sides", sides={"first": "native"})["changed"]
    assert not router.module("sides", sides={"first": "native"})["changed"]
    assert router.answers(37000)["side"] == "native"
    given = {"groups": ["first"], "doors": ["public"]}
    assert router.module("hold", check=True, state="held", **given)["changed"]
    assert router.module("hold", state="held", seconds=60, **given)["workers"] >= 1
    assert host.run("curl -s --max-time 2 -X POST -d '{}' http://127.0.0.1:37000/rows").rc == 28
    assert router.module("hold", state="released", **given)["changed"]
    assert not router.module("hold", state="released", **given)["changed"]
    assert host.check_output("curl -s -X POST -d '{}' http://127.0.0.1:37000/rows").startswith("{")


def test_a_stopped_container_keeps_its_name(router, host, under_load) -> None:
    router.adopt()
    router.steer("calls")
    name, front = router.container("back"), router.container("front")
    started = host.check_output(f"docker inspect -f '{{{{.State.StartedAt}}}}' {front}")

    def away_and_back() -> None:
        router.side("native", "second")
        assert router.steer("stand-in", "back") == {"made": ["back"]}
        given = {"services": ["back"], **router.settings()}
        assert not router.module("standins", state="present", **given)["changed"]
        assert router.module("standins", check=True, state="absent", **given)["services"] == ["back"]
        host.check_output(f"docker update --restart=no {name} && docker stop {name}")
        assert router.answers(7000, "/call-anew")["other"]["side"] == "native"
        time.sleep(3)
        host.check_output(f"docker start {name} && docker update --restart=always {name}")
        router.side("docker", "second")
        assert router.steer("stand-down", "back") == {"removed": ["back"]}

    report = under_load(7000, away_and_back, seconds=25, rate=60, read="/call-anew", write="")
    assert report["failed"] == 0
    assert host.check_output("docker ps -a --format '{{.Names}}'").split().count("back") == 0
    assert host.check_output(f"docker inspect -f '{{{{.State.StartedAt}}}}' {front}") == started


def test_a_container_that_may_not_come_back_is_stopped(router, host) -> None:
    """There may be one `hidden` alone, and the record says that it runs natively."""
    name, record = router.container("hidden"), "/var/lib/cryptobot-migration/sides.json"
    running = f"docker inspect -f '{{{{.State.Running}}}}' {name}"
    host.check_output(f"docker update --restart=no {name} && docker stop {name} && cp -a {record} {record}.kept; true")
    sides = json.dumps({"version": 1, "groups": {"first": "docker", "second": "native"}, "datastores": {}})
    try:
        host.check_output(f"mkdir -p $(dirname {record}) && cat > {record} << 'END'\n{sides}\nEND")
        host.check_output(f"docker start {name}")
        began = time.monotonic()
        while host.check_output(running) == "true" and time.monotonic() - began < 30:
            time.sleep(0.1)
        print(f"stopped again {time.monotonic() - began:.1f} s after its start")
        assert host.check_output(running) == "false"
        assert f"stopped {name}" in host.check_output("journalctl -u cryptobot-router-watch --since=-2min")
    finally:
        host.check_output(f"if [ -e {record}.kept ]; then mv {record}.kept {record}; else rm -f {record}; fi")
        host.check_output(f"docker start {name} && docker update --restart=always {name}")
