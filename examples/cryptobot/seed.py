#!/usr/bin/env python3
"""Fills the platform through its APIs: users, API keys, strategies, bars, backtests, orders, signals, sessions.

    seed.py --base http://HOST --users 5 --orders 10 [--live 2] --json seeded.json

The same label gives the same content but for ids, times and secrets; a label that is there already is left alone.
Takes addresses as journey.py does. Python's standard library only.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journey import FIRST_BAR, Api, JourneyError, totp

SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "DOT-USD")
LIMITS = {"users": 200, "strategies": 20, "orders": 500, "live": 500, "symbols": len(SYMBOLS), "bars": 20_000}


@dataclass(frozen=True)
class Amounts:
    """How much of everything: strategies, orders (paper), live orders a user; bars a symbol."""

    users: int = 5
    strategies: int = 2
    orders: int = 10
    live: int = 1
    symbols: int = 3
    bars: int = 1000

    def check(self) -> None:
        """Every amount has a limit, so that a slip of the finger does not fill a disk."""
        for name, most in LIMITS.items():
            if not 0 <= getattr(self, name) <= most:
                raise JourneyError(f"--{name} {getattr(self, name)} is not between 0 and {most}")


def bars(symbol: str, count: int) -> list[list[float]]:
    """A wave of its own for each symbol."""
    level, pace = 100 * (1 + SYMBOLS.index(symbol)), 9 + 2 * SYMBOLS.index(symbol)
    found = []
    for hour in range(count):
        close = round(level * (1 + 0.2 * math.sin(hour / pace) + 0.05 * math.sin(hour / 50)), 4)
        high, low = round(close * 1.01, 4), round(close * 0.99, 4)
        found.append([FIRST_BAR + 3600 * hour, close, high, low, close, 1 + hour % 7])
    return found


@dataclass
class Seed:
    """One label's content."""

    api: Api
    label: str
    amounts: Amounts
    counts: dict[str, int] = field(default_factory=dict)
    accounts: list[dict[str, Any]] = field(default_factory=list)

    def _add(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def run(self) -> None:
        for number in range(self.amounts.users):
            if account := self._account(number):
                self._fill(account, number)

    def _account(self, number: int) -> dict[str, Any] | None:
        """A new user who is logged in; nothing where the user exists."""
        self.api.token = ""
        name = f"{self.label}-{number:03d}"
        credentials = {"email": f"{name}@seed.example", "password": f"password of {name}"}
        made = self.api.call("POST", "auth", "/register", credentials, (201, 409))
        if "totp_secret" not in made:
            self._add("users left alone")
            return None
        challenge = self.api.call("POST", "auth", "/login", credentials)["challenge"]
        answer = {"challenge": challenge, "code": totp(made["totp_secret"])}
        tokens = self.api.call("POST", "auth", "/login/verify", answer)
        self.api.token = tokens["access_token"]
        account = credentials | {"id": made["id"], "totp_secret": made["totp_secret"]}
        account |= {"access_token": tokens["access_token"], "refresh_token": tokens["refresh_token"]}
        self.accounts.append(account)
        self._add("users")
        return account

    def _fill(self, account: dict[str, Any], number: int) -> None:
        symbols = SYMBOLS[: self.amounts.symbols]
        if number == 0:
            for symbol in symbols:
                self.api.call("POST", "data", f"/bars/{symbol}/1h", {"bars": bars(symbol, self.amounts.bars)}, (201,))
                self._add("bar files")
        self.api.call("POST", "auth", "/api-keys", {"name": "seeded"}, (201,))
        self._add("api keys")
        for index in range(self.amounts.strategies):
            self._strategy(f"{self.label} {index}", symbols[(number + index) % len(symbols)], index)
        for index in range(self.amounts.orders + self.amounts.live):
            mode = "paper" if index < self.amounts.orders else "live"
            self._order(f"{self.label}-{number:03d}-{index:04d}", symbols[index % len(symbols)], index, mode)
        self.api.call("POST", "trading-api", "/signals", {"symbol": symbols[0], "side": "buy"}, (201,))
        self._add("signals")

    def _strategy(self, name: str, symbol: str, index: int) -> None:
        kind = ("moving-average", "momentum")[index % 2]
        rule = {"kind": kind, "symbol": symbol, "parameters": {"lookback": 5 + index}}
        made = self.api.call("POST", "strategy", "/strategies", rule | {"name": name}, (201,))
        path = f"/strategies/{made['id']}"
        self.api.call("PUT", "strategy", path, rule | {"parameters": {"lookback": 8 + index, "quantity": 0.1}})
        if index % 2 == 0:
            self.api.call("POST", "strategy", f"{path}/activate", {})
        self._add("strategies")
        self.api.call("POST", "backtest", "/backtests", {"strategy_id": made["id"]}, (201,))
        self._add("backtests")

    def _order(self, identity: str, symbol: str, index: int, mode: str) -> None:
        draft = {
            "client_order_id": identity,
            "symbol": symbol,
            "side": "sell" if index % 4 == 3 else "buy",
            "quantity": str(1 + index % 5),
            "price": str(100 + index),
            "mode": mode,
        }
        self.api.call("POST", "trade", "/orders", draft, (201,))
        self._add(f"{mode} orders")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="the edge, for example http://127.0.0.1")
    parser.add_argument("--services", type=json.loads, default={}, help="JSON of base addresses, as for journey.py")
    parser.add_argument("--label", default="seed")
    parser.add_argument("--json", type=Path, help="where to write counts and accounts, secrets among them (0600)")
    for name, most in LIMITS.items():
        parser.add_argument(f"--{name}", type=int, default=getattr(Amounts, name), help=f"at most {most}")
    arguments = parser.parse_args()
    amounts = Amounts(**{name: getattr(arguments, name) for name in LIMITS})
    seed = Seed(Api(arguments.base, arguments.services), arguments.label, amounts)
    started = time.monotonic()
    try:
        amounts.check()
        seed.run()
    except JourneyError as error:
        print(f"seed: {error}", file=sys.stderr)
        return 1
    seconds = round(time.monotonic() - started, 2)
    print(f"{seconds:.1f} s: " + ", ".join(f"{count} {what}" for what, count in seed.counts.items()))
    if arguments.json:
        arguments.json.touch(mode=0o600)
        result = {"seconds": seconds, "counts": seed.counts, "accounts": seed.accounts}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
