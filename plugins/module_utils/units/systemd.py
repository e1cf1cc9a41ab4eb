# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd as the `units` module needs it: many units in one call, and what a unit that did not come up had to say."""

from __future__ import annotations

import glob
import hashlib
import os
import subprocess
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from .plan import Found

UNIT_DIRECTORY = "/etc/systemd/system"
LOADED_DIRECTORY = "/run/cryptobot-loaded"
OURS = "cryptobot-*@[0-9]*.service"
MARK = "# Managed by cryptobot.native"
PROPERTIES = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "NRestarts", "Result", "StatusText")
JOURNAL_LINES = 20
RESTARTS_THAT_SAY_ENOUGH = 3


class SystemdError(Exception):
    """A call of systemctl that failed; the text is systemd's own."""


@dataclass(frozen=True)
class State:
    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    file: str = ""
    needs_reload: bool = False
    restarts: int = 0
    result: str = ""
    status: str = ""


def parse_show(text: str) -> dict[str, State]:
    """Output of ``systemctl show`` for several units: blocks of ``Key=value`` with an empty line between them."""
    states: dict[str, State] = {}
    for block in text.strip().split("\n\n"):
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if "Id" in values:
            states[values["Id"]] = State(
                load=values.get("LoadState", ""),
                active=values.get("ActiveState", ""),
                sub=values.get("SubState", ""),
                file=values.get("UnitFileState", ""),
                needs_reload=values.get("NeedDaemonReload") == "yes",
                restarts=int(values.get("NRestarts") or 0),
                result=values.get("Result", ""),
                status=values.get("StatusText", ""),
            )
    return states


def digest(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def stale_paths(record: str | None, files: Iterable[str]) -> tuple[str, ...]:
    """Files that differ from `record`, which is what sha256sum wrote at the unit's start; all of them when there is no record."""
    if record is None:
        return tuple(files)
    loaded = {path: seen for seen, __, path in (line.partition("  ") for line in record.splitlines())}
    paths = dict.fromkeys((*files, *loaded))
    return tuple(path for path in paths if loaded.get(path) != digest(path))


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def orphans(wanted: Collection[str], directory: str = UNIT_DIRECTORY) -> list[str]:
    """Unit files that we wrote and that nobody wants any more."""
    here = sorted(glob.glob(os.path.join(directory, OURS)))
    return [os.path.basename(path) for path in here if os.path.basename(path) not in wanted and (_read(path) or "").startswith(MARK)]


class Systemd:
    """Thin client; every call that changes raises SystemdError with systemd's words."""

    def _call(self, *words: str, timeout: float = 120) -> str:
        try:
            done = subprocess.run(["systemctl", "--no-ask-password", *words], capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            raise SystemdError(f"systemctl {' '.join(words)} did not end within {timeout:.0f} s") from error
        if done.returncode:
            raise SystemdError(f"systemctl {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def states(self, names: Sequence[str]) -> dict[str, State]:
        if not names:
            return {}
        return parse_show(self._call("show", f"--property={','.join(PROPERTIES)}", *names))

    def found(self, units: dict[str, tuple[str, ...]]) -> dict[str, Found]:
        """`units` maps a name to the files whose digests were recorded at its start."""
        result = {}
        for name, state in self.states(list(units)).items():
            running = state.active in ("active", "activating", "reloading")
            files = units.get(name, ())
            stale = stale_paths(_read(os.path.join(LOADED_DIRECTORY, name)), files) if running and files else ()
            result[name] = Found(state.active, state.file == "enabled", state.load != "not-found", state.needs_reload, stale)
        return result

    def daemon_reload(self) -> None:
        self._call("daemon-reload")

    def enable(self, names: Sequence[str]) -> None:
        if names:
            self._call("enable", "--quiet", *names)

    def disable(self, names: Sequence[str]) -> None:
        if names:
            self._call("disable", "--quiet", *names)

    def start(self, names: Sequence[str]) -> None:
        if names:
            self._call("start", "--no-block", *names)

    def restart(self, names: Sequence[str]) -> None:
        if names:
            self._call("restart", "--no-block", *names)

    def restart_running(self, names: Sequence[str], seconds: float) -> None:
        """Those of them that run. Returns when the processes of before have ended; the new ones start, and their sockets stay.

        Raises SystemdError for processes that do not end in time.
        """
        if not names:
            return
        shown = self._call("show", "--property=MainPID", "--value", *names)
        left, until = [pid for pid in shown.split() if pid != "0"], time.monotonic() + seconds
        self._call("try-restart", "--no-block", *names)
        while left := [pid for pid in left if os.path.exists(f"/proc/{pid}")]:
            if time.monotonic() > until:
                raise SystemdError(f"Processes of {', '.join(names)} do not end, and are to be restarted: {', '.join(left)}.")
            time.sleep(0.02)

    def reload(self, name: str) -> str:
        """systemd's complaint; empty when the unit works with its new configuration."""
        try:
            self._call("reload", name)
        except SystemdError as error:
            return str(error)
        return ""

    def stop(self, names: Sequence[str]) -> None:
        """Returns when they have stopped, however long their drain takes."""
        if names:
            self._call("stop", *names, timeout=600)

    def reset_failed(self, names: Sequence[str]) -> None:
        """Of units that have failed; others have nothing to forget, and systemd refuses them."""
        if names:
            self._call("reset-failed", *names)

    def remove(self, names: Sequence[str]) -> None:
        """Stopped, disabled, and their files gone."""
        self.stop(names)
        self.disable(names)
        for name in names:
            for directory in (UNIT_DIRECTORY, LOADED_DIRECTORY):
                path = os.path.join(directory, name)
                if os.path.exists(path):
                    os.unlink(path)
        if names:
            self.daemon_reload()

    def journal(self, name: str) -> list[str]:
        shown = subprocess.run(
            ["journalctl", "--no-pager", "--output=cat", f"--lines={JOURNAL_LINES}", f"--unit={name}"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return shown.stdout.splitlines()

    def wait(self, deadlines: dict[str, float], pause: float = 0.2) -> dict[str, State]:
        """Until each unit is active, has failed, keeps restarting, or its deadline (seconds from now) passed; the last state of each."""
        began = time.monotonic()
        waiting = dict(deadlines)
        first = {name: state.restarts for name, state in self.states(list(waiting)).items()}
        last: dict[str, State] = {}
        while waiting:
            passed = time.monotonic() - began
            for name, state in self.states(list(waiting)).items():
                last[name] = state
                loops = state.restarts - first.get(name, 0) >= RESTARTS_THAT_SAY_ENOUGH
                if state.active in ("active", "failed") or loops or passed > waiting[name]:
                    del waiting[name]
            if waiting:
                time.sleep(pause)
        return last
