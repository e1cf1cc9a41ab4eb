"""The reference application's groups change sides one after another, under users who notice nothing, and come back.

They share one Redis, which moves with the last: until then the native processes of the others use it in its container.
"""

from __future__ import annotations

import socket
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "hosts"))

import stack  # noqa: E402

LAST = "critical"
GROUPS = ("infrastructure", "supporting", LAST)
ORDERS = "SELECT client_order_id FROM orders"
PAST = "SELECT checked FROM reconciliations WHERE findings ->> 'past' = 'true'"
# By group the Compose services whose processes run on one side alone.
ALONE = {
    "infrastructure": ["backtest-service", "backtest-worker", "data-service"],
    "supporting": [],
    "critical": ["orchestrator"],
}
SHARED = ("data", "backtest", "auth")
RUNNING = "docker ps --format '{{.Label \"com.docker.compose.service\"}}' | sort"
POLICIES = "docker inspect $(docker ps -aq) --format '{{.Name}} {{.HostConfig.RestartPolicy.Name}}' | sort"
FILES = "cd %s && find . -type f -name '*.*' ! -name '*-shm' ! -name '*-wal' ! -name '*.sqlite' -exec sha256sum {} + | sort"
VOLUME, NATIVE = "/var/lib/docker/volumes/cryptobot_market-data/_data", "/var/lib/cryptobot-datastores/bars"
REDIS = "docker exec $(docker ps -q --filter label=com.docker.compose.service=redis) redis-cli"
INTENT = "/var/lib/cryptobot-router/intent.json"
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


def sides(migration) -> dict:
    """The record of who serves and writes; before the first change of sides there is none."""
    there = migration.host.file("/var/lib/cryptobot-migration/sides.json").exists
    return migration.state("sides.json") if there else {"groups": {}, "datastores": {}}


def writer(migration, datastore: str) -> str:
    return sides(migration)["datastores"].get(datastore, {"writer": "docker"})["writer"]


def orders(migration, what: str = ORDERS) -> Counter[str]:
    native = writer(migration, "trade") == "native"
    return placed(migration.native_sql("trade", what) if native else migration.docker_sql("trade_db", what))


def change(migration, users, playbook: str, group: str) -> None:
    """Let a group change sides under users of all groups; every order that was ever acknowledged is there, once."""
    before = orders(migration)
    users.begin()
    time.sleep(QUIET_SECONDS)
    migration.play(playbook, migration_group=group)
    shown(migration)
    time.sleep(QUIET_SECONDS)
    answered = users.end()
    acknowledged, there, past = answered["orders"], orders(migration), orders(migration, PAST)
    assert {number: past[number] for number in answered["past"] if past[number] != 1} == {}
    assert {identity: there[identity] for identity in (*before, *acknowledged) if there[identity] != 1} == {}
    if group in (LAST, "all"):
        assert placed(migration.docker_sql("trade_db", ORDERS)) == placed(migration.native_sql("trade", ORDERS)) == there


def unchanged(migration) -> None:
    said = migration.play("site")
    assert "changed=0" in said and not [line for line in said.splitlines() if "changed=" in line and "changed=0" not in line]


def native_groups(migration) -> set[str]:
    return {name for name, side in sides(migration)["groups"].items() if side == "native"}


def alone(host, groups) -> None:
    """What runs on one side alone runs natively for these groups, and in Docker for the others."""
    running = host.check_output(RUNNING).split()
    for group, services in ALONE.items():
        assert [name for name in services if name in running] == ([] if group in groups else services), group


def killed(host, migration, playbook: str, point: str, group: str) -> None:
    """The window's module dies at a point; returns when the guardian has ended the window."""
    migration.fault(f"kill {point}")
    said = migration.play(playbook, good=False, migration_group=group)
    assert "window" in said
    migration.no_faults()
    until = time.monotonic() + 60
    while host.file(INTENT).exists and time.monotonic() < until:
        time.sleep(0.5)
    print(host.check_output("journalctl -u cryptobot-cutover-guardian --since=-3min -o cat | tail -4"))
    assert not host.file(INTENT).exists


