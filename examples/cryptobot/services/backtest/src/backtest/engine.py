"""The computation itself: the same bars and the same rule give the same answer, on every machine.

Prices become integers (units of 1e-8) at the door and stay so: no sum depends on an order of floating additions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

UNIT = 10**8
START_CASH = 10_000 * UNIT


@dataclass(frozen=True)
class Outcome:
    """Money in decimal strings; ``drawdown`` and ``return`` in basis points."""

    bars: int
    trades: int
    final_equity: str
    return_bp: int
    drawdown_bp: int

    def as_dict(self) -> dict[str, int | str]:
        return asdict(self)


def to_units(price: str) -> int:
    return int((Decimal(price) * UNIT).to_integral_value())


def _text(units: int) -> str:
    return f"{Decimal(units) / UNIT:.8f}"


def _moving_average(closes: Sequence[int], at: int, parameters: Mapping[str, float]) -> bool | None:
    """Hold while the fast mean is above the slow one; compared without dividing."""
    fast, slow = int(parameters.get("fast", 5)), int(parameters.get("slow", 20))
    if at + 1 < slow:
        return None
    return sum(closes[at + 1 - fast : at + 1]) * slow > sum(closes[at + 1 - slow : at + 1]) * fast


def _momentum(closes: Sequence[int], at: int, parameters: Mapping[str, float]) -> bool | None:
    """Hold while the price is above the one *lookback* bars ago."""
    lookback = int(parameters.get("lookback", 10))
    return None if at < lookback else closes[at] > closes[at - lookback]


SIGNALS = {"moving-average": _moving_average, "momentum": _momentum}


def run(kind: str, parameters: Mapping[str, float], closes: Sequence[int], fee_bp: int = 10) -> Outcome:
    """Trade the whole cash at each change of signal, at the close, for *fee_bp* basis points."""
    signal = SIGNALS[kind]
    cash, coins, trades = START_CASH, 0, 0
    peak, drawdown = START_CASH, 0
    for at, close in enumerate(closes):
        hold = signal(closes, at, parameters)
        if hold and not coins and cash:
            coins, cash, trades = cash * (10_000 - fee_bp) * UNIT // (close * 10_000), 0, trades + 1
        elif hold is False and coins:
            cash, coins, trades = coins * close * (10_000 - fee_bp) // (UNIT * 10_000), 0, trades + 1
        equity = cash + coins * close // UNIT
        peak = max(peak, equity)
        drawdown = max(drawdown, (peak - equity) * 10_000 // peak)
    final = cash + (coins * closes[-1] // UNIT if closes else 0)
    return Outcome(len(closes), trades, _text(final), (final - START_CASH) * 10_000 // START_CASH, drawdown)
