"""OHLCV bars in files, one a symbol and interval, replaced as a whole so that a reader never sees half of one.

`backtest` reads the same files by its own code: the format is the contract between the two.
A line is ``time,open,high,low,close,volume``; the time is in seconds since 1970; lines are sorted by it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptobot_common.errors import not_found

Bar = tuple[int, float, float, float, float, float]

# The group of the directory reads too; the way files are made here would take that away.
FILE_MODE = 0o660


def _parse(line: str) -> Bar:
    time, *prices = line.split(",")
    opened, high, low, close, volume = map(float, prices)
    return int(time), opened, high, low, close, volume


def _format(bar: Bar) -> str:
    time, *prices = bar
    return ",".join([str(time), *(repr(float(price)) for price in prices)])


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Read, merge and replace are one step, for other threads and for other instances."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    """The old file or the new one, also after a crash."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fchmod(handle.fileno(), FILE_MODE)
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class BarStore:
    """The files under one directory."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)

    def _path(self, symbol: str, interval: str) -> Path:
        return self.directory / symbol / f"{interval}.csv"

    def check(self) -> None:
        """Read the directory's entries and one file's first byte."""
        for path in sorted(self.directory.iterdir())[:1]:
            for file in sorted(path.glob("*.csv"))[:1] if path.is_dir() else ():
                with file.open("rb") as handle:
                    handle.read(1)

    def symbols(self) -> list[dict[str, object]]:
        return [
            {"symbol": path.name, "intervals": sorted(file.stem for file in path.glob("*.csv"))}
            for path in sorted(self.directory.iterdir())
            if path.is_dir()
        ]

    def read(self, symbol: str, interval: str) -> list[Bar]:
        try:
            lines = self._path(symbol, interval).read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            raise not_found(f"a file of {symbol} bars at {interval}") from None
        return [_parse(line) for line in lines]

    def merge(self, symbol: str, interval: str, bars: list[Bar]) -> tuple[int, str]:
        """Add *bars*, the new one winning where the time is the same; the count and digest of what is there now."""
        path = self._path(symbol, interval)
        # Group and setgid bit come from the directory above; a sandbox may refuse to set that bit by hand.
        path.parent.mkdir(mode=0o770, exist_ok=True)
        with _locked(path.parent):
            old = self.read(symbol, interval) if path.exists() else []
            merged = sorted({bar[0]: bar for bar in [*old, *bars]}.values())
            content = "".join(_format(bar) + "\n" for bar in merged).encode("ascii")
            _replace(path, content)
        return len(merged), hashlib.sha256(content).hexdigest()
