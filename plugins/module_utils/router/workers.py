# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running router: every worker of HAProxy, by its master's socket.

After a reload old workers serve what they had begun, with maps of their own. What only the current one is told, a
request that an old one holds would never hear of.
"""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..launcher.haproxy import ask
from .maps import Files, RouterError, differing

MASTER = "/run/cryptobot-edge/master.sock"
UNIT = "cryptobot-edge.service"
RUNNING = ("active", "activating", "reloading", "deactivating")
BACKENDS, SERVERS = 2, 4
"""Kinds of rows that `show stat` is asked for."""
Ask = Callable[[str], str]
STOPPED = "Proxy is disabled"
"""What an old worker, which takes nothing new, answers to a change of a server."""
MOVED = ("changed", "no need to change", STOPPED)
"""Answers to a new address of a server."""


def ask_master(line: str) -> str:
    """One command for the master and its answer."""
    return ask(MASTER, line, 5.0)


def unit_runs() -> bool:
    """Whether systemd has the router running, or between two lives."""
    words = ["systemctl", "show", "--property=ActiveState", "--value", UNIT]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() in RUNNING


def parse_workers(shown: str) -> tuple[list[int], list[int]]:
    """Current and old workers of `show proc`. Raises OSError while the master executes itself again."""
    if "# workers" not in shown:
        raise OSError("the master is executing itself again")
    found: dict[str, list[int]] = {"# workers": [], "# old workers": []}
    among: list[int] | None = None
    for line in shown.splitlines():
        if line.startswith("#"):
            among = next((found[title] for title in found if line.strip().startswith(title)), None)
        elif among is not None and line[:1].isdigit():
            among.append(int(line.split()[0]))
    return found["# workers"], found["# old workers"]


class Workers:
    """All workers of the router of this host. ``ask`` speaks to its master; ``runs`` says whether there is one."""

    def __init__(self, ask: Ask = ask_master, runs: Callable[[], bool] = unit_runs, limit: float = 15.0) -> None:
        self._ask, self._runs, self._limit = ask, runs, limit

    def listed(self) -> tuple[list[int], list[int]] | None:
        """Current and old workers; None where the router does not run, so that its files are all there is to change."""
        until = time.monotonic() + self._limit
        while True:
            try:
                current, old = parse_workers(self._ask("show proc"))
                if current:
                    return current, old
                why = "it has no worker"
            except OSError as error:
                why = str(error)
            if not self._runs():
                return None
            if time.monotonic() > until:
                raise RouterError(
                    f"The router's master gives no worker within {self._limit:.0f} s ({why}). Look at: "
                    f"systemctl status {UNIT}"
                )
            time.sleep(0.02)

    def tell(self, commands: Sequence[str], accepted: Callable[[str], bool] = lambda answer: not answer) -> int:
        """Give the commands to every worker, old ones too, until no new one has come meanwhile; how many were told.

        Raises RouterError where a worker refuses one; one that has ended meanwhile is passed over.
        """
        told: set[int] = set()
        while True:
            listed = self.listed()
            if listed is None:
                return len(told)
            fresh = [pid for pid in (*listed[0], *listed[1]) if pid not in told]
            if not fresh:
                return len(told)
            for pid in fresh:
                self._tell_one(pid, commands, accepted)
                told.add(pid)

    def _tell_one(self, pid: int, commands: Sequence[str], accepted: Callable[[str], bool]) -> None:
        for command in commands:
            answer = self._said(pid, command)
            if not accepted(answer):
                listed = self.listed()
                if listed is None or pid not in (*listed[0], *listed[1]):
                    return
                raise RouterError(f"The router's worker {pid} answered {answer!r} to {command!r}.")

    def _said(self, pid: int, command: str) -> str:
        try:
            return self._ask(f"@!{pid} {command}").strip()
        except OSError as error:
            return f"nothing ({error})"

    def each(self, command: str) -> dict[int, str]:
        """What every worker says."""
        listed = self.listed()
        return {} if listed is None else {pid: self._said(pid, command) for pid in (*listed[0], *listed[1])}

    def sessions(self, backends: Iterable[str]) -> dict[str, int]:
        """Streams in flight by backend, over all workers."""
        wanted = dict.fromkeys(backends, 0)
        for said in self._stat(BACKENDS).values():
            for backend, __, count in parse_sessions(said):
                if backend in wanted:
                    wanted[backend] += count
        return wanted

    def end_sessions(self, backends: Iterable[str]) -> int:
        """End the streams of all servers of the backends, in every worker; how many there were."""
        wanted, ended = set(backends), 0
        for pid, said in self._stat(SERVERS).items():
            busy = [(name, server, count) for name, server, count in parse_sessions(said) if name in wanted and count]
            ended += sum(count for __, __, count in busy)
            commands = [f"shutdown sessions server {name}/{server}" for name, server, __ in busy]
            self._tell_one(pid, commands, lambda answer: not answer)
        return ended

    def expect_nothing(self, backends: Iterable[str]) -> None:
        """Every worker holds these backends' servers for ill until its next check of them."""
        self._presume(backends, "down")

    def expect_health(self, backends: Iterable[str]) -> None:
        """Every worker holds these backends' servers for healthy until as many checks have failed as it takes."""
        self._presume(backends, "up")

    def _presume(self, backends: Iterable[str], health: str) -> None:
        wanted = set(backends)
        for pid, said in self._stat(SERVERS).items():
            servers = [(name, server) for name, server, __ in parse_sessions(said) if name in wanted]
            commands = [f"set server {name}/{server} health {health}" for name, server in servers]
            self._tell_one(pid, commands, lambda answer: not answer or STOPPED in answer)

    def old_with_requests(self) -> list[int]:
        """Workers of before a reload that carry requests. Others have WebSockets, which a window ends in every worker, or accesses
        of datastores."""
        listed = self.listed()
        found = {pid: self._said(pid, f"show stat -1 {BACKENDS} -1") for pid in (listed[1] if listed else ())}
        return [pid for pid, said in found.items() if not said.startswith("# pxname") or _requests(said)]

    def down(self, backends: Iterable[str]) -> list[str]:
        """Those in which the worker in charge finds no server healthy."""
        rows = csv.DictReader(self.current(f"show stat -1 {BACKENDS} -1").lstrip("# ").splitlines())
        status = {row["pxname"]: row["status"] for row in rows}
        return [name for name in backends if not status.get(name, "").startswith("UP")]

    def _stat(self, kind: int) -> dict[int, str]:
        """Rows of a kind by worker. One that gives none is no worker without streams, unless it has ended."""
        found = self.each(f"show stat -1 {kind} -1")
        silent = [pid for pid, said in found.items() if not said.startswith("# pxname")]
        if silent and (listed := self.listed()) and (there := {*listed[0], *listed[1]} & set(silent)):
            said = "; ".join(f"{pid}: {found[pid]!r}" for pid in sorted(there))
            raise RouterError(f"The router's worker does not say what is on its way through it ({said}).")
        return {pid: said for pid, said in found.items() if pid not in silent}

    def current(self, command: str) -> str:
        """What the worker in charge says; empty where the router does not run."""
        listed = self.listed()
        return self._said(listed[0][-1], command) if listed else ""


