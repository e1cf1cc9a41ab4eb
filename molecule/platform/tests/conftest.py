"""One host with both sides, and users who go on while they change."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "scenarios"), str(ROOT / "tests" / "hosts"), str(ROOT / "examples" / "cryptobot")]

import journey  # noqa: E402
import stack  # noqa: E402
from migration import Migration  # noqa: E402

PROGRAM, SESSION, PAST = (f"/root/scenarios/{name}.py" for name in ("load", "session", "past_the_doors"))
LONGEST = 1500
"""Seconds after which a load ends by itself."""
ORDER = {"client_order_id": "%ID%", "symbol": "BTC-USD", "side": "buy", "quantity": "1", "price": "100", "mode": "paper"}
BARS = {"bars": journey.made_bars(24)}
# At the ports that the Compose project publishes: what is read, what is written, and how many of both there are a second.
LOADS: dict[str, dict[str, Any]] = {
    "orders": {"port": 8012, "read": "/orders?limit=3", "write": "/orders", "body": ORDER, "rate": 12},
    "bars": {"port": 8001, "read": "/symbols", "write": "/bars/ETH-USD/1h", "body": BARS, "rate": 6},
    "prices": {"port": 8001, "read": "/prices", "write": "/prices", "body": {"symbol": "ETH-USD", "price": "7.5"}, "rate": 6},
    "orchestrator": {"port": 8080, "read": "/status", "rate": 3},
    "strategies": {"port": 8010, "read": "/strategies", "rate": 3},
    "backtests": {"port": 8011, "read": "/backtests", "rate": 3},
}


REFRESH = "/root/refresh.token"
WRITTEN = "INSERT INTO reconciliations (checked, findings, created_at) VALUES (%N%, '{\"past\": true}', now()) RETURNING checked"


class Users:
    """Requests at the published ports of the Compose project, by one user who logged in before; nobody ever retries.

    Beside them his other session, which is renewed all the time, and a job that writes past the doors.
    """

    def __init__(self, migration: Migration, token: str, refresh: str) -> None:
        self.migration, self._token = migration, token
        migration.host.check_output(f"umask 077 && printf %s {shlex.quote(refresh)} > {REFRESH}")

    def begin(self) -> None:
        for path in (PROGRAM, SESSION, PAST):
            self.migration.put(ROOT / "tests" / "scenarios" / Path(path).name, path)
        # Of a test that failed they may still be at it.
        self.migration.host.check_output("systemctl stop 'load-*'")
        self._beside("session", [SESSION, REFRESH, "http://127.0.0.1:8000", "http://127.0.0.1:8000/me", "http://127.0.0.1:8012/orders?limit=1"])
        container = self.migration.host.check_output("docker ps -q --filter label=com.docker.compose.service=postgres")
        self._beside("past", [PAST, container, "trade_user", "trade_db", WRITTEN])
        for name, load in LOADS.items():
            words = ["--seconds", str(LONGEST), "--clients", "4", "--rate", str(load["rate"])]
            words += ["--header", f"Authorization: Bearer {self._token}"]
            door = f"http://127.0.0.1:{load['port']}"
            words += ["--read", door + load["read"]]
            if "write" in load:
                words += ["--write", door + load["write"], "--body", json.dumps(load["body"])]
            command = f"exec python3 {PROGRAM} {shlex.join(words)} > /root/load-{name}.json"
            self.migration.host.check_output(
                f"systemd-run --quiet --collect --unit=load-{name} --property=TimeoutStopSec=60 sh -c {shlex.quote(command)}"
            )

    def _beside(self, name: str, words: list[str]) -> None:
        command = f"exec python3 {shlex.join(words)} > /root/load-{name}.out"
        unit = f"systemd-run --quiet --collect --unit=load-{name} --property=TimeoutStopSec=60 --property=RuntimeMaxSec={LONGEST}"
        self.migration.host.check_output(f"{unit} sh -c {shlex.quote(command)}")

    def end(self) -> dict[str, list[str]]:
        """Stop them; what was acknowledged to each. None may have failed, but what came past the doors may be refused."""
        self.migration.host.check_output("systemctl stop 'load-*'")
        said = json.loads(self.migration.host.check_output("cat /root/load-session.out"))
        print(f"--- session: {said['done']}")
        assert said["done"]["renew"] and not said["failures"], said["failures"]
        found = {"past": self.migration.host.check_output("cat /root/load-past.out").split()}
        for name in LOADS:
            said = json.loads(self.migration.host.check_output(f"cat /root/load-{name}.json"))
            print(f"--- {name}: {said['requests']} requests in {said['seconds']} s, slowest {said['slowest']} s, {said['results']}")
            assert said["failed"] == 0, said["failures"]
            assert bool(said["acknowledged"]) is ("write" in LOADS[name]) and said["requests"]
            found[name] = said["acknowledged"]
        return found


@pytest.fixture(scope="module")
def migration(host: Any, tmp_path_factory: pytest.TempPathFactory) -> Migration:
    made = Migration(host, tmp_path_factory.mktemp("platform"))
    made.accept = ["layer-files"]
    return made


@pytest.fixture(scope="module")
def users(host: Any, migration: Migration) -> Users:
    address = host.ansible.get_variables()["cryptobot_address"]
    api = journey.Api(None, {name: f"http://{address}:{port}" for name, port in stack.DOORS.items()})
    credentials = {"email": f"{secrets.token_hex(4)}@seed.example", "password": "password of one who stays"}
    made = api.call("POST", "auth", "/register", credentials, (201,))
    challenge = api.call("POST", "auth", "/login", credentials)["challenge"]
    pair = api.call("POST", "auth", "/login/verify", {"challenge": challenge, "code": journey.totp(made["totp_secret"])})
    return Users(migration, pair["access_token"], pair["refresh_token"])
