"""Tasks that are queued when the worker is restarted or killed are each done once; what was in a killed worker is begun anew."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
import reference

TASKS = 12
WITHIN = 150
UNIT = "cryptobot-backtest-worker@1.service"


@pytest.fixture
def call(host):
    """Asks a service through its public door."""
    address = host.ansible.get_variables()["cryptobot_address"]

    def ask(service: str, method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(
            f"http://{address}:{reference.doors()[service]['public']}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {reference.token(address)}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    return ask


@pytest.mark.parametrize(
    ("action", "begun_anew"), [(f"systemctl restart {UNIT}", 0), (f"systemctl kill --kill-whom=main --signal=KILL {UNIT}", 1)], ids=["restart", "kill"]
)
def test_each_task_is_done_once(host, call, action: str, begun_anew: int) -> None:
    start = 1_700_000_000
    bars = [[start + 3600 * hour, "100", "101", "99", str(100 + hour % 7), "1"] for hour in range(2000)]
    call("data", "POST", "/bars/BTC-USD/1h", {"bars": bars})
    strategy = call("strategy", "POST", "/strategies", {"name": f"worker {time.time()}", "symbol": "BTC-USD"})["id"]
    queued = {call("backtest", "POST", "/backtests", {"strategy_id": strategy})["id"] for __ in range(TASKS)}
    host.check_output(action)
    until = time.monotonic() + WITHIN
    while True:
        rows = {row["id"]: row for row in call("backtest", "GET", f"/backtests?strategy_id={strategy}&limit=1000")["items"]}
        waiting = [row for row in rows.values() if row["status"] in ("queued", "running")]
        if not waiting or time.monotonic() > until:
            break
        time.sleep(1)
    assert set(rows) == queued
    assert {row["status"] for row in rows.values()} == {"done"}
    assert len([row for row in rows.values() if row["runs"] != 1]) <= begun_anew
