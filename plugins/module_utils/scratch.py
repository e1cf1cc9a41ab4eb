# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private folders for passwords and definitions under way. What killed processes have left goes with the next one."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .migration import lock

PREFIX = "cryptobot-work-"
NAME = re.compile(rf"{PREFIX}(?P<pid>\d+)-(?P<started>\d*)-")


@contextmanager
def folder(where: Path | str | None = None) -> Iterator[Path]:
    """A folder (0700) that is gone afterwards; below ``where``, else below the system's folder for such."""
    base = Path(where or tempfile.gettempdir())
    clear(base)
    pid = os.getpid()
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{pid}-{lock.started(pid)}-", dir=base) as made:
        yield Path(made)


def clear(base: Path) -> None:
    """Remove folders of ours whose process has ended. What others have named so, or own, is left alone."""
    with suppress(OSError):
        for path in base.glob(f"{PREFIX}*"):
            found, status = NAME.match(path.name), path.lstat()
            ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            if found and ours and not lock.alive(int(found["pid"]), found["started"]):
                shutil.rmtree(path, ignore_errors=True)
