"""The reference application under Compose: every container runs, users come through, and it is filled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
JOURNEY = ROOT / "examples" / "cryptobot" / "journey.py"
CONTAINERS = 17
PROJECT = "label=com.docker.compose.project=cryptobot"


@pytest.fixture
def address(host) -> str:
    return host.ansible.get_variables()["cryptobot_address"]


def test_every_container_runs(host) -> None:
    states = host.check_output(
        f"docker ps --all --filter {PROJECT} --format '{{{{.Names}}}} {{{{.Status}}}}'"
    ).splitlines()
    assert len(states) == CONTAINERS
    assert [state for state in states if " Up " not in state or "unhealthy" in state] == []


def test_compose_knows_them(host) -> None:
    compose = "docker compose" if host.system_info.release.startswith("13") else "docker-compose"
    assert len(host.check_output(f"cd /srv/cryptobot && {compose} ps -q").split()) == CONTAINERS
    separator = "-" if compose == "docker compose" else "_"
    assert f"cryptobot{separator}postgres{separator}1" in host.check_output("docker ps --format '{{.Names}}'").split()


def test_it_passed_the_journey_and_was_seeded(host) -> None:
    assert json.loads(host.check_output("cat /srv/cryptobot/journey.json"))["passed"]
    assert json.loads(host.check_output("cat /srv/cryptobot/seeded.json"))["counts"]["users"]


def test_a_user_comes_through(address: str, tmp_path: Path) -> None:
    result = tmp_path / "journey.json"
    words = ["--base", f"http://{address}:8088", "--exchange", f"http://{address}:9900", "--json", str(result)]
    done = subprocess.run([sys.executable, str(JOURNEY), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(result.read_text(encoding="utf-8"))["passed"]


def test_what_was_seeded_is_in_the_volumes(host) -> None:
    seeded = json.loads(host.check_output("cat /srv/cryptobot/seeded.json"))["counts"]
    database = host.check_output(f"docker ps -q --filter {PROJECT} --filter label=com.docker.compose.service=postgres")
    orders = host.check_output(
        f"docker exec {database} psql -U postgres -d trade_db -Atc 'SELECT count(*) FROM orders'"
    )
    assert int(orders) >= seeded["paper orders"] + seeded["live orders"]


def test_it_can_be_followed_logically(host) -> None:
    database = host.check_output(f"docker ps -q --filter {PROJECT} --filter label=com.docker.compose.service=postgres")
    assert host.check_output(f"docker exec {database} psql -U postgres -Atc 'SHOW wal_level'") == "logical"
