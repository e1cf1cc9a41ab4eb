"""The servers of this scenario as the pairs of tests/plants/postgresql."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[3] / "tests" / "plants" / "postgresql")]

from both import made  # noqa: E402

FIFTEEN, OTHER = (f"{made['twelve']['cryptobot_address']}:{port}" for port in (5432, 5433))
SEVENTEEN = f"{made['thirteen']['cryptobot_address']}:5432"
os.environ["PLANTS_PAIRS"] = f"{FIFTEEN}-{OTHER},{FIFTEEN}-{SEVENTEEN},{SEVENTEEN}-{OTHER}"
