# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's line to the guardian: as long as bytes come, the window is the controller's."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

from .errors import CutoverError, Decided

SOCKET = Path("/run/cryptobot-cutover/guardian.sock")
UNIT = "cryptobot-cutover-guardian.service"
READY, BEAT, DONE, GIVEN_UP = b"r", b"h", b"d", b"g"
EVERY = 0.1
ANSWER_SECONDS = 5.0


class Heartbeat:
    """A connection to the guardian. What that has closed stays closed: who comes late finds nobody there."""

    def __init__(self, path: Path | str = SOCKET) -> None:
        self._path = str(path)
        self._line: socket.socket | None = None
        self._stop = threading.Event()

    def begin(self) -> None:
        """See that the guardian is there and free, and begin to beat."""
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(ANSWER_SECONDS)
        try:
            line.connect(self._path)
            if line.recv(1) != READY:
                raise OSError("it closed the connection")
        except OSError as error:
            line.close()
            raise CutoverError(
                f"The guardian does not answer at {self._path} ({error}), and without it a window would not survive "
                f"its controller. Look at: systemctl status {UNIT}"
            ) from None
        line.setblocking(False)
        self._line = line
        threading.Thread(target=self._beat, daemon=True).start()

    def alive(self) -> None:
        """Raises Decided when the guardian has closed its end: from then on it decides, and nobody else."""
        self._send(BEAT)

    def done(self) -> None:
        """The window has ended, and left nothing."""
        self._stop.set()
        with suppress(Decided):
            self._send(DONE)
        self.close()

    def give_up(self) -> None:
        """Leave the window to the guardian, and promise to do nothing more: it need not end this process."""
        with suppress(Decided):
            self._send(GIVEN_UP)
        self.close()

    def close(self) -> None:
        self._stop.set()
        if self._line:
            self._line.close()

    def _send(self, what: bytes) -> None:
        try:
            if self._line is None:
                raise OSError("there is no connection")
            self._line.send(what, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            # It has not read for a while, and will find more than enough.
            return
        except OSError as error:
            raise Decided(f"The guardian has ended this window's line ({error}): it decides from now on.") from None

    def _beat(self) -> None:
        with suppress(Decided):
            while not self._stop.wait(EVERY):
                self._send(BEAT)
