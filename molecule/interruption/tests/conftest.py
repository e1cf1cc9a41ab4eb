"""One host with both sides; the tests of this scenario follow one another."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from migration import Migration  # noqa: E402


@pytest.fixture(scope="module")
def migration(host, tmp_path_factory) -> Migration:
    """The host of the scenario."""
    made = Migration(host, tmp_path_factory.mktemp("migration"))
    # nginx makes empty folders in its own layer.
    made.accept = ["layer-files:dashboard"]
    return made


@pytest.fixture(scope="module")
def settled(host) -> Callable[[], None]:
    """Waits until no container is unhealthy: whoever needs a server has noticed that it is back."""

    def wait() -> None:
        until = time.monotonic() + 240
        while host.check_output("docker ps -q --filter health=unhealthy --filter health=starting"):
            assert time.monotonic() < until, host.check_output("docker ps")
            time.sleep(3)

    return wait
