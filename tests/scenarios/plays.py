"""Plays over a scenario whose application is variables alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
