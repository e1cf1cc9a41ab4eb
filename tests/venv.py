"""Makes .venv exactly as requirements-test.txt says, by uv, whose cache all clones share."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import MachineError, install, run  # noqa: E402

REQUIREMENTS = ROOT / "requirements-test.txt"
VENV = ROOT / ".venv"


def main() -> None:
    install(["python3-venv", "git"])
    run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    # uv installs from the pinned file; it comes from that file itself.
    pinned = re.search(r"^uv==\S+", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE)
    run([f"{VENV}/bin/pip", "install", "--quiet", "--disable-pip-version-check", pinned[0]], timeout=600)
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "UV_SYSTEM_CERTS": "1"}
    run([f"{VENV}/bin/uv", "pip", "sync", "--quiet", "--require-hashes", str(REQUIREMENTS)], env=environment, timeout=900)
    (VENV / "complete").touch()


if __name__ == "__main__":
    try:
        main()
    except MachineError as error:
        sys.exit(f"tests/venv.py: {error}")
