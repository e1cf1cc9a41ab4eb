"""The servers of this scenario as the pairs of tests/plants/postgresql."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "plants" / "postgresql"))

made = yaml.safe_load((Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory" / "made.yml").read_text())["all"]["hosts"]
FIFTEEN, OTHER = (f"{made['twelve']['cryptobot_address']}:{port}" for port in (5432, 5433))
SEVENTEEN = f"{made['thirteen']['cryptobot_address']}:5432"
os.environ["PLANTS_PAIRS"] = f"{FIFTEEN}-{OTHER},{FIFTEEN}-{SEVENTEEN},{SEVENTEEN}-{OTHER}"
