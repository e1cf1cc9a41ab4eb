"""One database for all services: each group goes native under load, and the database with the last of them; and back.

Until it moves, native services use it in its container, each as a role of its own. One test follows another.
"""

from __future__ import annotations

import base64
import json
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from plays import Plays  # noqa: E402

GROUPS = {"first": "orders", "second": "ledger", "third": "stock"}
PORTS = {"orders": 7000, "ledger": 7010, "stock": 7020}
# An order is written by its service, and by the next one as an entry.
WRITES = {"orders": "/orders", "ledger": "/entries", "stock": "/entries"}
PROGRAM, LONGEST, QUIET_SECONDS = "/root/load.py", 900, 3
GUESTS = "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname ~ '^migration_guest_'"


class Shop:
    """Both sides of the application, and users of all services."""

    def __init__(self, host) -> None:
        self.host, self.acknowledged = host, {name: [] for name in PORTS}
        self.container = host.check_output("docker ps -q --filter label=com.docker.compose.service=postgres")

    def sql(self, side: str, query: str) -> str:
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        place = (
            f"PGPASSWORD=superword psql -h $(docker inspect -f '{form}' {self.container}) -U postgres -d shop_db"
            if side == "docker"
            else "runuser -u postgres -- psql -d shop"
        )
        return self.host.check_output(f'cd /; {place} -XAtqc "{query}"')

    def sides(self) -> dict:
        """The record of who serves and writes; before the first change of sides there is none."""
        path = "/var/lib/cryptobot-migration/sides.json"
        return json.loads(self.host.check_output(f"cat {path}")) if self.host.file(path).exists else {"groups": {}, "datastores": {}}

    def writer(self) -> str:
        return self.sides()["datastores"].get("shop", {"writer": "docker"})["writer"]

    def asked(self, service: str, path: str = "/who") -> dict:
        return json.loads(self.host.check_output(f"curl -s --max-time 20 http://127.0.0.1:{PORTS[service]}{path}"))

    def begin(self) -> None:
        self.host.check_output("systemctl stop 'load-*'")
        for name, port in PORTS.items():
            door = f"http://127.0.0.1:{port}"
            words = ["--seconds", str(LONGEST), "--clients", "4", "--rate", "16", "--read", f"{door}/both", "--write", door + WRITES[name]]
            command = f"exec python3 {PROGRAM} {shlex.join(words)} > /root/load-{name}.json"
            unit = f"systemd-run --quiet --collect --unit=load-{name} --property=TimeoutStopSec=60"
            self.host.check_output(f"{unit} sh -c {shlex.quote(command)}")

    def end(self) -> None:
        """Nothing failed, and all that was ever acknowledged is there, once."""
        self.host.check_output("systemctl stop 'load-*'")
        for name in PORTS:
            said = json.loads(self.host.check_output(f"cat /root/load-{name}.json"))
            print(f"--- {name}: {said['requests']} requests, slowest {said['slowest']} s, {said['results']}")
            assert said["failed"] == 0, said["failures"]
            assert said["acknowledged"] and said["requests"]
            self.acknowledged[name] += said["acknowledged"]
        belongs = {**self.acknowledged, "ledger": [*self.acknowledged["ledger"], *self.acknowledged["orders"]]}
        for table, rows in belongs.items():
            there = Counter(self.sql(self.writer(), f"SELECT id FROM {table}").splitlines())
            assert [row for row in rows if there[row] != 1] == [], table
            assert max(there.values()) == 1, table


@pytest.fixture(scope="module")
def play() -> Plays:
    return Plays(Path(__file__).resolve().parents[1])


@pytest.fixture(scope="module")
def shop(host) -> Shop:
    content = base64.b64encode((ROOT / "tests" / "scenarios" / "load.py").read_bytes()).decode()
    host.check_output(f"echo {content} | base64 -d > {PROGRAM}")
    return Shop(host)


def change(play, shop, playbook: str, group: str) -> None:
    shop.begin()
    time.sleep(QUIET_SECONDS)
    play(playbook, "--extra-vars", f"migration_group={group}")
    window = json.loads(shop.host.check_output("cat /var/lib/cryptobot-router/ended.json"))
    print(f"--- {group}:", *(f"{name} {step['seconds']:.2f} s" for name, step in window.get("steps", {}).items()))
    time.sleep(QUIET_SECONDS)
    shop.end()


def serving(shop) -> dict[str, str]:
    return {name: shop.asked(name)["side"] for name in PORTS}


def test_check_mode_lets_nobody_in(play, shop) -> None:
    play("cut_over", "--extra-vars", "migration_group=first", "--check")
    assert shop.sql("docker", GUESTS) == "" and shop.sides()["groups"] == {}


def test_the_last_comes_last(play, shop) -> None:
    said = " ".join(play("cut_over", "--extra-vars", "migration_group=third", succeeds=False).split())
    assert "The datastore shop moves with third" in said and "migration_group=first" in said


def test_groups_use_it_where_it_is(play, shop) -> None:
    for group in ("first", "second"):
        change(play, shop, "cut_over", group)
        play("site")
        assert play.changed == 0
    assert serving(shop) == {"orders": "native", "ledger": "native", "stock": "docker"}
    assert shop.writer() == "docker" and shop.sql("docker", GUESTS) == "migration_guest_ledger migration_guest_orders"
    powers = "SELECT bool_or(rolsuper OR rolcreaterole OR rolreplication) FROM pg_roles WHERE rolname ~ '^migration_guest_'"
    assert shop.sql("docker", powers) == "f"


def test_the_container_may_start_again(shop) -> None:
    shop.host.check_output(f"docker restart {shop.container}")
    until = time.monotonic() + 60
    while "side" not in shop.asked("orders") and time.monotonic() < until:
        time.sleep(1)
    shop.begin()
    time.sleep(QUIET_SECONDS)
    shop.end()


def test_it_moves_with_the_last(play, shop) -> None:
    change(play, shop, "cut_over", "third")
    assert set(serving(shop).values()) == {"native"} and shop.writer() == "native"
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^migration_guest_'"
    assert shop.sql("docker", sessions) == "0"
    assert shop.sql("native", "SELECT count(*) FROM pg_roles WHERE rolname ~ '^migration_guest_'") == "0"
    play("verify", "--extra-vars", "migration_group=third")
    play("site")
    assert play.changed == 0


def test_nobody_goes_back_before_it(play, shop) -> None:
    said = " ".join(play("rollback", "--extra-vars", "migration_group=first", succeeds=False).split())
    assert "went to the native side with third" in said


def test_all_come_back(play, shop) -> None:
    for group in ("third", "second", "first"):
        change(play, shop, "rollback", group)
        if group == "third":
            assert serving(shop) == {"orders": "native", "ledger": "native", "stock": "docker"}
    assert set(serving(shop).values()) == {"docker"} and shop.sql("docker", GUESTS) == ""


def test_all_go_at_once(play, shop) -> None:
    change(play, shop, "cut_over", "all")
    assert set(serving(shop).values()) == {"native"}
    change(play, shop, "rollback", "all")
    assert set(serving(shop).values()) == {"docker"}
