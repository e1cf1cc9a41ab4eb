"""Fixtures of scenarios whose hosts are put under load: the programs on the host, and a load that goes on while something is done."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
CLIENTS = 10


@pytest.fixture(scope="module")
def programs(host) -> str:
    """The directory on the host with the programs of tests/scenarios."""
    for name in ("load.py", "kills.py"):
        content = base64.b64encode((HERE / name).read_bytes()).decode()
        host.check_output(f"mkdir -p /root/scenarios && echo {content} | base64 -d > /root/scenarios/{name}")
    return "/root/scenarios"


@pytest.fixture
def under_load(host, programs: str) -> Callable[..., dict[str, Any]]:
    """Runs a load against a door for so many seconds, does something meanwhile, and gives the load's report."""

    def run(
        port: int,
        doing: Callable[[], Any],
        seconds: int = 20,
        rate: int = 110,
        read: str = "/health/live",
        write: str = "/rows",
        body: str = '{"id": "%ID%"}',
        headers: Sequence[str] = (),
        answer: str = "",
    ) -> dict[str, Any]:
        door = f"http://127.0.0.1:{port}"
        words = ["--clients", CLIENTS, "--rate", rate, "--seconds", seconds, "--timeout", 60, "--read", door + read]
        if write:
            words += ["--write", door + write, "--body", body, "--answer", answer]
        for header in headers:
            words += ["--header", header]
        line = shlex.join([f"{programs}/load.py", *map(str, words)])
        report_path = f"/root/scenarios/report-{time.monotonic_ns()}"
        host.check_output(f"(python3 {line} > {report_path}.new && mv {report_path}.new {report_path}) > {report_path}.log 2>&1 &")
        time.sleep(2)
        doing()
        until = time.monotonic() + seconds + 120
        while not host.file(report_path).exists and time.monotonic() < until:
            time.sleep(1)
        report = json.loads(host.check_output(f"cat {report_path}"))
        print({key: value for key, value in report.items() if key not in ("acknowledged", "unknown")})
        return report

    return run
