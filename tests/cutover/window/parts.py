"""A stage's guardian, what looks for two open sides, and what clients were told."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stage import Stage

SIDES = ("docker", "native")
TAIL = 6_000_000
"""Bytes of a load's log that are looked at: a minute of the fastest one."""


def other(side: str) -> str:
    return SIDES[side == SIDES[0]]


def program(name: str, package: str) -> str:
    """A program that the tests need, installed where it is missing."""
    if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        # Only the program: its service would take the router's place.
        subprocess.run(["systemctl", "mask", f"{package}.service"], check=False, capture_output=True)
        apt = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": False, "capture_output": True}
        words = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        if subprocess.run(words, **apt).returncode:
            subprocess.run(["apt-get", "update"], **apt)
            if subprocess.run(words, **apt).returncode:
                raise RuntimeError(f"{name} is not here and could not be installed: apt-get install {package}")
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") or name


class Guardian:
    """The guardian's program, started again whenever it ends. ``said`` are its lines with their times."""

    def __init__(self, stage: Stage, module: str = "plain_guardian") -> None:
        self._words = [sys.executable, "-m", module, "--directory", str(stage.state), "--socket", str(stage.socket),
                       "--master", str(stage.master)]  # fmt: skip
        self._environment, self._over = stage.environment, threading.Event()
        self.said: list[tuple[float, str]] = []
        self.process = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._words, env=self._environment, stderr=subprocess.PIPE, text=True, cwd="/")

    def _keep(self) -> None:
        while True:
            assert self.process.stderr
            for line in self.process.stderr:
                self.said.append((time.time(), line.rstrip()))
            self.process.wait()
            if self._over.is_set():
                return
            self.process = self._start()

    def since(self, moment: float, text: str) -> float | None:
        """When a line with this text came."""
        return next((at for at, line in self.said if at >= moment and text in line), None)

    def stop(self) -> None:
        self._over.set()
        self.process.kill()
        self._thread.join(10)


class Request:
    """One line of the load's log."""

    def __init__(self, start: str, end: str, kind: str, status: str, row: str, said: str) -> None:
        self.start, self.end, self.write = float(start), float(end), kind == "w"
        self.status, self.row, self.said = int(status), row, said

    @property
    def seconds(self) -> float:
        return self.end - self.start


def requests(log: Path, since: float, until: float | None = None) -> list[Request]:
    """Answers that came in between."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - TAIL))
        lines = file.read().decode().splitlines()
    found = [Request(*words) for line in lines if len(words := line.split("\t")) == 6 and words[0][:1].isdigit()]
    return [each for each in found if each.end >= since and (until is None or each.end <= until)]


class Sampler:
    """Looks for two open sides: one, the other, and the first again, so that it is never the order of reading."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._over = stage, threading.Event()
        self.found: list[tuple[float, str]] = []
        self._sessions: dict[tuple[str, str], Any] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _open(self, side: str, name: str) -> bool:
        try:
            if (side, name) not in self._sessions:
                self._sessions[side, name] = self._stage.place(side, name).connect("postgres")
            with self._sessions[side, name].cursor() as cursor:
                cursor.execute("SELECT state FROM migration.fence")
                return cursor.fetchone()[0] == "open"
        except Exception:
            self._sessions.pop((side, name), None)
            return False

    def _run(self) -> None:
        while not self._over.wait(0.02):
            for name in self._stage.datastores:
                if self._open("docker", name) and self._open("native", name) and self._open("docker", name):
                    self.found.append((time.time(), name))
            if (caches := self._stage.caches) and all(map(caches.writable, ("docker", "native", "docker"))):
                self.found.append((time.time(), "the Redis"))

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)
        for session in self._sessions.values():
            session.close()


class SlowWriter:
    """Orders at a public door that take a while before they write, one after the other; their answers' status."""

    def __init__(self, stage: Stage) -> None:
        self._port, self._over, self.statuses = stage.doors["trade"]["public"], threading.Event(), []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=25)
            connection.request("POST", "/order", f"slow-{os.getpid()}-{id(self)}-{number}")
            self.statuses.append(connection.getresponse().status)
            connection.close()

    def stop(self) -> list[int]:
        self._over.set()
        self._thread.join(30)
        return self.statuses


def result(process: subprocess.Popen, seconds: float = 90) -> dict[str, Any]:
    """What a module said; `killed` where it was."""
    out, err = process.communicate(timeout=seconds)
    if not out:
        return {"failed": True, "killed": process.returncode == -signal.SIGKILL, "msg": err[-2000:]}
    return json.loads(out)


def answers(port: int, path: str, seconds: float = 60) -> None:
    """Wait until something answers there, with whatever status."""
    until = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            connection.getresponse()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        finally:
            connection.close()
