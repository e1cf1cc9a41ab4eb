"""A user opens the dashboard in a real browser and finds what the journey has made; the pictures stay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import install  # noqa: E402

PICTURES = ROOT / "build" / "dashboard"


def test_the_dashboard_shows_it(host, tmp_path: Path) -> None:
    install(["chromium", "chromium-driver"])
    base = f"http://{host.ansible.get_variables()['cryptobot_address']}"
    result = tmp_path / "journey.json"
    journey = [sys.executable, str(ROOT / "examples" / "cryptobot" / "journey.py"), "--base", base, "--keep-session", "--json", str(result)]
    went = subprocess.run(journey, capture_output=True, text=True, timeout=300, check=False)
    assert went.returncode == 0, went.stdout + went.stderr
    account = json.loads(result.read_text(encoding="utf-8"))["account"]
    PICTURES.mkdir(parents=True, exist_ok=True)
    look = [sys.executable, str(ROOT / "tests" / "dashboard" / "screenshot.py"), "--url", f"{base}/", "--out", str(PICTURES)]
    look += ["--email", account["email"], "--password", account["password"], "--totp-secret", account["totp_secret"]]
    look += ["--strategy", "journey", "--symbol", "BTC-USD"]
    seen = subprocess.run(look, capture_output=True, text=True, timeout=300, check=False)
    assert seen.returncode == 0, seen.stdout + seen.stderr
    assert {picture.name for picture in PICTURES.glob("*.png")} >= {"desktop.png", "phone.png"}
