"""All groups of the reference application change sides in one window, under users who notice nothing, and come back."""

from __future__ import annotations

import time
from collections import Counter

GROUP = {"migration_group": "all"}
ORDERS = "SELECT client_order_id FROM orders"
ALONE = ("data-service", "backtest-service", "orchestrator")
RUNNING = "docker ps --format '{{.Label \"com.docker.compose.service\"}}' | sort"
POLICIES = "docker inspect $(docker ps -aq) --format '{{.Name}} {{.HostConfig.RestartPolicy.Name}}' | sort"
FILES = "cd %s && find . -type f -name '*.*' ! -name '*-shm' ! -name '*-wal' ! -name '*.sqlite' -exec sha256sum {} + | sort"
VOLUME, NATIVE = "/var/lib/docker/volumes/cryptobot_market-data/_data", "/var/lib/cryptobot-datastores/bars"
QUIET_SECONDS = 5


def placed(answer: str) -> Counter[str]:
    """How often each order is in a database."""
    return Counter(answer.split())


def shown(migration) -> None:
    run = migration.journal()[-1]["run"]
    steps = {each["name"]: each["evidence"] for each in migration.state(f"report/{run}.json")["steps"]}
    window = steps["window"]
    print(f"--- held {window['held']} s, write window {window['write_window']} s")
    for name, step in sorted(window["steps"].items(), key=lambda each: each[1]["at"]):
        print(f"--- {step['at']:8.3f} {step['seconds']:8.3f} {name}")


def test_the_plan_has_nothing_against_it(migration) -> None:
    migration.play("import_configuration")
    before = migration.picture()
    migration.play("cut_over", "--check", **GROUP)
    assert migration.picture() == before


def test_it_changes_sides_while_it_is_used(host, migration, users) -> None:
    policies = host.check_output(POLICIES)
    users.begin()
    migration.play("cut_over", **GROUP)
    shown(migration)
    time.sleep(QUIET_SECONDS)
    acknowledged = users.end()["orders"]
    there = placed(migration.native_sql("trade", ORDERS))
    assert {identity: there[identity] for identity in acknowledged if there[identity] != 1} == {}
    assert placed(migration.docker_sql("trade_db", ORDERS)) == there, "Docker's database follows"
    running = host.check_output(RUNNING).split()
    assert [name for name in ALONE if name in running] == []
    assert "trade-service" in running and "backtest-worker" not in running
    alone = [line for line in host.check_output(POLICIES).splitlines() if line not in policies.splitlines()]
    assert len(alone) == 4 and all(line.endswith(" no") for line in alone), alone
    assert set(migration.state("sides.json")["groups"].values()) == {"native"}
    assert host.check_output("systemctl is-active 'cryptobot-orchestrator-web@1'") == "active"


def test_site_changes_nothing_afterwards(migration) -> None:
    said = migration.play("site")
    assert "changed=0" in said and not [line for line in said.splitlines() if "changed=" in line and "changed=0" not in line]


def test_it_comes_back_while_it_is_used(host, migration, users) -> None:
    before = placed(migration.native_sql("trade", ORDERS))
    users.begin()
    time.sleep(QUIET_SECONDS)
    files = host.check_output(FILES % NATIVE)
    migration.play("rollback", **GROUP)
    shown(migration)
    time.sleep(QUIET_SECONDS)
    acknowledged = users.end()["orders"]
    there = placed(migration.docker_sql("trade_db", ORDERS))
    assert {identity: there[identity] for identity in (*before, *acknowledged) if there[identity] != 1} == {}
    assert host.check_output(FILES % VOLUME) == files
    assert host.check_output(RUNNING).split() == sorted(migration.compose)
    assert " no" not in host.check_output(POLICIES)
    assert set(migration.state("sides.json")["groups"].values()) == {"docker"}
