"""A stage of its own for each test: servers start in half a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import redis_window as lab  # noqa: E402


@pytest.fixture
def stage(tmp_path) -> Iterator[lab.Stage]:
    with lab.Stage(tmp_path) as found:
        found.begin()
        yield found


@pytest.fixture
def walled(tmp_path) -> Iterator[lab.Stage]:
    """With walls, which take root and nft."""
    lab.program("nft", "nftables")
    with lab.Stage(tmp_path, walls=True) as found:
        found.begin()
        try:
            yield found
        finally:
            lab.tear_down(found)
