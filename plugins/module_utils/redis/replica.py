# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that follows another one until it has all of it, and then stands alone: its users stay as they are, for rights are
no part of the data, and its files hold everything, so that a restart loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from .client import Connection, RedisError
from .endpoint import Endpoint
from .facts import information
from .follow import SILENT_SECONDS, Headway

PAUSE = 0.1


def follow(target: Connection, source: Endpoint, reached: Callable[[int, int], None]) -> None:
    """Lets the target copy everything and returns when it has what the source had written by the end.

    ``reached`` is called with bytes that have arrived and bytes in all. On failure the target follows nobody.
    """
    if source.path:
        raise RedisError(f"{source.title} is reached by a socket file only, and another server can't follow it there")
    try:
        target.call("CONFIG", "SET", "masteruser", source.user, "masterauth", source.password or "")
        target.call("REPLICAOF", source.host, str(source.port))
        _wait_for_link(target, source, reached)
        _wait_for_offset(target, source)
    except RedisError:
        leave(target)
        raise


def leave(target: Connection) -> None:
    """Makes a server its own master again; nothing happens to one that is."""
    target.call("REPLICAOF", "NO", "ONE")
    target.call("CONFIG", "SET", "masteruser", "", "masterauth", "")


def settle(target: Connection, append_only: bool, seconds: float = 1800) -> dict[str, str]:
    """Returns when a restart would load what is there now; how that is so, by name.

    An append-only file that is turned on holds nothing until it has been written anew, so that is waited for.
    """
    if append_only:
        target.call("CONFIG", "SET", "appendonly", "yes")
    elif not target.call("CONFIG", "GET", "save")[1:] or not target.call("CONFIG", "GET", "save")[1]:
        return {"persistence": "none"}
    deadline, tried = time.monotonic() + seconds, False
    while True:
        info = information(target, "persistence")
        if not _at_work(info):
            failed = info.get("aof_last_bgrewrite_status", "ok") != "ok" if append_only else not tried
            if failed and not tried:
                # What was written before may be old, or have failed; the server itself tries again ever less often.
                tried = True
                _write(target, "BGREWRITEAOF" if append_only else "BGSAVE")
            elif failed or not _waits(info):
                break
        if time.monotonic() > deadline:
            raise RedisError("The target has not finished writing its file. See its log, and the space on its disk")
        time.sleep(PAUSE)
    names = ("aof_last_bgrewrite_status", "aof_last_write_status") if append_only else ("rdb_last_bgsave_status",)
    if wrong := [name for name in names if info.get(name, "ok") != "ok"]:
        raise RedisError(
            f"The target could not write its file ({', '.join(wrong)}). See its log, and the space on its disk"
        )
    return {"persistence": "append-only file" if append_only else "snapshot"}


def _write(target: Connection, command: str) -> None:
    """Begins to write the file anew; a server that has begun by itself since it was asked is at it already."""
    try:
        target.call(command)
    except RedisError as error:
        if "already in progress" not in str(error):
            raise


def _at_work(info: Mapping[str, str]) -> bool:
    return "1" in (info.get("aof_rewrite_in_progress"), info.get("rdb_bgsave_in_progress"))


def _waits(info: Mapping[str, str]) -> bool:
    return "1" in (info.get("aof_rewrite_scheduled"), info.get("aof_pending_rewrite"))


def _wait_for_link(target: Connection, source: Endpoint, reached: Callable[[int, int], None]) -> None:
    headway = Headway()
    while True:
        info = information(target)
        if info.get("role") != "slave":
            raise RedisError("The target stopped following the source; somebody else has told it so")
        arrived, whole = int(info.get("master_sync_read_bytes", 0)), int(info.get("master_sync_total_bytes", 0))
        if info.get("master_link_status") == "up":
            return
        reached(
            max(arrived, int(info.get("loading_loaded_bytes", 0))), max(whole, int(info.get("loading_total_bytes", 0)))
        )
        if headway.lost(info):
            raise RedisError(
                f"The target can't follow {source.title} at {source.host}:{source.port}: no headway for {headway.seconds:.0f} s. "
                "Its log names the reason; or copy with way: restore"
            )
        time.sleep(PAUSE)


def _wait_for_offset(target: Connection, source: Endpoint) -> None:
    with source.connect() as redis:
        wanted = int(information(redis, "replication").get("master_repl_offset", 0))
    deadline = time.monotonic() + SILENT_SECONDS
    while int(information(target, "replication").get("slave_repl_offset", -1)) < wanted:
        if time.monotonic() > deadline:
            raise RedisError(
                f"The target does not catch up with {source.title}, which is written faster than it can follow"
            )
        time.sleep(PAUSE)
