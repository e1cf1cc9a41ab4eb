# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One module of the collection changes a host at a time.

A play whose controller was killed leaves the module that it had begun at work on the host. The next play's module waits
for its end, so that it plans from what is there then; another play's module waits in the same way. The kernel takes the
lock back when its process ends, however it ends.
"""

from __future__ import annotations

import atexit
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from .migration.lock import Lock, LockHeld

DIRECTORY = Path("/run/cryptobot-turn")
PATIENCE = 600.0
PAUSE = 0.2


class Module(Protocol):
    """What is needed of Ansible's."""

    check_mode: bool

    def fail_json(self, msg: str) -> Any: ...


def take_turn(module: Module, what: str, directory: Path = DIRECTORY, patience: float = PATIENCE) -> None:
    """Wait until no other module changes this host, and be the one that does until the own process ends. Check mode need not.

    Fails the module after ``patience`` seconds, with who has been at work for how long and how to end it.
    """
    if module.check_mode:
        return
    held, until = ExitStack(), time.monotonic() + patience
    while True:
        try:
            held.enter_context(Lock(directory).held(what))
        except LockHeld as error:
            if time.monotonic() > until:
                module.fail_json(msg=f"{error} {patience:.0f} s were waited for it.")
                return
            time.sleep(PAUSE)
        else:
            atexit.register(held.close)
            return
