"""The datastores after everything that has happened to them, from outside of what made them."""

from __future__ import annotations

import hashlib
import json

import pytest

SERVICES = {"ledger": "ledger", "back-office": "back_office", "shop-window": "common", "watcher": "common"}


def canary(words: str) -> str:
    return hashlib.sha256(f"canary {words}".encode()).hexdigest()


def sql(host, user: str, role: str, database: str, statement: str):
    """psql as a system user, by its own door."""
    return host.run("runuser -u %s -- psql -h /run/postgresql -XAtq -v ON_ERROR_STOP=1 -U %s -d %s -c %s", user, role, database, statement)


def redis(host, user: str, password: str, *words: str) -> str:
    command = " ".join(["redis-cli --user %s --no-auth-warning", *["%s"] * len(words)])
    return host.run(f"REDISCLI_AUTH={password} {command} 2>&1", user, *words).stdout.strip()


@pytest.fixture
def table(host):
    sql(host, "cryptobot-migrate", "ledger_migrate", "ledger", "CREATE TABLE IF NOT EXISTS probe (id serial PRIMARY KEY)")
    yield "probe"
    sql(host, "cryptobot-migrate", "ledger_migrate", "ledger", "DROP TABLE probe")


def test_a_service_works_on_data_that_its_migration_defined(host, table) -> None:
    assert sql(host, "cryptobot-ledger", "ledger", "ledger", "INSERT INTO probe DEFAULT VALUES RETURNING id").rc == 0
    assert sql(host, "cryptobot-ledger", "ledger", "ledger", "INSERT INTO entries VALUES (1)").rc == 0


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE mine (id int)", "DROP TABLE probe", "ALTER TABLE probe DISABLE TRIGGER ALL", "TRUNCATE probe", "CREATE SCHEMA mine"],
)
def test_a_service_defines_nothing(host, table, statement: str) -> None:
    refused = sql(host, "cryptobot-ledger", "ledger", "ledger", statement)
    assert refused.rc != 0 and ("permission denied" in refused.stderr or "must be owner" in refused.stderr)


def test_a_reader_reads(host) -> None:
    sql(host, "cryptobot-migrate", "shop_window_migrate", "common", "CREATE TABLE IF NOT EXISTS goods (id int)")
    assert sql(host, "cryptobot-shop-window", "shop_window", "common", "INSERT INTO goods VALUES (1)").rc == 0
    assert sql(host, "cryptobot-watcher", "watcher", "common", "SELECT count(*) FROM goods").stdout.strip() >= "1"
    assert "permission denied" in sql(host, "cryptobot-watcher", "watcher", "common", "DELETE FROM goods").stderr


@pytest.mark.parametrize(
    ("user", "role", "database"),
    [
        ("cryptobot-watcher", "watcher", "ledger"),
        ("cryptobot-watcher", "ledger", "ledger"),
        ("cryptobot-ledger", "ledger_migrate", "ledger"),
        ("cryptobot-migrate", "ledger", "ledger"),
        ("nobody", "ledger", "ledger"),
    ],
)
def test_nobody_comes_in_at_another_s_door(host, user: str, role: str, database: str) -> None:
    assert sql(host, user, role, database, "SELECT 1").rc != 0


def test_what_is_not_ours_keeps_its_rights(host) -> None:
    rights = sql(host, "postgres", "postgres", "postgres", "SELECT has_database_privilege('auditor', 'ledger', 'CONNECT')")
    assert rights.stdout.strip() == "t"


def test_the_running_server_uses_what_is_written(host) -> None:
    shown = sql(host, "postgres", "postgres", "postgres", "SELECT current_setting('log_lock_waits'), current_setting('wal_level')")
    assert shown.stdout.strip() == "on|logical"


def test_only_what_is_needed_was_restarted(host) -> None:
    """Redis kept its process over drift, rotation and mistakes."""
    assert host.check_output("cat /root/redis.pid") == host.check_output(
        "systemctl show --property=MainPID --value redis-server@cryptobot.service"
    )


