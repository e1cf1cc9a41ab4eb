"""Reads the bar files that `data` writes: ``<symbol>/<interval>.csv``, the close in the fifth column."""

from __future__ import annotations

import hashlib
from pathlib import Path

from backtest.engine import to_units


class NoBars(LookupError):
    """There is no file for this symbol and interval."""


def check(directory: Path) -> None:
    """Read the directory's entries."""
    next(directory.iterdir(), None)


def exists(directory: Path, symbol: str, interval: str) -> bool:
    return (directory / symbol / f"{interval}.csv").is_file()


def closes(directory: Path, symbol: str, interval: str) -> tuple[list[int], str]:
    """Closing prices in units of 1e-8, and the digest of the file that they were read from."""
    try:
        content = (directory / symbol / f"{interval}.csv").read_bytes()
    except FileNotFoundError:
        raise NoBars(f"no bars of {symbol} at {interval}") from None
    prices = [to_units(line.split(",")[4]) for line in content.decode("ascii").splitlines()]
    return prices, hashlib.sha256(content).hexdigest()
