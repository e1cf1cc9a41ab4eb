"""What the tests of units share beside the fixtures of every load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from fixtures import programs, under_load  # noqa: E402, F401


@pytest.fixture
def play() -> Callable[..., str]:
    """Plays the services again, with further variables."""

    def run(*words: str) -> str:
        made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
        here = Path(__file__).resolve().parents[1]
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            f"--inventory={here.parent / 'default' / 'inventory'}", f"--inventory={made}", f"--extra-vars=@{here / 'application.yml'}",
            *words, "site.yml",
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "MOLECULE_SCENARIO_DIRECTORY": str(here)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def acknowledged_once(host) -> Callable[[str, dict[str, Any]], None]:
    """Asserts that every write that the service acknowledged is there, and none twice."""

    def check(service: str, report: dict[str, Any]) -> None:
        rows = host.check_output(f"cat /var/lib/cryptobot/{service}/rows").split()
        assert len(rows) == len(set(rows)), "a write was done twice"
        assert not set(report["acknowledged"]) - set(rows), "an acknowledged write is lost"

    return check
