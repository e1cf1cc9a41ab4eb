# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who migrates: one play at a time on a host, and one working process at a time.

:class:`Lock` is held by a process while it works; the kernel takes it back when the process ends, however it ends.
:class:`Owner` says which play the host belongs to between its processes. A play whose controller process is proven dead
loses the host at once, with the process that it may have left working; any other one after :data:`SILENCE` seconds
without a sign of life, or when the operator says so.
"""

from __future__ import annotations

import datetime
import fcntl
import getpass
import json
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import journal

LOCK = "lock"
OWNER = "owner.json"
SILENCE = 900.0
GRACE = 10.0
"""Seconds that a process left behind gets between SIGTERM and SIGKILL."""


class LockHeld(Exception):
    """Somebody else is at work; the text names who, since when, and how to release it. ``holder`` is what is known."""

    def __init__(self, text: str, holder: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.holder = dict(holder)


class Lock:
    """The lock of the working processes of a host, below ``directory``."""

    def __init__(self, directory: Path | str = journal.DIRECTORY) -> None:
        self._path = Path(directory) / LOCK

    @contextmanager
    def held(self, command: str) -> Iterator[None]:
        """Hold it for a piece of work; :class:`LockHeld` where another process has it."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise self._refusal() from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(myself(command)).encode(), 0)
            yield
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def holder(self) -> dict[str, Any]:
        """Who holds it, or the last one that died with it; empty where nobody does."""
        return _read(self._path)

    def busy(self) -> bool:
        """Whether another process of this machine holds it and is at work."""
        holder = self.holder()
        pid = int(holder.get("pid", 0))
        return holder.get("boot") == boot_id() and pid != os.getpid() and alive(pid, holder.get("started"))

    def end_holder(self) -> bool:
        """End the process that holds it, if it is still the one that wrote itself down; whether there was one."""
        if not self.busy():
            return False
        holder = self.holder()
        pid = int(holder["pid"])
        for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            until = time.monotonic() + seconds
            while alive(pid, holder.get("started")) and time.monotonic() < until:
                time.sleep(0.05)
        return True

    def _refusal(self) -> LockHeld:
        holder = self.holder()
        if not holder:
            return LockHeld(f"Another process has just taken {self._path}; try again when it has ended.", {})
        return LockHeld(
            f"The process {holder['pid']} of {holder['user']} on {holder['host']} has been at work for "
            f"{age(holder['since'])}: {holder['command']}. Wait until it ends; if it hangs, end it with "
            f"'kill {holder['pid']}' and run this again, which goes on from there.",
            holder,
        )


class Owner:
    """Which play the host belongs to, below ``directory``."""

    def __init__(self, directory: Path | str = journal.DIRECTORY) -> None:
        self._directory = Path(directory)
        self._path = self._directory / OWNER

    def take(self, controller: Mapping[str, Any], command: str, *, dead: str = "", force: bool = False) -> bool:
        """Make the host belong to a play, or show that it is alive; whether it was taken over from another.

        ``controller`` identifies the play's own process: ``host``, ``boot``, ``pid``, ``started``, ``user``. ``dead``
        is the token of an owner that the controller has seen to be gone. :class:`LockHeld` where another play has the
        host.
        """
        mine = {**controller, "command": command}
        with self._exclusive():
            there = self.read()
            if not there or token(there) == token(mine):
                self._write({**mine, "since": there.get("since", journal.now()), "seen": journal.now()})
                return False
            silent = seconds_since(there["seen"]) > SILENCE and not Lock(self._directory).busy()
            if not (force or silent or dead == token(there)):
                raise self._refusal(there)
            Lock(self._directory).end_holder()
            self._write({**mine, "since": journal.now(), "seen": journal.now()})
            return True

    def beat(self, controller: Mapping[str, Any]) -> None:
        """Show that the play is alive, where the host belongs to any. :class:`LockHeld` where it is another's."""
        with self._exclusive():
            there = self.read()
            if not (controller and there):
                return
            if token(there) != token(controller):
                raise self._refusal(there)
            self._write({**there, "seen": journal.now()})

    def release(self, controller: Mapping[str, Any]) -> bool:
        """Give the host free if it belongs to this play; whether it did."""
        there = self.read()
        if not there or token(there) != token(controller):
            return False
        self._path.unlink()
        return True

    def read(self) -> dict[str, Any]:
        """The owner; empty where there is none."""
        return _read(self._path)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, content: Mapping[str, Any]) -> None:
        journal.write_whole(self._path, json.dumps(content, sort_keys=True) + "\n")

    @staticmethod
    def _refusal(there: Mapping[str, Any]) -> LockHeld:
        return LockHeld(
            f"This host belongs to '{there['command']}', run by {there['user']} on {there['host']} "
            f"(process {there['pid']}), begun {age(there['since'])} ago and last seen {age(there['seen'])} ago. "
            f"Wait until it ends: it is seen from step to step, and one step may take long. If it is gone for good, "
            f"run this again with -e migration_takeover=true; without a sign of life, and with nothing at work here, "
            f"the host is free after {SILENCE / 60:.0f} minutes.",
            there,
        )


def token(process: Mapping[str, Any]) -> str:
    """What no two processes share: host, its boot, pid and start."""
    return "/".join(str(process.get(key, "")) for key in ("host", "boot", "pid", "started"))


def myself(command: str) -> dict[str, Any]:
    """The own process, as the lock keeps it."""
    pid = os.getpid()
    return {**process(pid), "command": command, "since": journal.now()}


def process(pid: int) -> dict[str, Any]:
    """A process of this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    here = {"host": socket.gethostname(), "machine": _line("/etc/machine-id"), "boot": boot_id()}
    return {**here, "pid": pid, "started": started(pid), "user": user}


def dead(owner: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    """Whether an owner was a process of the machine of the process ``here``, and is none now.

    A process of another boot is none. Machines may share a name: their ids tell them apart.
    """
    if any(owner.get(key, "") != here.get(key, "") for key in ("host", "machine")):
        return False
    return owner.get("boot") != here["boot"] or not alive(int(owner.get("pid", 0)), owner.get("started"))


def boot_id() -> str:
    """Which boot of this machine this is; empty where the kernel does not say."""
    return _line("/proc/sys/kernel/random/boot_id")


def started(pid: int) -> str:
    """When a process began, in ticks since the boot; empty where the kernel does not say, or it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    # A zombie works no more.
    return "" if fields[0] == "Z" else fields[19]


def alive(pid: int, since: object = "") -> bool:
    """Whether a process of this machine is there, and is the one that began at ``since`` where that is known."""
    if pid <= 0:
        return False
    if Path("/proc/self/stat").exists():
        found = started(pid)
        return bool(found) and (not since or found == since)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def seconds_since(moment: str) -> float:
    """Seconds from a time of the journal until now; a clock that was set back gives 0."""
    then = datetime.datetime.fromisoformat(moment)
    return max(0.0, (datetime.datetime.now(datetime.UTC) - then).total_seconds())


def age(moment: str) -> str:
    """The same for people."""
    seconds = int(seconds_since(moment))
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def _line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
