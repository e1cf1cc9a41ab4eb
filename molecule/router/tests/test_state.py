"""What was said to the router survives reloads, restarts, kills, boots and firewalls."""

from __future__ import annotations

import time

import pytest

KILL = "systemctl kill --kill-whom=main --signal=KILL"


def test_ten_reloads_five_of_them_in_a_hold(router, host, under_load, once) -> None:
    """In a hold the side changes, and what an old worker holds must follow it."""
    router.forget_rows()
    router.adopt()

    def reloads() -> None:
        for number in range(5):
            host.check_output("systemctl reload cryptobot-edge")
            print(router.steer("reloaded", ("native", "docker")[number % 2]))
            time.sleep(0.5)

    report = under_load(7000, reloads, seconds=60, rate=60)
    assert report["failed"] == 0
    once(report)
    side, strayed = "docker", []
    for identity, to in router.rows():
        if identity == "MARK":
            side = to
        elif to != side:
            strayed.append((identity, to, side))
    assert strayed == [], "a held write went to the old side"


def test_a_killed_proxy_refuses_nobody(router, host, under_load, once) -> None:
    router.forget_rows()
    router.adopt()
    router.side("native", "first")

    def kill() -> None:
        host.check_output(f"{KILL} cryptobot-edge")
        time.sleep(3)
        host.check_output(f"{KILL} cryptobot-edge")

    report = under_load(7000, kill, seconds=20, rate=60)
    assert not any("Refused" in name for name in report["results"])
    assert report["failed"] <= 2 * 10, "those that the proxy had in hand, and no other"
    once(report)
    assert router.answers(7000)["side"] == "native"


@pytest.mark.parametrize("action", ["reload", "restart"])
def test_the_state_is_the_same_after(router, host, action: str) -> None:
    router.adopt()
    router.side("native", "first")
    router.hold(60, "second/public")
    was = host.check_output("cat /var/lib/cryptobot-router/*.map && nft list table ip cryptobot_router")
    host.check_output(f"systemctl {action} cryptobot-edge")
    assert router.answers(7000)["side"] == "native" and router.answers(7010)["side"] == "docker"
    assert host.run("curl -s --max-time 2 -X POST -d '{}' http://127.0.0.1:7010/rows").rc == 28, "still held"
    assert host.check_output("cat /var/lib/cryptobot-router/*.map && nft list table ip cryptobot_router") == was


def test_a_container_at_another_address_is_served_again(router, host) -> None:
    router.adopt()
    host.check_output("curl -s http://127.0.0.1:7000/call")
    name = router.container("back")
    was = router.address(name)
    host.check_output(f"docker stop -t 1 {name}")
    host.check_output("docker run -d --rm --name squatter --network shop_default -v /usr:/usr:ro shop:1 sleep 100")
    script = (
        f"docker start {name} > /dev/null; began=$(date +%s%N); "
        "until curl -sf --max-time 5 http://127.0.0.1:7010/who > /dev/null; do sleep 0.05; done; "
        "echo $(( ($(date +%s%N) - began) / 1000000 ))"
    )
    took = int(host.check_output(script))
    assert router.address(name) != was
    print(f"served again {took} ms after its start; the aim is 2000")
    assert router.answers(7000, "/call")["other"]["service"] == "back"
    host.check_output("docker rm -f squatter")


PING = "redis-cli -p 26379 ping"
SERVED = (
    "began=$(date +%s%N); until timeout 5 redis-cli -p 26379 ping | grep -q PONG; do sleep 0.02; done; "
    "echo $(( ($(date +%s%N) - began) / 1000000 ))"
)


def test_a_shared_datastore_is_reached_wherever_its_container_is(router, host) -> None:
    assert host.check_output("redis-cli -p 26379 set who container") == "OK"
    name = router.container("store")
    took = host.check_output(f"docker restart -t 1 {name} > /dev/null; {SERVED}")
    print(f"served {took} ms after a restart; the aim is 2000")
    was = router.address(name)
    host.check_output(f"docker stop -t 1 {name}")
    assert "closed" in host.run(PING).stderr, "refused while there is none"
    host.check_output("docker run -d --rm --name squatter --network shop_default -v /usr:/usr:ro shop:1 sleep 100")
    took = host.check_output(f"docker start {name} > /dev/null; {SERVED}")
    print(f"served {took} ms after a start at another address; the aim is 2000")
    assert router.address(name) != was
    host.check_output("docker rm -f squatter")


