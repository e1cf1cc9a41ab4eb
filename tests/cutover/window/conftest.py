"""One stage for the tests of this folder, with the load on it all the time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [*(str(ROOT / "tests" / each) for each in ("servers", "cutover/postgresql", "cutover/redis")), str(HERE)]

import faults  # noqa: E402
import stage as stages  # noqa: E402


@pytest.fixture(scope="module")
def stage() -> Iterator[stages.Stage]:
    with stages.Stage() as found, found.load():
        yield found


@pytest.fixture(scope="module")
def loop(stage) -> faults.Faults:
    return faults.Faults(stage, faults.points(stage))
