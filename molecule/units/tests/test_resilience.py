"""Kills, restarts, reloads and stops, under load and without. Nobody retries."""

from __future__ import annotations

import json
import time

import pytest

LEDGER, GATE, LATE, PAGE = 7100, 7200, 7300, 7400
CLIENTS = 10
KILL = "systemctl kill --kill-whom=main --signal=KILL"
# What a client sees of a request that was in the process: an end without a whole answer. Never a refusal, a 503, a time-out.
CUT_OFF = {f"{method} {how}" for method in ("GET", "POST") for how in ("status 502", "ConnectionAbortedError", "ConnectionResetError", "IncompleteReadError")}


def active(host, unit: str, within: float = 120) -> None:
    until = time.monotonic() + within
    while host.run(f"systemctl is-active {unit}").stdout.strip() != "active":
        assert time.monotonic() < until, host.run(f"systemctl status --no-pager {unit}").stdout
        time.sleep(0.3)


def test_restarts_fail_nothing(host, under_load, acknowledged_once) -> None:
    def restart() -> None:
        for __ in range(3):
            host.check_output("systemctl restart cryptobot-ledger-web@1")
            time.sleep(2)

    report = under_load(LEDGER, restart)
    assert report["requests"] >= 2000
    assert report["failed"] == 0
    acknowledged_once("ledger", report)


def test_a_kill_fails_only_what_was_in_the_process(host, under_load, acknowledged_once) -> None:
    def kill() -> None:
        for __ in range(2):
            host.check_output(f"{KILL} cryptobot-ledger-web@1")
            time.sleep(1)
            active(host, "cryptobot-ledger-web@1")

    report = under_load(LEDGER, kill)
    assert set(report["results"]) <= {"GET ok", "POST ok", *CUT_OFF}
    assert report["failed"] <= 2 * CLIENTS
    acknowledged_once("ledger", report)
    host.check_output("systemctl restart cryptobot-ledger-web@1")


def test_a_program_with_its_own_port_restarts_by_its_second_instance(host, under_load, acknowledged_once, play) -> None:
    variables = '{"cryptobot_services__units_again": {"gate": {"settings": {"changed": true}}}}'
    report = under_load(GATE, lambda: play("--extra-vars", variables), seconds=45, rate=60)
    assert report["requests"] >= 2000
    assert report["failed"] == 0
    acknowledged_once("gate", report)
    assert json.loads(host.check_output("cat /var/lib/cryptobot/slots.json")) == {"gate-web": "b"}
    assert host.service("cryptobot-gate-web@2").is_running and host.service("cryptobot-gate-web@2").is_enabled
    assert not host.service("cryptobot-gate-web@1").is_running and not host.service("cryptobot-gate-web@1").is_enabled


@pytest.mark.parametrize("action", ["systemctl reload cryptobot-edge", "systemctl restart cryptobot-edge"])
def test_the_proxy_reloads_and_restarts_unseen(host, under_load, acknowledged_once, action: str) -> None:
    def act() -> None:
        for __ in range(3):
            host.check_output(action)
            time.sleep(2)

    report = under_load(LEDGER, act)
    assert report["requests"] >= 2000
    assert report["failed"] == 0
    acknowledged_once("ledger", report)


def test_a_killed_proxy_refuses_nobody(host, under_load, acknowledged_once) -> None:
    def kill() -> None:
        host.check_output(f"{KILL} cryptobot-edge")
        time.sleep(1)
        active(host, "cryptobot-edge")

    report = under_load(LEDGER, kill)
    assert "ConnectionRefusedError" not in " ".join(report["results"])
    assert report["failed"] <= CLIENTS
    acknowledged_once("ledger", report)
    host.check_output("systemctl restart cryptobot-edge")


def test_what_was_stopped_stays_stopped(host) -> None:
    """The proxy asks for its health every second: nothing may take that for a wish to start."""
    host.check_output("systemctl stop cryptobot-page-web@1")
    time.sleep(5)
    assert not host.service("cryptobot-page-web@1").is_running
    assert host.run(f"python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:{PAGE}/\")'").rc != 0
    assert host.run("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", 17400))'").rc != 0
    host.check_output("systemctl start cryptobot-page-web@1")


def test_a_program_that_ends_with_0_has_failed(host) -> None:
    host.run(f"python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:{LATE}/end\")'")
    time.sleep(2)
    assert "failure 1 of 7" in host.check_output("journalctl --no-pager --since=-60s -u 'cryptobot-late-web@*'")
    for number in (1, 2):
        active(host, f"cryptobot-late-web@{number}")


def test_it_waits_for_what_comes_first_and_uses_up_no_restart(host) -> None:
    host.check_output("systemctl stop cryptobot-ledger-web@1")
    host.check_output("systemctl restart --no-block cryptobot-late-web@1")
    time.sleep(8)
    shown = host.check_output("systemctl show -p ActiveState,StatusText,NRestarts cryptobot-late-web@1")
    assert "ActiveState=activating" in shown and "waiting for ledger" in shown and "NRestarts=0" in shown
    host.check_output("systemctl start cryptobot-ledger-web@1")
    active(host, "cryptobot-late-web@1")


def test_delays_grow_and_past_the_limit_the_alert_fires(host, programs) -> None:
    units = [f"cryptobot-{name}.service" for name in ("ledger-web@1", "gate-web@2", "page-web@1")]
    host.check_output(f"systemctl restart {' '.join(units)}")
    report = json.loads(host.check_output(f"python3 {programs}/kills.py --times 6 {' '.join(units)}"))
    for unit, found in report.items():
        print(unit, found["seconds"])
    for unit, found in report.items():
        times = found["seconds"]
        assert found["state"] == "active"
        assert all(later >= 1.5 * earlier for earlier, later in zip(times[1:], times[2:], strict=False)), (unit, times)
    assert not host.file("/var/log/cryptobot/alerts").exists or units[0] not in host.file("/var/log/cryptobot/alerts").content_string
    host.check_output(f"{KILL} {units[0]}")
    time.sleep(5)
    assert host.run(f"systemctl is-failed {units[0]}").stdout.strip() == "failed"
    assert f"{units[0]} failed for good" in host.file("/var/log/cryptobot/alerts").content_string
    host.check_output(f"systemctl start {units[0]}")
    assert host.service(units[0]).is_running, "a plain start works again"
