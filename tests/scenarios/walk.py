"""A play whose work on the host dies at one point after the other, and goes on until it ends.

At most points the module alone is killed and run again at once, so that a whole walk takes little longer than the
play; at some the play ends and the whole of it is run again; and at some the controller dies and leaves behind what
works on the host.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from migration import ROOT, Migration
from plays import end_all

AGAIN = ROOT / "tests" / "scenarios" / "again"
POLL_SECONDS = 2.0
MOST = 60
LONGEST_SECONDS = 1500


class Walk:
    """``died``: points at which the module's process was killed; ``orphaned``: those at which the controller was."""

    def __init__(self, migration: Migration, playbook: str, **variables: Any) -> None:
        self._migration, self._playbook, self._variables = migration, playbook, variables
        self._ends: Sequence[str] = ()
        self.died: list[str] = []
        self.orphaned: list[str] = []
        self.seconds: list[float] = []
        self.begun: set[str] = set()
        """Points that were passed before it began."""

    def run(
        self, each: Sequence[str], ends: Sequence[str], holds: Sequence[str], after: Mapping[str, Callable[[], None]]
    ) -> Walk:
        """Dies at every point that fits one of ``each``; at ``ends`` the play ends, at ``holds`` the controller.

        ``after``: what is done when the play has ended at a point, before the next run.
        """
        self._ends = ends
        self._migration.fault(*(f"hold {name}" for name in holds), *(f"each {name}" for name in each))
        for __ in range(MOST):
            began = time.monotonic()
            code, said = self._play(set(holds) - set(self.orphaned))
            self.seconds.append(time.monotonic() - began)
            died = [line[7:] for line in self._migration.faults() if line.startswith("killed ")]
            more, self.died = len(died) - len(self.died), died
            where = self.orphaned[-1] if code == -signal.SIGKILL else died[-1] if code and more else ""
            ended = f"at {where}" if where else "well"
            print(f"--- {self._playbook}: {self.seconds[-1]:.0f} s, {more} deaths, ended {ended}", flush=True)
            assert "Traceback" not in said, said[-6000:]
            if code == 0:
                seconds, plays, points = sum(self.seconds), len(self.seconds), len(self.died)
                print(
                    f"--- {points} points and {len(self.orphaned)} dead controllers in {plays} plays, {seconds:.0f} s"
                )
                return self
            assert where, f"It failed by itself: {said[-6000:]}"
            if where in after:
                after[where]()
        raise AssertionError(f"{self._playbook} does not end: {self.died}")

    def missed(self) -> list[str]:
        """Points of the journal at which it did not die, and yet was."""
        return [name for name in self._migration.points() if name not in self.died and name not in self.orphaned]

    def _play(self, holds: set[str]) -> tuple[int, str]:
        command, environment = self._migration.command(self._playbook, **self._variables)
        environment |= {
            "PATH": f"{AGAIN}:{environment['PATH']}",
            "AGAIN_DOCKER": str(shutil.which("docker")),
            "AGAIN_HOST": self._migration.host.ansible.get_variables()["container"],
            "AGAIN_NOT": " ".join(self._ends),
        }
        with (
            tempfile.TemporaryFile() as output,
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
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
                    end_all(process.pid)
                    raise
            held = [line[5:] for line in self._migration.faults() if line.startswith("held ") and line[5:] in holds]
            if held:
                self.orphaned.append(held[0])
                end_all(process.pid)
                return process.wait()
