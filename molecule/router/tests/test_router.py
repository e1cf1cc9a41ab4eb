"""Ports and calls are adopted and given back, sides change, and nobody notices."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import socket
import time

import pytest
import yaml
from deploy import ROOT, play


def test_adopted_and_given_back_under_load(router, under_load, once) -> None:
    router.forget_rows()
    before, asked = router.containers(), router.stat("front_web_docker_read")

    def there_and_back() -> None:
        for __ in range(3):
            assert router.adopt()["changed"]
            time.sleep(1)
            assert not router.adopt()["changed"]
            assert router.steer("released")["changed"]

    report = under_load(7000, there_and_back, seconds=30)
    assert report["failed"] == 0
    once(report)
    assert router.stat("front_web_docker_read") > asked, "new connections came by the router"
    assert router.containers() == before


def test_the_plays_adopt_and_give_back(router, host, tmp_path) -> None:
    given = yaml.safe_load((ROOT / "molecule" / "router" / "application.yml").read_text(encoding="utf-8"))
    before, table = router.containers(), "nft list table ip cryptobot_router"
    said = play({**given, "adopt_end_calls": True, "adopt_wait": 1}, tmp_path, "playbooks/adopt.yml")
    assert host.run(table).rc == 0 and "held_seconds" in said
    play(given, tmp_path, "playbooks/release_ports.yml")
    assert host.run(table).rc != 0 and router.containers() == before


def test_check_mode_predicts_and_changes_nothing(router, host) -> None:
    assert router.module("adoption", check=True, state="adopted", **router.settings())["changed"]
    assert host.run("nft list table ip cryptobot_router").rc != 0
    assert not host.file("/var/lib/cryptobot-router/adoption.json").exists


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_published_on_loopback_stays_closed(router, outside, version: int) -> None:
    assert outside(version, 7000) and not outside(version, 7020) and not outside(version, 37020)
    router.adopt()
    assert router.answers(7020)["service"] == "hidden"
    asked = router.stat("front_web_docker_read")
    local = {4: "127.0.0.1", 6: "[::1]"}[version]
    assert json.loads(router.host.check_output(f"curl -gs http://{local}:7000/who"))["side"] == "docker"
    assert router.stat("front_web_docker_read") > asked, "it came by the router"
    assert not outside(version, 7020) and not outside(version, 37020)
    assert outside(version, 7000) and not outside(version, 37000), "a door's own port is for redirected packets"
    assert not outside(version, 27000) and not outside(version, 27020), "nor are the internal doors for others"
    assert router.answers(37000)["side"] == "docker", "and for programs of the host"


def test_flows_round_the_router_are_counted(router, host) -> None:
    address = host.ansible.get_variables()["cryptobot_address"]
    made_before = socket.create_connection((address, 7000), 5)
    made_before.sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'"docker"' in made_before.recv(4096)
    # By way of Docker's own proxy, and by the container's address.
    inside = host.check_output(
        "sed -n 's/FRONT_WEB_CONTAINER=\\(.*\\):8000/\\1/p' /var/lib/cryptobot-router/containers"
    )
    for target in (("127.0.0.1", 7000), (inside, 8000)):
        stay = f"import socket, time; kept = socket.create_connection({target}); time.sleep(30)"
        host.check_output(f'nohup python3 -c "{stay}" > /dev/null 2>&1 &')
    time.sleep(1)
    flows = router.adopt()["flows"]
    print(flows)
    assert (
        any("by port 7000" in flow for flow in flows)
        and any("docker-proxy" in flow for flow in flows)
        and len(flows) == 3
    )
    said = router.module("adoption", good=False, remaining="fail", state="adopted", **router.settings())["msg"]
    assert "connections still go round the router" in said and "by port 7000" in said
    made_before.sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b'"docker"' in made_before.recv(4096), "it goes on with its container"
    made_before.close()
    done = router.module("adoption", wait=40, remaining="fail", state="adopted", **router.settings())
    assert done["flows"] == [] and not done["changed"]


def test_connections_made_before_are_cut_where_that_is_asked_for(router, host) -> None:
    router.steer("released")
    address = host.ansible.get_variables()["cryptobot_address"]
    made_before = [socket.create_connection((address, 7000), 5) for __ in range(3)]
    for one in made_before:
        one.sendall(b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'"docker"' in one.recv(4096)
    done = router.module("adoption", remaining="end", state="adopted", **router.settings())
    assert done["cut"] == 3 and done["flows"] == []
    for one in made_before:
        one.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert one.recv(4096) == b""
        one.close()


def test_calls_between_containers_come_by_the_router(router, host, under_load) -> None:
    assert router.answers(7000, "/call")["other"]["side"] == "docker"

    def adopt() -> None:
        result = router.steer("calls")
        print({key: result[key] for key in ("ended", "held_seconds", "flows")})
        assert result["ended"] >= 1

    before = router.containers()
    report = under_load(7000, adopt, seconds=12, rate=60, read="/call", write="")
    assert report["failed"] == 0
    calls = router.stat("back_web_docker_read")
    assert router.answers(7000, "/call")["other"]["side"] == "docker"
    assert router.stat("back_web_docker_read") > calls, "the call came by the internal door"
    assert router.adopt()["flows"] == []
    router.side("native", "second")
    router.eventually(7000, "docker", path="/call")
    assert router.answers(7000, "/call")["other"]["side"] == "native"
    assert router.containers() == before


def test_a_group_changes_sides_under_load(router, under_load, once) -> None:
    router.forget_rows()
    router.adopt()

    def to_and_fro() -> None:
        for side in ("native", "docker") * 3:
            router.side(side)
            time.sleep(0.5)

    report = under_load(7000, to_and_fro, seconds=25)
    assert report["failed"] == 0
    once(report)
    assert {row[1] for row in router.rows()} == {"docker", "native"}


USERS = """
import base64, json, urllib.request
for number in range(100):
    claims = base64.urlsafe_b64encode(json.dumps({"sub": f"user-{number}"}).encode()).decode().strip("=")
    asked = urllib.request.Request("http://127.0.0.1:37000/who", headers={"Authorization": f"Bearer e30.{claims}.x"})
    print(number, json.load(urllib.request.urlopen(asked))["side"])
