# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service manager's notification protocol (``sd_notify(3)``)."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Sequence


def notify(text: str, descriptors: Sequence[int] = ()) -> None:
    """Send one datagram of ``KEY=value`` lines; without a manager (run by hand) there is nobody to tell."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    if path.startswith("@"):
        path = "\0" + path[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(path)
        if descriptors:
            socket.send_fds(manager, [text.encode()], list(descriptors))
        else:
            manager.send(text.encode())


def status(text: str, extend_seconds: float = 0) -> None:
    """Say what the unit is doing; `extend_seconds` moves the start timeout that far from now."""
    lines = [f"STATUS={text}"]
    if extend_seconds:
        lines.append(f"EXTEND_TIMEOUT_USEC={int(extend_seconds * 1e6)}")
    notify("\n".join(lines))


def barrier(timeout: float = 5.0) -> None:
    """Return when the manager has read what was sent before: a sender that exits earlier may not be recognised as ours."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    reader, writer = os.pipe()
    notify("BARRIER=1", [writer])
    os.close(writer)
    select.select([reader], [], [], timeout)
    os.close(reader)
