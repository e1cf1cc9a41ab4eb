"""What the tests of units share: programs that run on the host, and a load that goes on while something is done to it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = 10


@pytest.fixture(scope="module")
def programs(host) -> str:
    """The directory on the host with the programs of tests/scenarios."""
    for name in ("load.py", "kills.py"):
        content = base64.b64encode((ROOT / "tests" / "scenarios" / name).read_bytes()).decode()
        host.check_output(f"mkdir -p /root/scenarios && echo {content} | base64 -d > /root/scenarios/{name}")
    return "/root/scenarios"


@pytest.fixture
def under_load(host, programs: str) -> Callable[..., dict[str, Any]]:
    """Runs a load against a door for so many seconds, does something meanwhile, and gives the load's report."""

    def run(port: int, doing: Callable[[], None], seconds: int = 20, rate: int = 110) -> dict[str, Any]:
        door = f"http://127.0.0.1:{port}"
        words = f"--read {door}/x --write {door}/rows --clients {CLIENTS} --rate {rate} --seconds {seconds} --timeout 60"
        report_path = f"/root/scenarios/report-{time.monotonic_ns()}"
        host.check_output(f"(python3 {programs}/load.py {words} > {report_path}.new && mv {report_path}.new {report_path}) > {report_path}.log 2>&1 &")
        time.sleep(2)
        doing()
        until = time.monotonic() + seconds + 120
        while not host.file(report_path).exists and time.monotonic() < until:
            time.sleep(1)
        report = json.loads(host.check_output(f"cat {report_path}"))
        print({key: value for key, value in report.items() if key not in ("acknowledged", "unknown")})
        return report

    return run


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