"""


def test_a_share_of_the_users_is_served_natively(router, host) -> None:
    def native_users() -> set[int]:
        said = host.check_output(f"python3 -c {shlex.quote(USERS)}")
        return {int(line.split()[0]) for line in said.splitlines() if line.endswith("native")}

    shares = {}
    for share in (0, 10, 50, 100):
        router.steer("share", "first", share)
        shares[share] = native_users()
    router.steer("share", "first", 0)
    assert shares[0] == set() and len(shares[100]) == 100
    assert 2 <= len(shares[10]) <= 22 and 35 <= len(shares[50]) <= 65
    assert shares[10] < shares[50], "a share that grows keeps its users"


def test_no_side_is_refused(router, host) -> None:
    router.side("none", "first")
    assert "503" in host.check_output("curl -si http://127.0.0.1:37000/who | head -1")
    assert router.answers(37010)["side"] == "docker"


def timed(host, *words: str) -> tuple[str, float]:
    said = host.check_output(
        "curl -s -o /dev/null -w '%{http_code} %{time_total}' --max-time 30 "
        f"{' '.join(words)} http://127.0.0.1:37000/who"
    )
    return said.split()[0], float(said.split()[1])


def test_a_hold_lets_writes_wait_and_ends_by_itself(router, host) -> None:
    write = ("-X", "POST", "-d", "'{}'")
    router.hold(6, "first/public")
    assert timed(host)[1] < 3, "reads go on"
    status, seconds = timed(host, *write)
    assert status == "200" and seconds > 1
    assert timed(host, *write)[1] < 3, "the lease is over"
    router.hold(6, "first/public", method="all")
    assert timed(host)[1] > 1
    router.hold(120, "first/public")
    ask = "curl -si -w 'took %{time_total}' http://127.0.0.1:37000/who"
    upgrade = "-H 'Upgrade: websocket' -H 'Connection: Upgrade' -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='"
    said = host.check_output(
        f"{ask} -X POST -d '{{}}' > /tmp/write & {ask} {upgrade} > /tmp/upgrade & wait; cat /tmp/write /tmp/upgrade"
    )
    assert said.count("HTTP/1.1 503") == 2 and said.lower().count("retry-after: 5") == 2, "an upgrade is a write"
    assert all(float(seconds) > 19 for seconds in re.findall(r"took ([\d.]+)", said)), "until the router's own limit"
    assert host.check_output("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:37000/edge/probe") == "204"
    assert host.check_output("curl -s -X POST -d '{}' http://127.0.0.1:27000/rows").startswith("{"), (
        "the internal door was not held"
    )


@pytest.mark.parametrize("side", ["docker", "native"])
def test_a_write_whose_server_dies_is_not_sent_twice(router, host, side: str) -> None:
    router.forget_rows()
    router.adopt()
    router.side(side)
    said = host.check_output(
        "curl -s -o /dev/null -w '%{http_code}' -X POST -d '{\"id\": \"deadly\"}' http://127.0.0.1:7000/die"
    )
    assert said in ("502", "503")
    router.eventually(7000, side)
    assert router.rows() == [["deadly", side]]
