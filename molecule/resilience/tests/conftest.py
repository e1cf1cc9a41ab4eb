"""The fixtures of every load."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(ROOT / "molecule" / "default" / "tests")]

from fixtures import programs, under_load  # noqa: E402, F401
