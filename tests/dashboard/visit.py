"""A user opens the dashboard in a real browser and finds what the journey has made; the pictures stay."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "hosts"))

from machine import install, run  # noqa: E402

PICTURES = ("dark.png", "desktop.png", "phone.png")


def prepare() -> None:
    """Installs Debian's Chromium and its driver where they are missing."""
    install(["chromium", "chromium-driver"])


def visit(base: str, journey: Path, out: Path) -> list[Path]:
    """Logs in as the journey's user, looks for what the journey made, and returns the pictures that were taken.

    ``base`` is the entrance's URL, ``journey`` the file that ``journey.py --keep-session --json`` wrote. Raises
    ``MachineError`` with what the browser saw where something is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    look = [sys.executable, str(HERE / "screenshot.py"), "--url", f"{base}/", "--account", str(journey), "--out", str(out)]
    run([*look, "--strategy", "journey", "--symbol", "BTC-USD"], timeout=300)
    return [out / name for name in PICTURES]