def test_a_reload_keeps_connections_of_datastores_and_stops_no_window(router, host) -> None:
    router.adopt()
    router.steer("calls")
    listening = (
        "import socket, time; kept = socket.create_connection(('127.0.0.1', 26379)); "
        "kept.sendall(b'SUBSCRIBE x\\r\\n'); time.sleep(600)"
    )
    host.check_output(f'nohup python3 -c "{listening}" > /dev/null 2>&1 & echo $! > /tmp/listening')
    heard = "redis-cli -p 26379 publish x y"
    host.check_output(f"until {heard} | grep -q 1; do sleep 0.1; done")
    try:
        host.check_output("systemctl reload cryptobot-edge")
        assert host.check_output(heard) == "1" and host.check_output(PING) == "PONG"
        until = time.monotonic() + 30
        while router.stat("access_store", 4) != 1 or host.run("python3 /srv/shop/steer.py guard first").rc:
            assert time.monotonic() < until, router.refused("guard", "first")
            time.sleep(0.5)
        assert host.check_output(heard) == "1", "an old worker has it"
    finally:
        host.run("kill $(cat /tmp/listening)")


def test_an_engine_that_restarts_is_followed(router, host) -> None:
    router.adopt()
    host.check_output("systemctl restart docker")
    router.eventually(7000, "docker")
    router.eventually(7010, "docker")
    assert host.run("nft list table ip cryptobot_router").rc == 0
    until = time.monotonic() + 15
    while router.adopt()["changed"] and time.monotonic() < until:
        time.sleep(1)
    assert router.answers(7000, "/call")["other"]["side"] == "docker"


def test_a_table_that_a_firewall_took_away_comes_back(router, host) -> None:
    router.adopt()
    host.check_output("nft delete table ip cryptobot_router")
    until = time.monotonic() + 15
    while host.run("nft list table ip cryptobot_router").rc and time.monotonic() < until:
        time.sleep(0.5)
    assert host.run("nft list table ip cryptobot_router").rc == 0
    assert not router.adopt()["changed"]


def test_a_group_on_the_native_side_keeps_its_ports(router) -> None:
    router.adopt()
    router.side("native", "first")
    said = router.module("adoption", good=False, state="released", **router.settings())["msg"]
    assert "cannot be given back" in said and "first" in said


def test_a_boot_brings_it_all_back(router, host, reboot) -> None:
    router.adopt()
    router.side("native", "first")
    maps = host.check_output("cat /var/lib/cryptobot-router/*.map")
    reboot()
    began = host.check_output(
        "systemctl show --property=ActiveEnterTimestampMonotonic --value cryptobot-router-adoption"
    )
    engine = host.check_output("systemctl show --property=ActiveEnterTimestampMonotonic --value docker")
    assert 0 < int(began) < int(engine), "before the engine publishes a port"
    router.eventually(7010, "docker")
    host.check_output(f"timeout 60 sh -c 'until {PING} | grep -q PONG; do sleep 0.2; done'")
    until = time.monotonic() + 30
    while router.module("adoption", check=True, state="adopted", **router.settings())["changed"]:
        assert time.monotonic() < until, "the watcher has not followed the containers"
        time.sleep(0.5)
    assert host.check_output("cat /var/lib/cryptobot-router/*.map") == maps
    assert host.check_output("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:7000/who") in ("200", "503"), (
        "never its container"
    )


def test_a_boot_in_a_cutover_begins_held(router, host, reboot) -> None:
    """Who decides which side writes cannot ask the databases yet: nobody is served by either until then."""
    router.adopt()
    intent = "/var/lib/cryptobot-router/intent.json"
    host.check_output(f"echo '{{\"groups\": [\"first\"]}}' > {intent}")
    try:
        reboot()
        router.eventually(7010, "docker")
        assert host.run("curl -s --max-time 3 http://127.0.0.1:7000/who").rc == 28, "a read waits, too"
        assert "503" in host.check_output("curl -si http://127.0.0.1:27000/who | head -1"), "refused in the end"
        order = "ActiveEnterTimestampMonotonic"
        held, begun = (
            int(host.check_output(f"systemctl show --property={order} --value {unit}"))
            for unit in ("cryptobot-router-hold", "cryptobot-edge")
        )
        assert 0 < held < begun
        host.check_output("systemctl restart cryptobot-edge")
        router.release()
        host.check_output("systemctl restart cryptobot-edge")
        router.eventually(7000, "docker")
        assert host.run("curl -s --max-time 3 http://127.0.0.1:7000/who").rc == 0, "only a boot holds again"
    finally:
        host.check_output(f"rm -f {intent}")
