# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy's admin socket, as far as a restart by a second instance needs it."""

from __future__ import annotations

import csv
import os
import socket
import time
from collections.abc import Callable, Collection, Sequence

ADMIN_SOCKET = "/run/cryptobot-edge/admin.sock"


def _serves(server: str, row: dict[str, str]) -> bool:
    return server not in ("FRONTEND", "BACKEND") and row["status"].startswith(("UP", "no check"))


class EdgeError(Exception):
    """The proxy did not do, or did not see, what was asked for."""


def parse_stat(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """``show stat`` as (backend, server) → columns."""
    return {(row["pxname"], row["svname"]): row for row in csv.DictReader(text.lstrip("# ").splitlines())}


def ask(line: str, path: str = ADMIN_SOCKET, timeout: float = 5.0) -> str:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(timeout)
        admin.connect(path)
        admin.sendall(line.encode() + b"\n")
        answer = b""
        while part := admin.recv(65536):
            answer += part
    return answer.decode()


class Edge:
    """`path` may lead nowhere (the proxy is on another host): then there is nothing to ask and `here` is false."""

    def __init__(self, path: str = ADMIN_SOCKET, asker: Callable[..., str] = ask) -> None:
        self._path = path
        self._ask = asker

    @property
    def here(self) -> bool:
        return os.path.exists(self._path)

    def _stat(self) -> dict[tuple[str, str], dict[str, str]]:
        return parse_stat(self._ask("show stat", self._path))

    def _mine(self, backends: Sequence[str], server: str) -> list[dict[str, str]]:
        stat = self._stat()
        return [stat[backend, server] for backend in backends if (backend, server) in stat]

    def wait_up(self, backends: Sequence[str], server: str, limit: float = 15.0) -> None:
        until = time.monotonic() + limit
        while True:
            rows = self._mine(backends, server)
            if rows and all(row["status"].startswith("UP") or row["status"] == "no check" for row in rows):
                return
            if time.monotonic() > until:
                seen = ", ".join(f"{row['pxname']}: {row['status']} {row.get('last_chk', '')}".strip() for row in rows)
                raise EdgeError(f"the proxy does not see server {server} up within {limit:.0f} s ({seen or 'it has no such server'})")
            time.sleep(0.1)

    def set_state(self, backends: Sequence[str], server: str, state: str) -> None:
        """`state` is ready or drain; a backend that the proxy does not have is passed over."""
        known = self._stat()
        for backend in backends:
            if (backend, server) in known:
                answer = self._ask(f"set server {backend}/{server} state {state}", self._path).strip()
                if answer:
                    raise EdgeError(f"the proxy refused to set {backend}/{server} to {state}: {answer}")

    def wait_gone(self, backends: Sequence[str], server: str, limit: float = 15.0) -> None:
        """Until the proxy's checks find nobody there; after `limit` seconds it is as it is."""
        until = time.monotonic() + limit
        while any(row["status"].startswith(("UP", "DRAIN")) for row in self._mine(backends, server)) and time.monotonic() < until:
            time.sleep(0.1)

    def others_serve(self, backends: Sequence[str], servers: Collection[str]) -> bool:
        """Whether each of the backends has a server that takes requests beside these."""
        serving = {backend for (backend, server), row in self._stat().items() if server not in servers and _serves(server, row)}
        return set(backends) <= serving

    def draining(self, backends: Sequence[str], server: str) -> bool:
        return any(row["status"] == "DRAIN" for row in self._mine(backends, server))

    def wait_idle(self, backends: Sequence[str], server: str, limit: float) -> int:
        """Sessions that are left when none is, or when `limit` seconds are over."""
        until = time.monotonic() + limit
        while True:
            left = sum(int(row["scur"] or 0) for row in self._mine(backends, server))
            if not left or time.monotonic() > until:
                return left
            time.sleep(0.1)
