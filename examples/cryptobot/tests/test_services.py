"""Routes and rules of the services, each on its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from cryptobot_common.errors import Problem

ORDER = {"client_order_id": "order-1", "symbol": "BTC-USD", "side": "buy", "quantity": "0.5", "price": "100"}
GATEWAY = ("POST", "execution-gateway", "/orders")


def trade(load, *, gateway=None):
    module = load("trade")
    peers = module.service.peers
    peers.answers["GET", "auth", "/introspect"] = {"active": True}
    peers.answers[GATEWAY] = gateway or {"status": "accepted", "exchange_order_id": "X1"}
    return module, peers


def test_an_order_is_one_by_its_client_order_id(load, client, user_token):
    module, peers = trade(load)
    http = client(module)
    first = http.post("/orders", json=ORDER, headers=user_token())
    assert (first.status_code, first.json()["status"], first.json()["quantity"]) == (201, "accepted", "0.5")
    again = http.post("/orders", json=ORDER, headers=user_token())
    assert (again.status_code, again.json()["exchange_order_id"]) == (200, "X1")
    assert http.post("/orders", json=ORDER | {"quantity": "2"}, headers=user_token()).status_code == 409
    assert http.post("/orders", json=ORDER, headers=user_token("another")).status_code == 409
    assert [asked[:3] for asked in peers.asked].count(GATEWAY) == 1
    assert http.get("/orders/order-1", headers=user_token("another")).status_code == 404


def test_an_order_that_nobody_can_tell_about_stays_pending_and_is_settled_by_the_repeat(load, client, user_token):
    module, peers = trade(load, gateway=Problem(503, "peer_unavailable", "execution-gateway did not answer"))
    http = client(module)
    assert http.post("/orders", json=ORDER, headers=user_token()).status_code == 202
    peers.answers[GATEWAY] = {"status": "accepted", "exchange_order_id": "X7"}
    again = http.post("/orders", json=ORDER, headers=user_token())
    assert (again.status_code, again.json()["status"], again.json()["exchange_order_id"]) == (200, "accepted", "X7")


def test_an_order_that_the_gateway_refuses_is_rejected_for_good(load, client, user_token):
    module, _ = trade(load, gateway=Problem(422, "invalid", "no such symbol"))
    answer = client(module).post("/orders", json=ORDER, headers=user_token())
    assert (answer.status_code, answer.json()["status"], answer.json()["error"]) == (201, "rejected", "no such symbol")


def test_read_only_mode_refuses_orders_and_only_services_set_it(load, client, user_token, service_token):
    module, peers = trade(load)
    http = client(module)
    assert http.put("/mode", json={"read_only": True}, headers=user_token()).status_code == 403
    assert http.put("/mode", json={"read_only": True}, headers=service_token).json() == {"read_only": True}
    refused = http.post("/orders", json=ORDER, headers=user_token())
    assert (refused.status_code, refused.json()["error"]["code"], refused.headers["Retry-After"]) == (
        503,
        "read_only",
        "1",
    )
    assert not peers.asked
    assert http.get("/orders", headers=user_token()).json() == {"items": []}


def test_an_ended_session_and_an_inactive_strategy_place_nothing(load, client, user_token):
    module, peers = trade(load)
    http = client(module)
    peers.answers["GET", "strategy", "/strategies/3"] = {"active": False}
    assert http.post("/orders", json=ORDER | {"strategy_id": 3}, headers=user_token()).status_code == 409
    peers.answers["GET", "auth", "/introspect"] = {"active": False}
    assert http.post("/orders", json=ORDER, headers=user_token()).status_code == 401
    assert http.get("/orders", headers=user_token()).json() == {"items": []}


def test_positions_net_buys_and_sells(load, client, user_token):
    module, _ = trade(load)
    http = client(module)
    for number, (side, quantity, price) in enumerate([("buy", "2", "100"), ("buy", "2", "200"), ("sell", "1", "300")]):
        draft = ORDER | {"client_order_id": f"o-{number:03d}", "side": side, "quantity": quantity, "price": price}
        assert http.post("/orders", json=draft, headers=user_token()).status_code == 201
    held = {"symbol": "BTC-USD", "quantity": "3", "mean_price": "150"}
    assert http.get("/positions", headers=user_token()).json()["items"] == [held]


def test_reconciliation_names_each_kind_of_difference(load):
    load("trade")
    from trade.reconciliation import compare

    found = compare({"a", "b"}, {"a", "b", "c"}, {"b": 2, "c": 1, "z": 1})
    assert found == {"missing": ["a"], "doubled": ["b"], "unknown": ["z"]}


def test_a_strategy_s_versions_stay_and_only_its_owner_sees_it(load, client, user_token, service_token):
    http = client(load("strategy"))
    draft = {"name": "mine", "symbol": "BTC-USD", "parameters": {"fast": 5}}
    made = http.post("/strategies", json=draft, headers=user_token())
    path = f"/strategies/{made.json()['id']}"
    changed = http.put(path, json={"symbol": "BTC-USD", "parameters": {"fast": 9}}, headers=user_token()).json()
    assert (made.status_code, changed["version"], changed["active"]) == (201, 2, False)
    assert http.post(f"{path}/activate", json={"version": 1}, headers=user_token()).json()["active_version"] == 1
    first, second = http.get(f"{path}/versions", headers=user_token()).json()["items"]
    assert (first["parameters"], second["parameters"]) == ({"fast": 5.0}, {"fast": 9.0})
    assert http.delete(path, headers=user_token()).status_code == 409
    assert http.get(path, headers=user_token("another")).status_code == 404
    assert http.get(path, headers=service_token).status_code == 200


def test_a_signal_is_completed_once_and_by_services_alone(load, client, user_token, service_token):
    http = client(load("trading-api"))
    made = http.post("/signals", json={"symbol": "BTC-USD", "side": "buy"}, headers=user_token()).json()
    path, body = f"/signals/{made['id']}/completion", {"status": "done", "note": "seen"}
    assert http.post(path, json=body, headers=user_token()).status_code == 403
    assert http.post(path, json=body, headers=service_token).json()["status"] == "done"
    assert http.post(path, json=body, headers=service_token).status_code == 409


def test_bars_are_merged_sorted_and_readable_by_the_group(load, tmp_path):
    load("data")
    from data.bars import BarStore

    store = BarStore(str(tmp_path))
    store.merge("BTC-USD", "1h", [(7200, 1, 2, 0.5, 1.5, 9), (0, 1, 2, 0.5, 1.25, 9)])
    count, digest = store.merge("BTC-USD", "1h", [(7200, 1, 2, 0.5, 1.75, 9)])
    assert count == 2
    assert [bar[4] for bar in store.read("BTC-USD", "1h")] == [1.25, 1.75]
    assert store.merge("BTC-USD", "1h", [(0, 1, 2, 0.5, 1.25, 9)]) == (2, digest)
    assert (tmp_path / "BTC-USD/1h.csv").stat().st_mode & 0o777 == 0o660
    assert [path.name for path in (tmp_path / "BTC-USD").iterdir()] == ["1h.csv"]


def test_bars_that_are_loaded_at_once_are_all_kept(load, tmp_path):
    load("data")
    from data.bars import BarStore

    store = BarStore(str(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda time: store.merge("BTC-USD", "1h", [(time, 1, 2, 0.5, 1.5, 9)]), range(100)))
    assert [bar[0] for bar in store.read("BTC-USD", "1h")] == list(range(100))


def test_a_slow_reader_of_prices_loses_the_oldest(load):
    load("data")
    from data.stream import QUEUE_LENGTH, PriceStream

    stream = PriceStream()
    with stream.queue() as queue:
        for number in range(QUEUE_LENGTH + 5):
            stream.publish(str(number))
        assert (queue.qsize(), queue.get_nowait()) == (QUEUE_LENGTH, "5")


def test_a_password_matches_itself_alone(load):
    load("auth")
    from auth.credentials import hash_password, password_matches

    stored = hash_password("correct horse", 2**4)
    assert password_matches("correct horse", stored)
    assert not password_matches("correct house", stored)


def test_the_plan_blocks_by_its_file(load):
    source = Path(__file__).resolve().parent.parent / "services/orchestrator"
    module = load("orchestrator", CONFIG_TOML=str(source / "config.toml"))
    assert module.plan.decide({"symbol": "XXX-USD", "side": "buy"})["status"] == "failed"
    assert module.plan.decide({"symbol": "BTC-USD", "side": "buy"}) == {"status": "done", "note": "buy seen"}


@pytest.mark.parametrize(
    ("side", "quantity", "price", "active", "reasons"),
    [
        ("buy", "1", "10", True, 0),
        ("buy", "1", "10", False, 1),
        ("buy", "8", "20", True, 1),
        ("buy", "9", "1", True, 1),
        ("sell", "3", "1", True, 1),
    ],
)
def test_risk_names_each_limit(load, side, quantity, price, active, reasons):
    module = load("risk-management")
    candidate = module.Candidate(strategy_id=1, side=side, quantity=quantity, price=price)
    assert len(module.judge(candidate, active, Decimal(2), Decimal(100), Decimal(10))) == reasons


def test_a_holding_without_a_price_has_no_worth(load):
    module = load("portfolio-management")
    held = [{"symbol": "A", "quantity": "2", "mean_price": "3"}, {"symbol": "B", "quantity": "1", "mean_price": None}]
    first, second = module.value(held, {"A": Decimal(5)})
    assert (first["worth"], first["gain"], second["worth"]) == ("10", "4", None)


def test_a_report_counts_only_what_was_done(load):
    module = load("reporting")
    orders = [
        {"status": "accepted", "mode": "live", "quantity": "2", "price": "10"},
        {"status": "rejected", "mode": "live", "quantity": "9", "price": "10"},
    ]
    assert module.summarise(orders) == {
        "orders": 2, "by_status": {"accepted": 1, "rejected": 1}, "by_mode": {"live": 2}, "turnover": "20",
    }  # fmt: skip


def test_one_occasion_of_a_strategy_has_one_client_order_id(load):
    module = load("strategy-execution")
    assert module.client_order_id(3, 2, "1700000000") == "s3-v2-1700000000"
