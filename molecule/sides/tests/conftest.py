"""One host through all sides: the tests of a file run in their order, each from where the one before ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parents[1]
INVENTORIES = (ROOT / "molecule" / "default" / "inventory", HERE / "part", HERE / "inventory")
TASK = re.compile(r"^TASK \[(.*?)\] \*+$|^(changed): ", re.MULTILINE)


class Plays:
    """Plays over the scenario's host. `changed`: the tasks of the last one that changed something."""

    def __init__(self) -> None:
        self.changed: list[str] = []

    def __call__(self, playbook: str, *words: str, compose: bool = True, succeeds: bool = True) -> str:
        made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
        given = [*INVENTORIES[: 3 if compose else 2], made]
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *(f"--inventory={one}" for one in given),
            *words,
            playbook,
        ]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        }
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) is succeeds, said[-6000:]
        self.changed, task = [], ""
        for named, changed in TASK.findall(said):
            if changed:
                self.changed.append(task)
            task = named or task
        return said


@pytest.fixture(scope="module")
def play(host) -> Plays:
    """Of the host, also where a test asks it nothing itself: pytest would run such a test after all others."""
    return Plays()
