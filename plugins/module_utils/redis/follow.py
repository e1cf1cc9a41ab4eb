# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One server as another one's replica while both are used: begun, looked at, and kept from beginning again.

:mod:`.replica` copies once and then stands alone; here the copy stays current.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from .client import Connection, RedisError
from .facts import information
from .fence.book import BYTES, Page
from .fence.sessions import FOLLOWER, MINE

MARK = f"{MINE}mark"
PAUSE, MARK_PAUSE = 0.05, 0.001
SILENT_SECONDS = 60.0
"""A link that makes no headway for so long will not make any."""


class Headway:
    """Whether a server that copies its source's content gets anything more of it."""

    def __init__(self) -> None:
        self._before: tuple[str | None, ...] = ()
        self._at = time.monotonic()
        self.seconds = SILENT_SECONDS

    def lost(self, info: Mapping[str, str]) -> bool:
        """``info``: what the server says now. True when it has said the same for too long."""
        names = ("master_sync_read_bytes", "loading_loaded_bytes", "master_sync_in_progress")
        if (state := tuple(info.get(name) for name in names)) != self._before:
            self._before, self._at = state, time.monotonic()
        # A source that writes its file first sends signs of life, and nothing else.
        idle = float(info.get("master_sync_last_io_seconds_ago", self.seconds + 1))
        return min(idle, time.monotonic() - self._at) > self.seconds


@dataclass(frozen=True)
class Link:
    """What a server says of its source. ``offset``: how much of its source's stream it has, or has written itself."""

    master: bool
    host: str
    port: int
    up: bool
    syncing: bool
    offset: int

    def to(self, host: str, port: int) -> bool:
        return not self.master and (self.host, self.port) == (host, port)


def link(redis: Connection) -> Link:
    info = information(redis, "replication")
    master = info.get("role") == "master"
    return Link(
        master,
        info.get("master_host", ""),
        int(info.get("master_port", 0)),
        info.get("master_link_status") == "up",
        info.get("master_sync_in_progress") == "1",
        int(info.get("master_repl_offset" if master else "slave_repl_offset", 0)),
    )


def begin(redis: Connection, host: str, port: int, page: Page) -> None:
    """Follow, as the user whose password the source's page has. One that follows already keeps its connection."""
    redis.call("CONFIG", "SET", "masteruser", FOLLOWER)
    redis.call("CONFIG", "SET", "masterauth", page.follower)
    redis.call("CONFIG", "SET", "replica-read-only", "yes")
    if not link(redis).to(host, port):
        redis.call("REPLICAOF", host, str(port))


def wait(redis: Connection, title: str, seconds: float) -> None:
    """Until the whole content has arrived and the rest comes as it is written."""
    until, headway = time.monotonic() + seconds, Headway()
    while not (found := link(redis)).up:
        if found.master:
            raise RedisError(f"{title} stopped following; somebody else has told it so")
        if headway.lost(information(redis)):
            raise RedisError(
                f"{title} can't follow {found.host}:{found.port}: nothing has come from there for {headway.seconds:.0f} s. Its log "
                "names the reason; see from its host whether that address is reached, then run this again"
            )
        if time.monotonic() > until:
            raise RedisError(
                f"{title} has not got the content of {found.host}:{found.port} within {seconds:.0f} s. Its log names the "
                "reason"
            )
        time.sleep(PAUSE)


def mark(redis: Connection, window: str) -> int:
    """The last write of a closed source; how far its stream is then."""
    redis.call("SET", MARK, window)
    return link(redis).offset


def wait_for_mark(redis: Connection, window: str, offset: int, seconds: float, title: str) -> None:
    """From here on the target has everything that was written at the source."""
    until = time.monotonic() + seconds
    while redis.call("GET", MARK) != window or link(redis).offset < offset:
        if time.monotonic() > until:
            raise RedisError(f"{title} has not got the mark of the window {window} within {seconds:g} s")
        time.sleep(MARK_PAUSE)


def detach(redis: Connection, window: str, title: str) -> None:
    """Nothing comes in but by the connection that there is: a source that starts again, perhaps empty, is not followed.

    The connection stays, so that giving up costs no new copy.
    """
    redis.call("CONFIG", "SET", "masteruser", FOLLOWER)
    redis.call("CONFIG", "SET", "masterauth", secrets.token_hex(BYTES))
    if (found := link(redis)).master or not found.up or redis.call("GET", MARK) != window:
        raise RedisError(f"{title} lost its source just after the mark of the window {window}")


def promote(redis: Connection) -> None:
    """Stands alone. May be repeated."""
    if not link(redis).master:
        redis.call("REPLICAOF", "NO", "ONE")
    redis.call("CONFIG", "SET", "masteruser", "")
    redis.call("CONFIG", "SET", "masterauth", "")
