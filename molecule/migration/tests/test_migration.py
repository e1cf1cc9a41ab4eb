"""From Compose to the native side and back: planned, killed, verified, used, and carried back with all that was written."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
SEED = ROOT / "examples" / "cryptobot" / "seed.py"
ROWS = 4000
NATIVE_ORDERS, DOCKER_ORDERS = 500, 200
ORDERS = "SELECT coalesce(json_agg(json_build_array(id, client_order_id) ORDER BY id), '[]') FROM orders WHERE client_order_id LIKE '{}-%'"


def place_orders(base: str, label: str, count: int) -> None:
    """A new user places orders, through the application."""
    words = ["--base", base, "--label", label, "--users", "1", "--strategies", "1", "--live", "0", "--orders", str(count)]
    done = subprocess.run([sys.executable, str(SEED), *words], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def orders(answer: str) -> dict[str, int]:
    """By the client's own name, the number that the database gave."""
    return {name: number for number, name in json.loads(answer)}


@pytest.fixture(scope="module")
def address(host) -> str:
    return host.ansible.get_variables()["cryptobot_address"]


@pytest.fixture(scope="module")
def zoo(host, migration) -> None:
    """What breaks careless migrations, in the database of auth and in Redis."""
    host.check_output("DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-psycopg2 > /dev/null")
    sql = ROOT / "tests" / "seed" / "postgresql"
    host.check_output("mkdir -p /root/scenarios/postgresql")
    for path in sql.iterdir():
        migration.put(path, f"/root/scenarios/postgresql/{path.name}")
    password = "PGPASSWORD=$(grep ^POSTGRES_PASSWORD= /srv/cryptobot/.env | cut -d= -f2-)"
    migration.python(
        ROOT / "tests" / "seed" / "postgresql.py", "--port", "15432", "--database", "auth_db", "--rows", str(ROWS), before=password
    )
    container = "$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' cryptobot_redis_1)"
    host.check_output("umask 077; grep ^REDIS_PASSWORD= /srv/cryptobot/.env | cut -d= -f2- > /root/scenarios/redis-password")
    words = ["--port", "6379", "--password-file", "/root/scenarios/redis-password", "--keys", "2000"]
    migration.python(ROOT / "tests" / "seed" / "redis.py", "--host", container, *words, quoted=False)


def test_a_look_changes_nothing(migration, zoo) -> None:
    """The plan, first without and then with the tools installed, leaves files, containers, catalogues and rules alone."""
    migration.play("plan")
    plan = migration.state("plan.json")
    assert {item["datastore"] for item in plan["items"]} >= {"auth", "trade", "redis", "bars", "backtest-results"}
    assert [each["code"] for each in plan["open"]] == []
    before = migration.picture()
    said = migration.play("migrate", "--check")
    after = migration.picture()
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert "Users wait" in said


def test_an_undecided_finding_stops_it(migration) -> None:
    accept, migration.accept = migration.accept, []
    said = migration.play("migrate", good=False)
    migration.accept = accept
    assert "cryptobot_compose: {accept: [" in said
    assert "Nothing was changed" in said


def test_a_backup_of_a_stopped_database_leaves_nothing_that_looks_good(host, migration) -> None:
    host.check_output("docker stop -t 20 cryptobot_postgres_1")
    try:
        migration.play("backup", good=False)
    finally:
        host.check_output("docker start cryptobot_postgres_1")
    assert host.run("ls /var/lib/cryptobot-migration/backup/*/backup.json").rc != 0
    until = time.monotonic() + 60
    while host.run("docker exec cryptobot_postgres_1 pg_isready -h 127.0.0.1").rc != 0 and time.monotonic() < until:
        time.sleep(1)


@pytest.fixture(scope="module")
def migrated(migration) -> dict[str, Any]:
    """Migrated, through the death of what works on the host and of the controller; the report."""
    migration.killed("migrate", "end:copy:postgresql:auth")
    migration.orphaned("migrate", "begin:verify:postgresql:trade")
    migration.killed("migrate", "begin:activate")
    migration.no_faults()
    migration.play("migrate")
    run = migration.journal()[-1]["run"]
    return migration.state(f"report/{run}.json")


