"""Plays over a scenario whose application is variables alone."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAULTS, PLAY_SECONDS = "/run/cryptobot-faults", 900
RECAP = re.compile(r"ok=\d+ +changed=(\d+)")


class Plays:
    """Plays over a scenario's host with its `application.yml`. `changed` is how many tasks changed something in the last one."""

    def __init__(self, scenario: Path) -> None:
        self.scenario, self.changed = scenario, 0

    def command(self, playbook: str, *words: str) -> tuple[list[str], dict[str, str]]:
        made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
        inventories = (self.scenario.parent / "default" / "inventory", made)
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *(f"--inventory={one}" for one in inventories),
            f"--extra-vars=@{self.scenario / 'application.yml'}",
            *words,
            str(ROOT / "playbooks" / f"{playbook}.yml"),
        ]
        more = {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "MOLECULE_SCENARIO_DIRECTORY": str(self.scenario),
        }
        return command, {**os.environ, **more}

    def __call__(self, playbook: str, *words: str, succeeds: bool = True) -> str:
        command, environment = self.command(playbook, *words)
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is succeeds, said[-6000:]
        self.changed = sum(map(int, RECAP.findall(said)))
        print(f"{playbook} {' '.join(words)}: {time.monotonic() - began:.0f} s, changed={self.changed}", flush=True)
        return said

    @contextmanager
    def held(self, host: Any, point: str, playbook: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A play under way whose module waits at a point, until this ends or the line of it is removed."""
        host.check_output(f"umask 077 && echo 'hold {point}' > {FAULTS}")
        command, environment = self.command(playbook, *words)
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:  # fmt: skip
            try:
                until = time.monotonic() + PLAY_SECONDS
                while f"held {point}" not in host.run(f"cat {FAULTS}").stdout:
                    assert process.poll() is None and time.monotonic() < until, f"{point} was never reached"
                    time.sleep(0.3)
                yield process
            finally:
                end_all(process.pid)
                host.run(f"rm -f {FAULTS}")


def end_all(pid: int) -> None:
    """Kills a play with all that it has started here: its workers have sessions of their own."""
    for each in (pid, *_below(pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [each for child in map(int, children) for each in (child, *_below(child))]
