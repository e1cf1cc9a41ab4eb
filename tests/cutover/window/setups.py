"""What moves in a window of the loop: databases by their tables, a Redis, and processes that run on one side alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Setup:
    """``tables`` by database; ``cache``: a Redis moves, too; ``jobs``: so do a process, its directory and its SQLite
    file."""

    name: str
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cache: bool = False
    jobs: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        return ("api", "trade", "jobs") if self.jobs else ("api", "trade")

    @property
    def stores(self) -> tuple[str, ...]:
        return (*self.tables, *(["cache"] if self.cache else []), *(["files", "notebook"] if self.jobs else []))

    def database(self, table: str) -> str:
        """That has a table; empty where none has."""
        return next((name for name, tables in self.tables.items() if table in tables), "")


ORDERS, CALLS, ENTRIES = ("orders", "journal"), ("calls", "notes"), ("entries", "sums")
TWO = Setup("two", {"api": CALLS, "trade": ORDERS})
ONE = Setup("one", {"trade": (*ORDERS, *CALLS)}, cache=True)
WHOLE = Setup("whole", {"api": CALLS, "ledger": ENTRIES, "trade": ORDERS}, cache=True, jobs=True)
LOOSE = Setup("loose", cache=True, jobs=True)
"""Without a database: a file decides."""
SETUPS = {setup.name: setup for setup in (TWO, ONE, WHOLE, LOOSE)}
