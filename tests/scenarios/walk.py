"""A play that dies at one point after the other, and is run again until it ends: how often, where, and what the runs cost."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from migration import ROOT, Migration

POLL_SECONDS = 1.0
MOST = 300
LONGEST_SECONDS = 900


class Walk:
    """``died``: points at which the module's process was killed, in order; ``orphaned``: those at which the controller was."""

    def __init__(self, migration: Migration, playbook: str, **variables: Any) -> None:
        self._migration, self._playbook, self._variables = migration, playbook, variables
        self.died: list[str] = []
        self.orphaned: list[str] = []
        self.seconds: list[float] = []

    def run(self, each: Sequence[str], holds: Sequence[str], after: Mapping[str, Callable[[], None]]) -> Walk:
        """Dies at every point that fits one of ``each``; at those of ``holds`` the controller dies, and leaves the module waiting.

        ``after``: what is done when it has died at a point, before the next run.
        """
        self._migration.fault(*(f"hold {name}" for name in holds), *(f"each {name}" for name in each))
        for __ in range(MOST):
            began = time.monotonic()
            code, said = self._play(set(holds) - set(self.orphaned))
            self.seconds.append(time.monotonic() - began)
            died = [line[7:] for line in self._migration.faults() if line.startswith("killed ")]
            where = [name for name in died if name not in self.died]
            print(f"--- {self._playbook}: {', '.join(where) or self.orphaned[-1:] or 'ended'} after {self.seconds[-1]:.0f} s", flush=True)
            assert "Traceback" not in said, said[-6000:]
            if code == 0:
                return self
            assert where or code == -signal.SIGKILL, f"It failed by itself: {said[-6000:]}"
            self.died = died
            for name in set(where) & set(after):
                after[name]()
        raise AssertionError(f"{self._playbook} does not end: {self.died}")

    def missed(self) -> list[str]:
        """Points of the journal at which it did not die, and yet was."""
        return [name for name in self._migration.points() if name not in self.died and name not in self.orphaned]

    def _play(self, holds: set[str]) -> tuple[int, str]:
        command, environment = self._migration.command(self._playbook, **self._variables)
        with (
            tempfile.TemporaryFile() as output,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            ) as process,
        ):
            code = self._watched(process, holds)
            output.seek(0)
            return code, output.read().decode(errors="replace")

    def _watched(self, process: subprocess.Popen[bytes], holds: set[str]) -> int:
        """The play's exit code; minus nine where it was killed because it had come to a hold."""
        until = time.monotonic() + LONGEST_SECONDS
        while True:
            try:
                return process.wait(POLL_SECONDS if holds else LONGEST_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    os.killpg(process.pid, signal.SIGKILL)
                    raise
            held = [line[5:] for line in self._migration.faults() if line.startswith("held ") and line[5:] in holds]
            if held:
                self.orphaned.append(held[0])
                os.killpg(process.pid, signal.SIGKILL)
                return process.wait()
