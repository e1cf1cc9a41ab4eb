#!/usr/bin/env python3
"""A user's way through the whole platform: from registering to a report, with the order counted at the exchange.

    journey.py --base http://HOST [--exchange http://HOST:9100]            through the edge: /api/<service>/…
    journey.py --services '{"auth": "http://HOST:8000", …}' --exchange …   each service at its own door

One line a step with its duration; status 1 and a sentence at the first that fails. Python's standard library only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import math
import secrets
import struct
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BARS = 400
FIRST_BAR = 1_700_000_000 - 1_700_000_000 % 3600


class JourneyError(Exception):
    """A step that did not go as it must."""


def totp(secret: str, at: float | None = None) -> str:
    """RFC 6238: six digits, thirty seconds, SHA-1."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def made_bars(count: int = BARS) -> list[list[float]]:
    """The same bars for everybody: two waves on a slope."""
    bars = []
    for hour in range(count):
        close = round(30_000 + 20 * hour + 900 * math.sin(hour / 7) + 400 * math.sin(hour / 23), 2)
        bars.append([FIRST_BAR + 3600 * hour, close - 10, close + 25, close - 30, close, 5 + hour % 11])
    return bars


class Api:
    """Requests to the services, through the edge or at their own doors."""

    def __init__(self, base: str | None, services: dict[str, str], timeout: float = 30) -> None:
        self._base, self._services, self._timeout = base, services, timeout
        self.token = ""
        self.request_id = ""

    def url(self, service: str, path: str) -> str:
        if service in self._services:
            return self._services[service].rstrip("/") + path
        if not self._base:
            raise JourneyError(f"no address of {service}: name it in --services or give --base")
        return f"{self._base.rstrip('/')}/api/{service}{path}"

    def call(self, method: str, service: str, path: str, body: Any = None, expect: tuple[int, ...] = (200,)) -> Any:
        """The JSON answer; an unexpected status is an error that tells the answer."""
        headers = {"Accept": "application/json", "X-Request-ID": self.request_id}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = self.url(service, path)
        status, text = fetch(urllib.request.Request(url, content, headers, method=method), self._timeout)
        if status not in expect:
            raise JourneyError(f"{method} {url} answered {status} instead of {expect[0]}: {text[:300]}")
        return json.loads(text) if text else None


def fetch(request: urllib.request.Request, timeout: float) -> tuple[int, str]:
    """Status and text, whatever the status; an error only when there is no answer."""
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (urllib.error.URLError, OSError) as error:
        raise JourneyError(f"{request.get_method()} {request.full_url}: no answer ({error})") from error


