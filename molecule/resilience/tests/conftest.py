"""The fixtures of every load."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(ROOT / "molecule" / "default" / "tests")]

from fixtures import programs, under_load  # noqa: E402, F401


def pytest_collection_modifyitems(items: list) -> None:
    """A container that is started again may get another address than the inventory says: that test is the last one."""
    items.sort(key=lambda item: "test_boot" in item.nodeid)
