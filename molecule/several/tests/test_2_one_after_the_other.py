"""Changes go to one host of applications after the other, while the platform is used; the tests build on each other."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import platform_of_hosts as platform
import pytest
import reference

testinfra_hosts = ["ansible://edge"]
WITH_A_KEPT_SOCKET, WITH_ITS_OWN = "strategy", "execution-gateway"
ORDER = {"client_order_id": "%ID%", "symbol": "BTC-USD", "side": "buy", "quantity": "1", "price": "1"}
# What a change of a setting needs of the site.
ROLL = ("--tags", "services")
WEB = f"cryptobot-{WITH_A_KEPT_SOCKET}-web@1.service"


def setting(value: str, *services: str) -> str:
    return json.dumps({"cryptobot_services__rolling": {service: {"settings": {"log_level": value}} for service in services}})


def strategies() -> subprocess.Popen[str]:
    """Users who read and write strategies, by the service's own door."""
    token, door = reference.token(platform.address("edge")), reference.doors()[WITH_A_KEPT_SOCKET]
    return platform.load(door["public"], "/health/ready", "/strategies", {"name": "%ID%", "symbol": "BTC-USD"}, token)


def level(host: str) -> str:
    return json.loads(platform.on(host, f"cat /etc/cryptobot/{WITH_A_KEPT_SOCKET}.json"))["settings"]["log_level"]


def test_a_play_over_one_host_after_all_changes_nothing(tmp_path: Path) -> None:
    assert platform.changed(platform.play("--limit", "app2", folder=tmp_path)) == {"app2": 0}


def test_a_change_goes_from_host_to_host_and_fails_no_request(tmp_path: Path) -> None:
    token, doors = reference.token(platform.address("edge")), reference.doors()
    loads = [strategies(), platform.load(doors[WITH_ITS_OWN]["public"], "/health/ready", "/orders", ORDER, token)]
    before = {host: platform.started(host, WEB) for host in ("app1", "app2")}
    try:
        said = platform.play(*ROLL, "-e", setting("debug", WITH_A_KEPT_SOCKET, WITH_ITS_OWN), folder=tmp_path)
    finally:
        reports = [platform.report(each) for each in loads]
    # Requests were led past each host, and back.
    assert {host for host, count in platform.changed(said).items() if count} == {"app1", "app2"}
    for told in reports:
        assert told["requests"] > 200 and told["failed"] == 0, told["failures"]
    assert all(platform.started(host, WEB) != before[host] for host in before)
    began = [int(platform.on(host, f"date -d \"$(systemctl show --value -p ActiveEnterTimestamp {WEB})\" +%s")) for host in ("app1", "app2")]
    assert began[0] <= began[1]
    slots = [json.loads(platform.on(host, "cat /var/lib/cryptobot/slots.json")) for host in ("app1", "app2")]
    assert [each[f"{WITH_ITS_OWN}-web"] for each in slots] == ["b", "b"], "the twin took over on both"


def test_where_the_first_host_does_not_become_healthy_the_second_is_left(tmp_path: Path) -> None:
    before = platform.started("app2", WEB)
    broken = {WITH_A_KEPT_SOCKET: {"settings": {"log_level": "broken"}, "processes": {"web": {"start_timeout": 10}}}}
    running = strategies()
    try:
        said = platform.play(*ROLL, "-e", json.dumps({"cryptobot_services__rolling": broken}), folder=tmp_path, fails=True)
        # The proxy goes on leading past the one that is not healthy.
        time.sleep(20)
    finally:
        told = platform.report(running)
    assert told["requests"] > 200 and told["failed"] == 0, told["failures"]
    assert f"{WEB}" in said and "mend the cause, and run the play again" in said
    assert level("app1") == "broken" and level("app2") == "debug" and platform.started("app2", WEB) == before
    platform.play(*ROLL, "-e", setting("debug", WITH_A_KEPT_SOCKET, WITH_ITS_OWN), folder=tmp_path)
    assert level("app1") == "debug" and platform.started("app2", WEB) == before
    platform.journey()


@pytest.fixture
def back() -> Iterator[None]:
    yield
    platform.boot("app2")
    assert platform.settle("app2") == "running"


def lose() -> None:
    """As a machine whose current is cut. It is reached by ssh, which can say that nobody answers."""
    platform.docker("kill", platform.container("app2"))


def test_where_the_second_host_is_lost_the_first_is_whole(tmp_path: Path, back: None) -> None:
    first, log = platform.started("app1", WEB), tmp_path / "lost.log"
    running = platform.begin("site.yml", *ROLL, "-e", setting("warning", WITH_A_KEPT_SOCKET), output=log)
    while platform.started("app1", WEB) == first and running.poll() is None:
        time.sleep(0.2)
    lose()
    assert running.wait(platform.PLAY_SECONDS) != 0
    said = log.read_text(encoding="utf-8")
    assert "UNREACHABLE app2" in said and "run the same command again" in said, said
    assert level("app1") == "warning" and platform.on("app1", f"systemctl is-active {WEB}") == "active"
    # The proxy leads past the host that does not answer.
    platform.journey()


def test_and_the_next_run_goes_on(tmp_path: Path) -> None:
    assert level("app2") == "debug"
    said = platform.play(*ROLL, "-e", setting("warning", WITH_A_KEPT_SOCKET), folder=tmp_path)
    assert {host for host, count in platform.changed(said).items() if count} == {"app2"}
    assert level("app2") == "warning"


def test_a_host_that_is_not_there_stops_the_play_before_anything_is_changed(tmp_path: Path, back: None) -> None:
    lose()
    said = platform.play("-e", setting("error", WITH_A_KEPT_SOCKET), folder=tmp_path, fails=True)
    assert "UNREACHABLE app2" in said and sum(platform.changed(said).values()) == 0, said
    assert level("app1") == "warning"
