# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``uvicorn --http cryptobot_drain:Protocol``: a graceful stop that fails no request which is already on its way.

Plain uvicorn closes idle connections at once when it stops, also those on which a request is just arriving. Here a
connection without a request keeps GRACE seconds to send it, and the answers then say ``Connection: close``. What waits
in the listening socket's queue is left to the next instance, which takes over the same socket.
"""

from __future__ import annotations

import asyncio
import os

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
except ImportError:
    from uvicorn.protocols.http.h11_impl import H11Protocol as Base

GRACE = float(os.environ.get("CRYPTOBOT_DRAIN_GRACE", "1"))


class Protocol(Base):
    """The HTTP protocol that uvicorn would have chosen, with a later end."""

    closing = False
    """Of the class, so of the whole process: connections that were accepted just before are made known after the stop began."""
    leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if Protocol.closing:
            self.shutdown()

    def shutdown(self) -> None:
        Protocol.closing = True
        busy = self.cycle is not None and not self.cycle.response_complete
        if self.leaving or busy:
            super().shutdown()
            return
        self.leaving = True
        self.loop.call_later(GRACE, self._late_shutdown)

    def _late_shutdown(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def handle_events(self) -> None:
        """What the h11 implementation calls instead of `on_headers_complete`."""
        super().handle_events()
        if self.leaving and self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
