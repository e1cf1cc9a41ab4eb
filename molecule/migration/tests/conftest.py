"""One host with both sides; the tests of this scenario follow one another like the days of a migration."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(ROOT / "molecule" / "source" / "tests")]
sys.path.append(str(ROOT / "tests" / "hosts"))

from migration import Migration  # noqa: E402


@pytest.fixture(scope="module")
def migration(host, tmp_path_factory) -> Migration:
    """The host of the scenario."""
    made = Migration(host, tmp_path_factory.mktemp("migration"))
    # nginx makes empty folders in its own layer; the others are planted.
    made.accept = [
        "layer-files:dashboard",
        "layer-files:auth-service",
        "unknown-database:left_behind",
        "files-owner-foreign",
    ]
    return made
