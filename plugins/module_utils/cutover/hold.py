# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hold that lasts as long as somebody is at work, and ends by itself soon after he is not."""

from __future__ import annotations

import sys
import threading
import time

from ..postgresql import endpoint
from ..router.maps import DOOR_KINDS, HOLD, NOT_HELD, Files, RouterError, hold_key, parsed_lease
from ..router.traffic import Traffic
from .errors import Decided
from .intent import Intent

LEASE, RENEW_SECONDS = 8.0, 1.0


def say(text: str, level: int = 5) -> None:
    sys.stderr.write(f"<{level}>{text}\n")
    sys.stderr.flush()


class Hold:
    """Keeps what is held held until :meth:`end`, however long the decision takes."""

    def __init__(self, holding: Traffic, intent: Intent, files: Files) -> None:
        self._holding, self._intent, self._files = holding, intent, files
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Hold:
        self._thread.start()
        return self

    def __exit__(self, *__: object) -> None:
        self.end()

    def end(self) -> None:
        """No renewal begins after this returns."""
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(RENEW_SECONDS):
            try:
                # The effective user may be another one while a session is opened.
                with endpoint.own_user():
                    self.again()
            except Decided:
                return
            except (RouterError, OSError) as error:
                say(f"The hold was not renewed: {error}", 4)

    def again(self) -> None:
        """What a boot holds, which is everything and longer, is not cut short."""
        for kind in DOOR_KINDS:
            there = self._files.read_map(HOLD)
            leases = [parsed_lease(there.get(hold_key(group, kind), NOT_HELD)) for group in self._intent.held]
            if not any(leases) or self._over.is_set():
                continue
            until = max(time.time() + LEASE, *(each[0] for each in leases if each))
            every_method = self._intent.every_method or any(each[1] for each in leases if each)
            try:
                self._holding.hold(kind, until, every_method)
            except OSError as error:
                say(f"The hold is known to the router's workers alone, not to its file: {error}", 4)
                self._holding.hold(kind, until, every_method, kept=False)
