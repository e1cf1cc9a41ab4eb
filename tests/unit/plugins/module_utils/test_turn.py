"""Modules that change a host wait for each other, and for what a killed play left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn

ROOT = Path(__file__).resolve().parents[4]
OTHER = """
import sys, time
from ansible_collections.cryptobot.native.plugins.module_utils.turn import take_turn
class Module: check_mode = False
take_turn(Module(), "packages", __import__("pathlib").Path(sys.argv[1]))
print("has it", flush=True)
time.sleep(float(sys.argv[2]))
"""


class Module:
    """Ansible's, as far as it is asked."""

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        self.said = ""

    def fail_json(self, msg: str) -> None:
        self.said = msg


@pytest.fixture
def other(tmp_path: Path):
    """Starts another process that has the turn for so many seconds."""
    begun = []

    def start(seconds: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", OTHER, str(tmp_path), str(seconds)]
        environment = {"PYTHONPATH": str(ROOT / ".ansible" / "collections"), "PATH": "/usr/bin:/bin"}
        begun.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        assert begun[-1].stdout is not None and begun[-1].stdout.readline() == "has it\n"
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.wait()


def test_who_is_at_work_is_named_with_its_age_and_how_to_end_it(tmp_path: Path, other) -> None:
    process, module = other(60), Module()
    take_turn(module, "units", tmp_path, patience=0)
    assert f"The process {process.pid} of " in module.said
    assert "has been at work for 0 s: packages." in module.said
    assert f"'kill {process.pid}'" in module.said


def test_what_a_killed_one_left_is_no_obstacle(tmp_path: Path, other) -> None:
    process, module = other(60), Module()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == process.pid
    take_turn(module, "units", tmp_path, patience=0)
    assert not module.said


def test_another_one_is_waited_for(tmp_path: Path, other) -> None:
    process, module = other(0.5), Module()
    take_turn(module, "units", tmp_path, patience=60)
    assert not module.said
    until = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    assert process.poll() == 0


def test_check_mode_waits_for_nobody(tmp_path: Path, other) -> None:
    other(60)
    module = Module(check_mode=True)
    take_turn(module, "units", tmp_path, patience=0)
    assert not module.said