def test_it_arrives_after_every_death(migration, migrated) -> None:
    assert migrated["outcome"] == "done"
    assert {step["phase"] for step in migrated["steps"]} == {"done"}
    assert {step["name"] for step in migrated["steps"]} >= {"backup", "stop", "copy", "verify", "activate", "open", "start"}
    assert migration.leftovers() == []


def test_both_sides_are_equal_but_for_what_was_written_since(migration, migrated) -> None:
    """The zoo is in auth, which nothing but logins writes to."""
    said = migration.play("verify")
    assert "the native side writes" in said
    zoo = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'zoo'"
    assert migration.native_sql("auth", zoo) == migration.docker_sql("auth_db", zoo)


def test_docker_is_stopped_and_stays_so(host, migrated) -> None:
    running = host.check_output("docker ps --format '{{.Label \"com.docker.compose.service\"}}' | sort").split()
    assert running == ["postgres", "redis"]
    policies = host.check_output("docker inspect $(docker ps -aq -f status=exited) -f '{{.HostConfig.RestartPolicy.Name}}' | sort -u").split()
    assert policies == ["no"]


@pytest.fixture(scope="module")
def returned(migration, migrated, address) -> dict[str, int]:
    """Used natively, and carried back; the orders that were placed natively."""
    place_orders(f"http://{address}", "native", NATIVE_ORDERS)
    placed = orders(migration.native_sql("trade", ORDERS.format("native")))
    assert len(placed) == NATIVE_ORDERS
    migration.killed("rollback", "end:carry")
    migration.no_faults()
    migration.play("rollback")
    return placed


def test_going_back_loses_nothing_and_ids_go_on(migration, returned, address) -> None:
    assert orders(migration.docker_sql("trade_db", ORDERS.format("native"))) == returned
    place_orders(f"http://{address}:8088", "docker", DOCKER_ORDERS)
    everything = orders(migration.docker_sql("trade_db", ORDERS.format("%")))
    later = orders(migration.docker_sql("trade_db", ORDERS.format("docker")))
    assert len(later) == DOCKER_ORDERS
    assert min(later.values()) > max(returned.values())
    assert len(set(everything.values())) == len(everything)
    last = int(migration.docker_sql("trade_db", "SELECT last_value FROM pg_sequences WHERE sequencename = 'orders_id_seq'"))
    assert last == max(everything.values())
    assert migration.leftovers() == []


def test_docker_serves_as_before(host, returned) -> None:
    assert len(host.check_output("docker ps -q").split()) == 17
    policies = host.check_output("docker inspect $(docker ps -q) -f '{{.HostConfig.RestartPolicy.Name}}' | sort -u").split()
    assert policies == ["unless-stopped"]
    assert host.run("systemctl is-active 'cryptobot-*-web@*.service'").rc != 0


def test_a_damaged_backup_is_refused_and_a_whole_one_restored(host, migration, returned) -> None:
    (backup,) = host.check_output("cd /var/lib/cryptobot-migration/backup && ls -d */backup.json | cut -d/ -f1").split()
    path = f"/var/lib/cryptobot-migration/backup/{backup}/postgresql-postgres/trade_db/toc.dat"
    host.check_output(f"cp {path} /root/toc && truncate -s -1 {path}")
    said = migration.play("restore", good=False, backup=backup)
    assert "toc.dat" in said
    assert orders(migration.docker_sql("trade_db", ORDERS.format("native"))) == returned
    host.check_output(f"cat /root/toc > {path}")
    migration.play("restore", backup=backup)
    assert orders(migration.docker_sql("trade_db", ORDERS.format("native"))) == {}
    assert orders(migration.docker_sql("trade_db__replaced", ORDERS.format("native"))) == returned
