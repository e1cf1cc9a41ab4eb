"""The exchange simulator and the journey's own arithmetic."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from exchange.exchange import Book, Handler
from journey import Api, JourneyError, made_bars, totp
from seed import Amounts

ORDER = {"client_order_id": "c-1", "symbol": "BTC-USD", "side": "buy", "quantity": "1"}


@pytest.fixture
def exchange(tmp_path: Path):
    Handler.book = Book(tmp_path / "record.jsonl")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def ask(method: str, url: str, body: object = None) -> tuple[int, dict]:
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, content, method=method), timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_doubled_order_is_seen_and_survives_a_restart(exchange, tmp_path):
    assert [ask("POST", f"{exchange}/orders", ORDER)[1]["exchange_order_id"] for _ in range(2)] == [
        "X00000001",
        "X00000002",
    ]
    assert ask("GET", f"{exchange}/doubled")[1] == {"doubled": {"c-1": 2}}
    assert ask("GET", f"{exchange}/requests")[1]["count"] == 2
    assert len(Book(tmp_path / "record.jsonl").orders) == 2


def test_a_lost_answer_has_made_its_order_and_a_refused_one_has_not(exchange):
    ask("PUT", f"{exchange}/faults", {"lose_answers": 1, "refuse": 0})
    with pytest.raises(OSError):
        ask("POST", f"{exchange}/orders", ORDER)
    ask("PUT", f"{exchange}/faults", {"refuse": 1})
    assert ask("POST", f"{exchange}/orders", ORDER)[0] == 503
    assert len(ask("GET", f"{exchange}/orders?client_order_id=c-1")[1]["orders"]) == 1


@pytest.mark.parametrize("body", [None, [], {"symbol": "BTC-USD"}, "text"])
def test_what_is_no_order_is_refused_and_recorded(exchange, body):
    assert ask("POST", f"{exchange}/orders", body)[0] == 400
    assert ask("GET", f"{exchange}/requests")[1]["count"] == 1


@pytest.mark.parametrize(("at", "code"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_totp_gives_the_codes_of_rfc_6238(at, code):
    assert totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at) == code


def test_an_address_comes_from_the_services_first_and_the_edge_else():
    api = Api("http://edge/", {"auth": "http://auth:8000/"})
    assert api.url("auth", "/me") == "http://auth:8000/me"
    assert api.url("trade", "/orders") == "http://edge/api/trade/orders"
    with pytest.raises(JourneyError, match="no address of trade"):
        Api(None, {}).url("trade", "/orders")


def test_made_bars_are_the_same_every_time_and_whole():
    assert made_bars() == made_bars()
    assert all(
        low <= min(opened, close) <= max(opened, close) <= high for _, opened, high, low, close, _ in made_bars()
    )


def test_a_seed_is_bounded():
    Amounts().check()
    with pytest.raises(JourneyError, match="--orders 501 is not between 0 and 500"):
        Amounts(orders=501).check()
