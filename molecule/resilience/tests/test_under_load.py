"""Each service is restarted and killed under load; nobody retries.

Half of the requests write a row where the service has one to write. A restart fails nothing; a kill fails only what was
in the killed process; each acknowledged row is found once. The proxy's own retries are printed.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass

import pytest
import reference

CLIENTS = 10
KILL = "systemctl kill --kill-whom=main --signal=KILL"
# What a client sees of a request that was in the process: an end without a whole answer. Never a refusal, a 503, a time-out.
CUT_OFF = {f"{method} {how}" for method in ("GET", "POST") for how in ("status 502", "ConnectionAbortedError", "ConnectionResetError", "IncompleteReadError")}
ORDER = {"client_order_id": "%ID%", "symbol": "BTC-USD", "side": "buy", "quantity": "1", "price": "1"}


@dataclass(frozen=True)
class Writing:
    """A request that writes a row, and the field by which it is found again: by what was sent, or by what was answered."""

    path: str
    body: dict[str, object]
    field: str
    answered: bool = False


WRITES = {
    "auth": Writing("/api-keys", {"name": "%ID%"}, "name"),
    "strategy": Writing("/strategies", {"name": "%ID%", "symbol": "BTC-USD"}, "name"),
    "trade": Writing("/orders", {**ORDER, "mode": "paper"}, "client_order_id"),
    "execution-gateway": Writing("/orders", ORDER, "client_order_id"),
    "trading-api": Writing("/signals", {"symbol": "BTC-USD", "side": "buy"}, "id", answered=True),
    "orchestrator": Writing("/runs", {}, "id", answered=True),
}
SERVICES = sorted(reference.doors())


def process_of(service: str) -> dict:
    """The process behind the door of a service, as the catalogue has it."""
    return reference.catalogue()["services"][service]["processes"][reference.doors()[service]["process"]]


# Of a program with a port of its own a restart is the play's work, by its second instance: molecule/units shows it.
WITH_A_KEPT_SOCKET = [service for service in SERVICES if process_of(service)["socket"] == "fd"]


@pytest.fixture
def address(host) -> str:
    return host.ansible.get_variables()["cryptobot_address"]


def kept(host, address: str, service: str, writing: Writing) -> list[str]:
    """The names of all rows that there are. The gateway lists 500 at most, so its database is asked."""
    if service == "execution-gateway":
        return host.check_output("runuser -u postgres -- psql -XAtd gateway -c 'SELECT client_order_id FROM orders'").split()
    url = f"http://{address}:{reference.doors()[service]['public']}{writing.path}?limit=10000"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {reference.token(address)}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [str(row[writing.field]) for row in json.load(answer)["items"]]


def retries(host, since: float) -> int:
    """How often the proxy itself tried again, by its log."""
    lines = host.check_output(f"journalctl --no-pager -o cat -u cryptobot-edge --since=@{since:.0f}").splitlines()
    found = [json.loads(line)["retries"] for line in lines if line.startswith("{")]
    return sum(int(count.lstrip("+")) for count in found)


def healthy(host, unit: str, within: float = 90) -> None:
    until = time.monotonic() + within
    while host.run(f"systemctl is-active {unit}").stdout.strip() != "active":
        assert time.monotonic() < until, host.run(f"systemctl status --no-pager {unit}").stdout
        time.sleep(0.3)


def live_unit(host, service: str, process: str) -> str:
    return host.check_output(f"systemctl list-units --state=active --plain --no-legend 'cryptobot-{service}-{process}@*'").split()[0]


def load(host, address: str, under_load, service: str, doing) -> dict:
    """The report of 2,000 requests and more, with its acknowledged rows looked for."""
    door, writing = reference.doors()[service], WRITES.get(service)
    began = time.time()
    report = under_load(
        door["public"],
        doing,
        seconds=20,
        rate=110,
        read=door["live"] or "/",
        write=writing.path if writing else "",
        body=json.dumps(writing.body) if writing else "",
        headers=[f"Authorization: Bearer {reference.token(address)}"],
        answer=writing.field if writing and writing.answered else "",
    )
    print(f"{service}: {report['requests']} requests, {report['failed']} failed, {retries(host, began)} tried again by the proxy")
    assert report["requests"] >= 2000
    if writing:
        names = kept(host, address, service, writing)
        assert len(names) == len(set(names)), "a write was done twice"
        assert not set(report["acknowledged"]) - set(names), "an acknowledged write is lost"
    return report


@pytest.mark.parametrize("service", WITH_A_KEPT_SOCKET)
def test_a_restart_fails_nothing(host, address: str, under_load, service: str) -> None:
    unit = live_unit(host, service, process_of(service)["name"])
    report = load(host, address, under_load, service, lambda: [host.check_output(f"systemctl restart {unit}") for __ in range(2)])
    assert report["failed"] == 0


@pytest.mark.parametrize("service", SERVICES)
def test_a_kill_fails_only_what_was_in_the_process(host, address: str, under_load, service: str) -> None:
    process = process_of(service)
    unit = live_unit(host, service, process["name"])

    def kill() -> None:
        host.check_output(f"{KILL} {unit}")
        time.sleep(1)
        healthy(host, unit)

    report = load(host, address, under_load, service, kill)
    if process["socket"] == "fd":
        assert set(report["results"]) <= {"GET ok", "POST ok", *CUT_OFF}
        assert report["failed"] <= CLIENTS
    host.check_output(f"systemctl restart {unit}")
