"""``config.toml``, and what a signal comes to by it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Plan:
    """Pauses and the lease are in seconds."""

    interval: float
    batch: int
    lease: int
    blocked: frozenset[str]

    @classmethod
    def load(cls, path: Path) -> Plan:
        with path.open("rb") as handle:
            document = tomllib.load(handle)
        loop, leader = document["loop"], document["leader"]
        return cls(
            interval=float(loop["interval_seconds"]),
            batch=int(loop["batch"]),
            lease=int(leader["lease_seconds"]),
            blocked=frozenset(document.get("symbols", {}).get("blocked", [])),
        )

    def decide(self, signal: dict[str, Any]) -> dict[str, str]:
        """The completion of *signal*."""
        if signal["symbol"] in self.blocked:
            return {"status": "failed", "note": f"{signal['symbol']} is blocked"}
        return {"status": "done", "note": f"{signal['side']} seen"}