@dataclass
class Journey:
    """One new user's steps, in order; each stores what the next ones need."""

    api: Api
    exchange: str | None
    symbol: str = "BTC-USD"
    wait_seconds: float = 60
    keep_session: bool = False
    steps: list[dict[str, Any]] = field(default_factory=list)
    user: dict[str, Any] = field(default_factory=dict)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    strategy_id: int = 0
    client_order_id: str = field(default_factory=lambda: f"journey-{secrets.token_hex(8)}")

    def register(self) -> str:
        email = f"{secrets.token_hex(6)}@journey.example"
        account = {"email": email, "password": self.password}
        self.user = self.api.call("POST", "auth", "/register", account, (201,))
        self.api.call("POST", "auth", "/register", account, (409,))
        return email

    def log_in(self) -> str:
        credentials = {"email": self.user["email"], "password": self.password}
        self.api.call("POST", "auth", "/login", credentials | {"password": "not the password"}, (401,))
        challenge = self.api.call("POST", "auth", "/login", credentials)["challenge"]
        answer = {"challenge": challenge, "code": totp(self.user["totp_secret"])}
        wrong = f"{(int(answer['code']) + 500_000) % 1_000_000:06d}"
        self.api.call("POST", "auth", "/login/verify", answer | {"code": wrong}, (401,))
        tokens = self.api.call("POST", "auth", "/login/verify", answer)
        tokens = self.api.call("POST", "auth", "/refresh", {"refresh_token": tokens["refresh_token"]})
        self.api.token = tokens["access_token"]
        return f"user {self.api.call('GET', 'auth', '/me')['id'][:8]}, refreshed once"

    def create_strategy(self) -> str:
        rule = {"kind": "moving-average", "symbol": self.symbol, "parameters": {"fast": 5, "slow": 20, "quantity": 0.5}}
        made = self.api.call("POST", "strategy", "/strategies", rule | {"name": "journey"}, (201,))
        self.strategy_id = made["id"]
        changed = rule | {"parameters": rule["parameters"] | {"slow": 30}}
        self.api.call("PUT", "strategy", f"/strategies/{self.strategy_id}", changed)
        active = self.api.call("POST", "strategy", f"/strategies/{self.strategy_id}/activate", {})
        self._same("active version", active["active_version"], 2)
        return f"strategy {self.strategy_id}, version 2 active"

    def load_bars(self) -> str:
        loaded = self.api.call("POST", "data", f"/bars/{self.symbol}/1h", {"bars": made_bars()}, (201,))
        found = self.api.call("GET", "data", f"/bars/{self.symbol}/1h?limit={BARS}")["bars"]
        if not found:
            raise JourneyError("data has no bars although it took some")
        return f"{loaded['count']} bars, digest {loaded['digest'][:12]}"

    def backtest(self) -> str:
        first, second = self._backtest(), self._backtest()
        self._same("input of the two backtests", second["input_digest"], first["input_digest"])
        self._same("answer of the two backtests", second["result"], first["result"])
        self._same("runs of the second backtest", second["runs"], 1)
        return f"{first['result']['trades']} trades, equity {first['result']['final_equity']}, twice the same"

    def _backtest(self) -> dict[str, Any]:
        wanted = {"strategy_id": self.strategy_id, "interval": "1h"}
        queued = self.api.call("POST", "backtest", "/backtests", wanted, (201,))
        deadline = time.monotonic() + self.wait_seconds
        while time.monotonic() < deadline:
            row = self.api.call("GET", "backtest", f"/backtests/{queued['id']}")
            if row["status"] == "done":
                return row
            if row["status"] == "failed":
                raise JourneyError(f"backtest {row['id']} failed: {row['error']}")
            time.sleep(0.1)
        raise JourneyError(f"backtest {queued['id']} was not done within {self.wait_seconds:.0f} s: is the worker up?")

    def paper_order(self) -> str:
        wanted = {"strategy_id": self.strategy_id, "side": "buy", "quantity": "0.5"}
        order = self.api.call("POST", "paper-trading", "/orders", wanted, (201,))
        self._same("status of the paper order", order["status"], "filled")
        return f"{order['client_order_id']} filled at {order['price']}"

    def live_order(self) -> str:
        draft = {
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": "buy",
            "quantity": "0.25",
            "price": "30000",
            "strategy_id": self.strategy_id,
        }
        first = self.api.call("POST", "trade", "/orders", draft, (201,))
        self._same("status of the live order", first["status"], "accepted")
        again = self.api.call("POST", "trade", "/orders", draft, (200,))
        self._same("order on repeating it", again["exchange_order_id"], first["exchange_order_id"])
        self.api.call("POST", "trade", "/orders", draft | {"quantity": "0.75"}, (409,))
        if not self.exchange:
            return f"{first['exchange_order_id']}; no --exchange given, so it was not counted there"
        url = f"{self.exchange.rstrip('/')}/orders?client_order_id={self.client_order_id}"
        status, text = fetch(urllib.request.Request(url), 30)
        self._same("status of the exchange", status, 200)
        self._same("orders at the exchange", len(json.loads(text)["orders"]), 1)
        return f"{first['exchange_order_id']}, once at the exchange"

    def report(self) -> str:
        report = self.api.call("GET", "reporting", "/reports/summary")
        self._same("orders in the report", report["orders"], 2)
        self._same("orders by mode", report["by_mode"], {"live": 1, "paper": 1})
        return f"turnover {report['turnover']}"

    def log_out(self) -> str:
        self.api.call("POST", "auth", "/logout", expect=(204,))
        self.api.call("GET", "auth", "/me", expect=(401,))
        return "the token is refused"

    @staticmethod
    def _same(what: str, found: Any, wanted: Any) -> None:
        if found != wanted:
            raise JourneyError(f"{what}: {found!r} instead of {wanted!r}")

    def run(self) -> Iterator[dict[str, Any]]:
        """Each step's record as it ends; the first that fails is the last."""
        for name, step in self.ways():
            self.api.request_id = f"journey-{secrets.token_hex(8)}"
            with self._timed(name) as record:
                record["detail"] = step()
            yield record
            if not record["ok"]:
                return

    def ways(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("register", self.register),
            ("log in with second factor", self.log_in),
            ("create and activate a strategy", self.create_strategy),
            ("load bars", self.load_bars),
            ("backtest", self.backtest),
            ("paper order", self.paper_order),
            ("live order", self.live_order),
            ("report", self.report),
            *([] if self.keep_session else [("log out", self.log_out)]),
        ]

    @contextmanager
    def _timed(self, name: str) -> Iterator[dict[str, Any]]:
        record: dict[str, Any] = {"step": name, "ok": True, "request_id": self.api.request_id, "detail": ""}
        started = time.monotonic()
        try:
            yield record
        except JourneyError as error:
            record |= {"ok": False, "detail": str(error)}
        except (KeyError, ValueError, TypeError) as error:
            record |= {"ok": False, "detail": f"unexpected answer: {error!r}"}
        record["seconds"] = round(time.monotonic() - started, 3)
        self.steps.append(record)


def line(record: dict[str, Any]) -> str:
    return f"{'ok  ' if record['ok'] else 'FAIL'} {record['seconds']:7.2f} s  {record['step']}: {record['detail']}"


def result(journey: Journey, keep_session: bool) -> dict[str, Any]:
    """What `--json` writes; with the account only where the session is meant to be used further."""
    seconds = round(sum(step["seconds"] for step in journey.steps), 3)
    found = {"passed": all(step["ok"] for step in journey.steps), "seconds": seconds, "steps": journey.steps}
    if keep_session:
        secret = journey.user.get("totp_secret")
        account = {"email": journey.user.get("email"), "password": journey.password, "totp_secret": secret}
        found["account"] = account | {"access_token": journey.api.token}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="the edge, for example http://127.0.0.1")
    parser.add_argument("--services", type=json.loads, default={}, help='JSON: {"auth": "http://127.0.0.1:8000", …}')
    parser.add_argument("--exchange", help="the exchange simulator, for example http://127.0.0.1:9100")
    parser.add_argument("--symbol", default="BTC-USD")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for a backtest")
    parser.add_argument("--json", type=Path, help="where to write the results")
    parser.add_argument("--keep-session", action="store_true", help="no logout; the JSON names account and token")
    arguments = parser.parse_args()
    journey = Journey(Api(arguments.base, arguments.services), arguments.exchange, arguments.symbol, arguments.wait)
    journey.keep_session = arguments.keep_session
    for record in journey.run():
        print(line(record), flush=True)
    found = result(journey, arguments.keep_session)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if not found["passed"]:
        last = journey.steps[-1]
        print(f"the journey ended at '{last['step']}': {last['detail']}", file=sys.stderr)
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
