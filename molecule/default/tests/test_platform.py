"""The installed platform as its users, and systemd, see it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "demo"))

import look  # noqa: E402

JOURNEY = ROOT / "examples" / "cryptobot" / "journey.py"
EXCHANGE_PORT = 9900


@pytest.fixture
def address(host) -> str:
    """Where users of the platform find it."""
    return host.ansible.get_variables()["cryptobot_address"]


def test_every_process_is_healthy(host, address: str) -> None:
    seen = look.look(address, lambda command: host.run(command).stdout.strip())
    assert {sight.unit: sight.health for sight in seen if sight.health != "healthy"} == {}
    assert len({sight.service for sight in seen}) == 14
    assert [sight.unit for sight in seen if not sight.version] == []


def test_a_user_comes_through(host, address: str, tmp_path: Path) -> None:
    result = tmp_path / "journey.json"
    words = ["--base", f"http://{address}", "--exchange", f"http://{address}:{EXCHANGE_PORT}", "--json", str(result)]
    done = subprocess.run([sys.executable, str(JOURNEY), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(result.read_text(encoding="utf-8"))["passed"]


def test_the_entrance_shows_the_dashboard(address: str) -> None:
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert "<title>" in answer.read().decode()


def test_nothing_failed_on_the_way(host) -> None:
    assert host.check_output("systemctl --failed --no-legend --plain") == ""
    assert host.check_output("systemctl is-system-running") == "running"


def test_units_come_back_at_boot(host) -> None:
    assert host.check_output("systemctl is-enabled cryptobot.target") == "enabled"


def test_no_instance_has_restarted(host) -> None:
    units = host.check_output("systemctl list-units --plain --no-legend 'cryptobot-*.service' | cut -d' ' -f1").split()
    assert units
    restarts = host.check_output(f"systemctl show --value -p NRestarts {' '.join(units)}").split()
    assert {unit: count for unit, count in zip(units, restarts, strict=True) if count != "0"} == {}
