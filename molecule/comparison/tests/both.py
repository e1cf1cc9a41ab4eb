"""The two hosts of this scenario, by name: `container` and `cryptobot_address`."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
_INVENTORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory" / "made.yml"
made: dict[str, dict[str, str]] = yaml.safe_load(_INVENTORY.read_text(encoding="utf-8"))["all"]["hosts"]
