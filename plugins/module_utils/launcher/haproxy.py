# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's sockets, the master's and an administrator's: a line in, text out."""

from __future__ import annotations

import socket


def ask(path: str, line: str, timeout: float = 2.0) -> str:
    """One command and its answer. Raises OSError; TimeoutError, which is one, after ``timeout`` seconds of silence."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(line.encode() + b"\n")
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.decode()