def test_a_client_stayed_connected_while_its_password_was_replaced(host) -> None:
    said = host.check_output("cat /root/staying")
    assert set(said.split()) == {"0"}
    assert host.service("staying").is_running


def test_the_last_password_alone_is_let_in(host) -> None:
    assert redis(host, "ledger", canary("ledger redis"), "PING") == "PONG"
    assert "WRONGPASS" in redis(host, "ledger", canary("ledger redis new"), "PING")


def test_redis_keeps_services_apart(host) -> None:
    password = canary("ledger redis")
    assert redis(host, "ledger", password, "SET", "ledger:a", "1") == "OK"
    for words in (("GET", "back-office:a"), ("PUBLISH", "back-office:a", "x"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*")):
        assert "NOPERM" in redis(host, "ledger", password, *words)
    assert "NOAUTH" in host.run("redis-cli GET ledger:a").stdout
    assert "WRONGPASS" in redis(host, "intruder", "x", "PING")


def test_redis_keeps_its_data_over_a_kill(host) -> None:
    redis(host, "ledger", canary("ledger redis"), "SET", "ledger:kept", "yes")
    host.check_output("sleep 1.2; systemctl kill --signal=KILL redis-server@cryptobot.service; sleep 3")
    assert redis(host, "ledger", canary("ledger redis"), "GET", "ledger:kept") == "yes"


def test_doors_are_on_loopback_alone(host) -> None:
    for port in (5432, 6379, 6432):
        listening = host.check_output(f"ss -Hltn 'sport = :{port}'").splitlines()
        assert listening and all(line.split()[3].startswith(("127.0.0.1:", "[::1]:")) for line in listening)


@pytest.mark.parametrize(("password", "answer"), [(canary("back-office postgresql"), "back_office"), ("wrong", "")])
def test_the_pooler_lets_in_by_password(host, password: str, answer: str) -> None:
    said = host.run(f"PGPASSWORD={password} psql -h 127.0.0.1 -p 6432 -XAtq -U back_office back_office -c 'SELECT current_user'")
    assert said.stdout.strip() == answer


@pytest.mark.parametrize("unit", ["redis-server.service", "pgbouncer.service"])
def test_packaged_services_stay_off(host, unit: str) -> None:
    assert host.run("systemctl is-enabled %s", unit).stdout.strip() == "masked"
    assert not host.service(unit).is_running


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_s_user_can_not_log_in(host, service: str) -> None:
    user = host.user(f"cryptobot-{service}")
    assert user.shell == "/usr/sbin/nologin" and host.check_output("passwd --status cryptobot-%s", service).split()[1] == "L"


def test_a_shared_directory_is_for_its_users(host) -> None:
    path = "/var/lib/cryptobot-datastores/files"
    host.check_output("runuser -u cryptobot-ledger -- sh -c 'umask 007; echo 1 > %s/a'", path)
    host.check_output("runuser -u cryptobot-back-office -- sh -c 'echo 2 >> %s/a'", path)
    assert host.run("runuser -u cryptobot-watcher -- cat %s/a", path).rc != 0


def test_the_record_says_what_was_and_what_is(host) -> None:
    lines = [json.loads(line) for line in host.check_output("cat /var/lib/cryptobot/state.jsonl").splitlines()]
    assert {"package", "user", "group", "directory", "file", "unit", "postgresql", "redis", "setting"} <= {line["kind"] for line in lines}
    assert [line for line in lines if line["target"] == "role ledger" and line["was"] is None]


def test_no_secret_is_anywhere(host) -> None:
    words = [canary(f"{name} {kind}") for name in ("ledger", "back-office") for kind in ("redis", "postgresql", "redis new")]
    pattern = "|".join(words)
    searched = "/etc /run /var/lib/cryptobot /var/log /var/lib/postgresql /var/lib/redis /tmp"
    found = host.run("grep -rlE '%s' %s --exclude=.s.PGSQL* 2>/dev/null" % (pattern, searched)).stdout.split()
    # The journal has the command line of this test's own client.
    assert [path for path in found if "/journal/" not in path and "staying" not in path] == []
