"""A program that dies at one point of the journal after the other, and is called again until it ends by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MOST = 60
BEFORE = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(":")
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
faults.FILE = Path(sys.argv[2])
"""


def walk(program: str, words: Sequence[object], folder: Path) -> list[str]:
    """The points at which it died. ``words`` are its ``sys.argv[3:]``."""
    faults = folder / "faults"
    faults.touch(mode=0o600)
    faults.write_text("each *\n", encoding="utf-8")
    for __ in range(MOST):
        command = [sys.executable, "-c", BEFORE + program, ":".join(sys.path), str(faults), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        died = [line[7:] for line in faults.read_text(encoding="utf-8").splitlines() if line.startswith("killed ")]
        if done.returncode == 0:
            return died
        assert done.returncode == -signal.SIGKILL, f"after {died[-1:]}: {done.stderr[-1500:]}"
    raise AssertionError(f"It does not end: {died}")