def guests(host) -> set[str]:
    return set(host.check_output(f"{REDIS} ACL USERS").split()) & set(SHARED)


def test_the_plan_has_nothing_against_it(migration) -> None:
    migration.play("import_configuration")
    before = migration.picture()
    migration.play("cut_over", "--check", migration_group=GROUPS[0])
    assert migration.picture() == before


def test_the_group_that_moves_what_is_shared_comes_last(migration) -> None:
    said = migration.play("cut_over", good=False, migration_group=LAST)
    assert "The datastore redis moves with critical" in said and "cut_over -e migration_group=infrastructure" in said


def test_a_connection_that_never_closes_is_named_before_a_window(host, migration) -> None:
    """It was made before the ports were adopted, so it does not come by the router."""
    address = host.ansible.get_variables()["cryptobot_address"]
    with socket.create_connection((address, stack.DOORS["data"])) as line:
        own = line.getsockname()
        said = migration.play("cut_over", good=False, migration_group=GROUPS[0])
    assert f"{own[0]}:{own[1]}" in " ".join(said.split()), said[-3000:]
    assert native_groups(migration) == set()


def test_a_window_that_a_file_decides_is_given_up_when_it_is_killed(host, migration) -> None:
    killed(host, migration, "cut_over", "after:close:decision", GROUPS[0])
    assert native_groups(migration) == set()
    running = host.check_output(RUNNING).split()
    assert "data-service" in running and "backtest-service" in running


@pytest.mark.parametrize("number", range(len(GROUPS)))
def test_group_after_group_changes_sides(host, migration, users, number) -> None:
    done = GROUPS[: number + 1]
    change(migration, users, "cut_over", GROUPS[number])
    assert native_groups(migration) == set(done)
    alone(host, done)
    unchanged(migration)
    if GROUPS[number] != LAST:
        assert writer(migration, "redis") == "docker"
        assert guests(host) == {"data", "backtest"} | ({"auth"} if number else set())


def test_one_that_shares_does_not_go_back_before_the_last(migration) -> None:
    said = migration.play("rollback", good=False, migration_group=GROUPS[0])
    assert "went to the native side with critical" in said and "rollback -e migration_group=critical" in said


def test_the_last_comes_back_and_what_is_shared_with_it(host, migration, users) -> None:
    change(migration, users, "rollback", LAST)
    assert native_groups(migration) == set(GROUPS[:2])
    alone(host, GROUPS[:2])


def test_a_container_that_forgets_its_users_is_told_again(host, migration, users) -> None:
    assert guests(host) == set(SHARED)
    host.check_output("docker restart $(docker ps -q --filter label=com.docker.compose.service=redis)")
    until = time.monotonic() + 30
    while guests(host) != set(SHARED) and time.monotonic() < until:
        time.sleep(0.5)
    assert guests(host) == set(SHARED)
    users.begin()
    time.sleep(QUIET_SECONDS)
    users.end()


def test_it_goes_again(host, migration, users) -> None:
    change(migration, users, "cut_over", LAST)
    alone(host, GROUPS)
    unchanged(migration)


def test_all_come_back_one_after_another(host, migration, users) -> None:
    for number in (2, 1):
        change(migration, users, "rollback", GROUPS[number])
        alone(host, GROUPS[:number])
    files = host.check_output(FILES % NATIVE)
    killed(host, migration, "rollback", "after:hand_over", GROUPS[0])
    assert native_groups(migration) == set(), "handed over it goes on"
    migration.play("rollback", migration_group=GROUPS[0])
    alone(host, ())
    assert host.check_output(RUNNING).split() == sorted(migration.compose)
    assert " no" not in host.check_output(POLICIES)
    assert native_groups(migration) == set() and guests(host) == set()
    assert host.check_output(FILES % VOLUME) == files


def test_all_at_once_too(host, migration, users) -> None:
    change(migration, users, "cut_over", "all")
    assert native_groups(migration) == set(sides(migration)["groups"])
    alone(host, GROUPS)
    unchanged(migration)
    change(migration, users, "rollback", "all")
    assert host.check_output(RUNNING).split() == sorted(migration.compose)
