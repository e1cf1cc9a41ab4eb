"""Works without a port, and says in a file that it does."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

alive = Path(os.environ["STATE_DIRECTORY"]) / "alive"
signal.signal(signal.SIGTERM, lambda *__: sys.exit(0))
time.sleep(0.5)
alive.touch()
while True:
    time.sleep(1)
