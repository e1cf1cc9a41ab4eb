"""The shipped catalogue with every service renamed installs, and its user's journey goes the same way."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy import ROOT, play

sys.path[:0] = [str(ROOT / "tests" / "demo"), str(ROOT / ".ansible" / "collections")]

import vault  # noqa: E402

CATALOGUE = ROOT / "catalogues" / "cryptobot.yml"
EXCHANGE = "http://127.0.0.1:9900"
LISTS = ("calls", "after", "users")


def new(name: str) -> str:
    """Another name, not longer than the longest that fits a user's."""
    return f"x-{name[::-1].strip('-')[:17]}"


def renamed(value: Any, names: dict[str, str], key: str = "") -> Any:
    """The catalogue with services named otherwise wherever one is referred to; routes and prefixes stay."""
    if isinstance(value, dict):
        return {name: renamed(inner, names, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [names.get(inner, inner) if key in LISTS else renamed(inner, names) for inner in value]
    if isinstance(value, str) and key in ("public_of", "same_as"):
        service, dot, secret = value.partition(".")
        return names[service] + dot + secret
    if isinstance(value, str):
        return re.sub(r"\{urls\.([a-z-]+)\}", lambda found: f"{{urls.{names[found[1]]}}}", value)
    return value


@pytest.fixture(scope="module")
def variables() -> dict[str, Any]:
    shipped = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    names = {name: new(name) for name in shipped["services"]}
    services = {names[name]: renamed(service, names) for name, service in shipped["services"].items()}
    for name in ("trade", "execution-gateway"):
        services[names[name]]["settings"]["exchange_url"] = EXCHANGE
    # A program keeps the name that its build gives it.
    services[names["execution-gateway"]]["build"]["binary"] = "execution-gateway"
    return {
        "cryptobot_catalogue": "none",
        "cryptobot_source": {"path": str(ROOT / "examples" / "cryptobot")},
        "cryptobot_migration_groups": shipped["migration_groups"],
        "cryptobot_entrance": shipped["edge"],
        "cryptobot_datastores__renamed": renamed(shipped["datastores"], names),
        "cryptobot_services__renamed": services,
        "cryptobot_secrets": {names[service]: values for service, values in vault.values().items()},
    }


def test_it_installs_and_a_second_run_changes_nothing(host, variables: dict[str, Any], tmp_path: Path) -> None:
    play(variables, tmp_path, "tests/demo/exchange.yml")
    play(variables, tmp_path)
    assert "changed=0" in play(variables, tmp_path)


def test_a_user_comes_through(host) -> None:
    address = host.ansible.get_variables()["cryptobot_address"]
    journey = [sys.executable, str(ROOT / "examples" / "cryptobot" / "journey.py"), "--base", f"http://{address}"]
    done = subprocess.run([*journey, "--exchange", f"http://{address}:9900"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