class Router:
    """State on disk first, then the run time, then a look whether both agree."""

    def __init__(self, files: Files | None = None, workers: Workers | None = None) -> None:
        self.files, self.workers = files or Files(), workers or Workers()

    def set_map(self, name: str, values: Mapping[str, str]) -> int:
        """Change entries of a map that are there; how many workers were told. Whoever calls has the lock."""
        self.files.write_map(name, values)
        path = self.files.path(name)
        told = self.tell_map(name, values)
        if told and (wrong := self.map_differs(name, values)):
            raise RouterError(
                f"The router's worker and {path} differ about {', '.join(wrong)}. Reload it: systemctl reload {UNIT}"
            )
        return told

    def tell_map(self, name: str, values: Mapping[str, str]) -> int:
        """The same without the file, until the next reload."""
        path = self.files.path(name)
        return self.workers.tell([f"set map {path} {key} {value}" for key, value in sorted(values.items())])

    def map_differs(self, name: str, among: Iterable[str] = ()) -> list[str]:
        """Keys of which file and worker in charge say different things."""
        said = self.workers.current(f"show map {self.files.path(name)}")
        rows = (line.split(None, 2) for line in said.splitlines())
        there = {row[1]: row[2] for row in rows if len(row) == 3}
        keys = set(among)
        return [key for key in differing(self.files.read_map(name), there) if not keys or key in keys]

    def set_containers(self, doors: Iterable[Mapping[str, Any]], addresses: Mapping[str, str]) -> int:
        """Lead the doors' Docker sides, and accesses, to where the containers are now; how many workers were told.

        Those that are not among ``addresses`` stay as they are.
        """
        self.files.change_containers(addresses)
        commands = [command for door in doors for command in _address_commands(door, addresses[door["variable"]])]
        return self.workers.tell(commands, lambda answer: not answer or any(words in answer for words in MOVED))

    def containers_differ(self, doors: Iterable[Mapping[str, Any]]) -> list[str]:
        """Doors and accesses whose server has another address in the worker in charge than in the file `containers`."""
        there = parse_addresses(self.workers.current("show servers state"))
        wanted = self.files.read_containers()
        return sorted(
            door["name"]
            for door in doors
            if there and there.get(_led_backends(door)[0]) != wanted.get(door["variable"])
        )


def backend_names(door: str, side: str) -> list[str]:
    """Of a door on one side: for reads, writes and WebSockets."""
    middle = "_docker" if side == "docker" else ""
    return [f"{door}{middle}_{kind}" for kind in ("read", "write", "ws")]


def docker_backends(door: str) -> list[str]:
    return backend_names(door, "docker")


def parse_sessions(shown: str) -> list[tuple[str, str, int]]:
    """Backend, server and streams in flight, from `show stat`."""
    rows = csv.DictReader(shown.lstrip("# ").splitlines())
    return [(row["pxname"], row["svname"], int(row["scur"] or 0)) for row in rows]


def _requests(shown: str) -> bool:
    """Whether requests are under way, from `show stat`."""
    rows = csv.DictReader(shown.lstrip("# ").splitlines())
    busy = [row["pxname"] for row in rows if row["mode"] == "http" and int(row["scur"] or 0)]
    return any(not name.endswith("_ws") for name in busy)


def parse_addresses(shown: str) -> dict[str, str]:
    """Address and port of the server `docker` by backend, from `show servers state`."""
    lines = shown.splitlines()
    names = next((line.lstrip("# ").split() for line in lines if line.startswith("# ")), [])
    rows = (dict(zip(names, line.split(), strict=False)) for line in lines if line and not line.startswith("#"))
    return {row["be_name"]: f"{row['srv_addr']}:{row['srv_port']}" for row in rows if row.get("srv_name") == "docker"}


def _led_backends(door: Mapping[str, Any]) -> Sequence[str]:
    """Those whose server is the container; an access names its own."""
    return door.get("backends") or docker_backends(door["name"])


def _address_commands(door: Mapping[str, Any], address: str) -> list[str]:
    host, __, port = address.rpartition(":")
    return [f"set server {backend}/docker addr {host} port {port}" for backend in _led_backends(door)]


__all__ = ["Router", "Workers", "ask_master", "backend_names", "docker_backends", "parse_addresses", "parse_workers"]
