"""A user opens the dashboard in a real browser and finds what the journey has made; the pictures stay."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "dashboard"))

import visit  # noqa: E402


def test_the_dashboard_shows_it(host, tmp_path: Path) -> None:
    visit.prepare()
    base = f"http://{host.ansible.get_variables()['cryptobot_address']}"
    result = tmp_path / "journey.json"
    journey = [sys.executable, str(ROOT / "examples" / "cryptobot" / "journey.py"), "--base", base, "--keep-session", "--json", str(result)]
    went = subprocess.run(journey, capture_output=True, text=True, timeout=300, check=False)
    assert went.returncode == 0, went.stdout + went.stderr
    assert all(picture.stat().st_size > 10_000 for picture in visit.visit(base, result, ROOT / "build" / "dashboard"))
