"""Changes go to one host of applications after the other, while the platform is used; the tests build on each other."""

from __future__ import annotations

import json
import time
from pathlib import Path

import platform_of_hosts as platform
import pytest
import reference

testinfra_hosts = ["ansible://edge"]
WITH_A_KEPT_SOCKET, WITH_ITS_OWN = "strategy", "execution-gateway"
ORDER = {"client_order_id": "%ID%", "symbol": "BTC-USD", "side": "buy", "quantity": "1", "price": "1"}
WEB = f"cryptobot-{WITH_A_KEPT_SOCKET}-web@1.service"


def setting(value: str, *services: str) -> str:
    return json.dumps({"cryptobot_services__rolling": {service: {"settings": {"log_level": value}} for service in services}})


def level(host: str) -> str:
    return json.loads(platform.on(host, f"cat /etc/cryptobot/{WITH_A_KEPT_SOCKET}.json"))["settings"]["log_level"]


def test_a_play_over_one_host_after_all_changes_nothing(tmp_path: Path) -> None:
    assert platform.changed(platform.play("--limit", "app2", folder=tmp_path)) == {"app2": 0}


def test_a_change_goes_from_host_to_host_and_fails_no_request(tmp_path: Path) -> None:
    token, doors = reference.token(platform.address("edge")), reference.doors()
    strategies = platform.load(
        doors[WITH_A_KEPT_SOCKET]["public"], "/health/ready", "/strategies", {"name": "%ID%", "symbol": "BTC-USD"}, token
    )
    orders = platform.load(doors[WITH_ITS_OWN]["public"], "/health/ready", "/orders", ORDER, token)
    before = {host: platform.started(host, WEB) for host in ("app1", "app2")}
    try:
        said = platform.play("-e", setting("debug", WITH_A_KEPT_SOCKET, WITH_ITS_OWN), folder=tmp_path)
    finally:
        reports = [platform.report(strategies), platform.report(orders)]
    assert platform.changed(said)["edge"] == 0
    for told in reports:
        assert told["requests"] > 200 and told["failed"] == 0, told["failures"]
    assert all(platform.started(host, WEB) != before[host] for host in before)
    began = [int(platform.on(host, f"date -d \"$(systemctl show --value -p ActiveEnterTimestamp {WEB})\" +%s")) for host in ("app1", "app2")]
    assert began[0] <= began[1]
    slots = [json.loads(platform.on(host, "cat /var/lib/cryptobot/slots.json")) for host in ("app1", "app2")]
    assert [each[f"{WITH_ITS_OWN}-web"] for each in slots] == ["b", "b"], "the twin took over on both"


def test_where_the_first_host_does_not_become_healthy_the_second_is_left(tmp_path: Path) -> None:
    before = platform.started("app2", WEB)
    broken = {WITH_A_KEPT_SOCKET: {"settings": {"log_level": "broken"}, "environment": {"DATABASE_URL": "postgresql://127.0.0.1:1/none"}}}
    broken[WITH_A_KEPT_SOCKET]["processes"] = {"web": {"start_timeout": 10}}
    said = platform.play("-e", json.dumps({"cryptobot_services__rolling": broken}), folder=tmp_path, fails=True)
    assert f"{WEB}" in said and "mend the cause, and run the play again" in said
    assert level("app1") == "broken" and level("app2") == "debug" and platform.started("app2", WEB) == before
    platform.play("-e", setting("debug", WITH_A_KEPT_SOCKET, WITH_ITS_OWN), folder=tmp_path)
    assert level("app1") == "debug" and platform.started("app2", WEB) == before
    platform.journey()


@pytest.fixture
def paused() -> None:
    yield
    platform.docker("unpause", platform.container("app2"), check=False)


def test_where_the_second_host_is_lost_the_first_is_whole_and_the_next_run_goes_on(tmp_path: Path, paused: None) -> None:
    changed, first = ("-e", setting("warning", WITH_A_KEPT_SOCKET)), platform.started("app1", WEB)
    log = tmp_path / "lost.log"
    running = platform.begin("site.yml", *changed, output=log)
    while platform.started("app1", WEB) == first and running.poll() is None:
        time.sleep(0.2)
    platform.docker("pause", platform.container("app2"))
    assert running.wait(platform.PLAY_SECONDS) != 0
    said = log.read_text(encoding="utf-8")
    assert "UNREACHABLE app2" in said and "run the same command again" in said
    assert level("app1") == "warning" and "active" in platform.on("app1", f"systemctl is-active {WEB}")
    # The proxy leads past the host that does not answer.
    platform.journey()
    platform.docker("unpause", platform.container("app2"))
    counts = platform.changed(platform.play(*changed, folder=tmp_path))
    assert level("app2") == "warning" and counts["app2"] > 0
    assert {host: count for host, count in counts.items() if count and host != "app2"} == {}


def test_a_host_that_is_not_there_stops_the_play_before_anything_is_changed(tmp_path: Path, paused: None) -> None:
    platform.docker("pause", platform.container("app2"))
    said = platform.play("-e", setting("error", WITH_A_KEPT_SOCKET), folder=tmp_path, fails=True)
    assert "UNREACHABLE app2" in said and sum(platform.changed(said).values()) == 0
    assert level("app1") == "warning"
