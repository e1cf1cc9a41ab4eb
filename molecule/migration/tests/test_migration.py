"""From Compose to the native side and back: planned, killed, verified, used, and carried back with all that was written."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import content
import part
import pytest
import shop
import stack
from migration import CONTAINER, PROJECT, STATE, Migration

ROOT = Path(__file__).resolve().parents[3]
SEED = ROOT / "examples" / "cryptobot" / "seed.py"
ZOO = ROOT / "tests" / "seed"
VOLUMES = "/var/lib/docker/volumes/cryptobot_"
FILES = f"{VOLUMES}market-data/_data", "/var/lib/cryptobot-datastores/bars"
MAJORS = {"12": "15", "13": "17"}
# Enough for a comparison that lasts.
ROWS = 20_000
NATIVE_ORDERS, DOCKER_ORDERS = 500, 200
ORDERS = (
    "SELECT coalesce(json_agg(json_build_array(id, client_order_id) ORDER BY id), '[]') FROM orders "
    "WHERE client_order_id LIKE '{}-%'"
)
RUNNING = "docker ps --format '{{.Label \"com.docker.compose.service\"}}' | sort"
POLICIES = "docker inspect $(docker ps %s) -f '{{.HostConfig.RestartPolicy.Name}}' | sort -u"
# What the container of this service is given beside its own: values that careless tools spoil.
AWKWARD = "orchestrator"
AWKWARD_AT = "      TRADING_API_URL: http://trading-api:8020\n", "    depends_on:\n      <<: [*needs-postgres, *needs-redis]\n"


def place_orders(where: list[str], label: str, count: int) -> None:
    """A new user places orders, through the application."""
    amounts = "--users 1 --strategies 1 --live 0 --symbols 1 --bars 10 --orders"
    words = [*where, "--label", label, *amounts.split(), str(count)]
    done = subprocess.run([sys.executable, str(SEED), *words], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def orders(answer: str) -> dict[str, int]:
    """By the client's own name, the number that the database gave."""
    return {name: number for number, name in json.loads(answer)}


@pytest.fixture(scope="module")
def address(host) -> str:
    return host.ansible.get_variables()["cryptobot_address"]


def as_seeded(migration: Migration) -> dict[str, Any]:
    """What the zoo is in Docker: of rows, sequences and large objects those that no service writes."""
    rows = content.rows(migration, "auth_db", native=False)
    return {
        "rows": {name: rest for name, rest in rows.items() if not name.startswith("public.")},
        "keys": content.keys(migration, native=False),
        "files": content.files(migration, f"{FILES[0]}/zoo", rights=True),
    }


@pytest.fixture(scope="module")
def zoo(host, migration) -> dict[str, Any]:
    """What breaks careless migrations: in the database of auth, in Redis, in both volumes and a container's own layer, and
    in the variables of a container."""
    install = "apt-get install -qy --no-install-recommends python3-psycopg2"
    host.check_output(f"(apt-get update -q && DEBIAN_FRONTEND=noninteractive {install}) > /dev/null")
    migration.put_folder(ZOO / "postgresql", "/root/scenarios/postgresql")
    password = "PGPASSWORD=$(grep ^POSTGRES_PASSWORD= /srv/cryptobot/.env | cut -d= -f2-)"
    words = ["--port", "15432", "--database", "auth_db", "--rows", str(ROWS)]
    migration.python(ZOO / "postgresql.py", *words, before=password)
    address = f"$(docker inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.IPAddress}}}}{{{{end}}}}' $({CONTAINER}redis))"
    host.check_output("umask 077; grep ^REDIS_PASSWORD= /srv/cryptobot/.env | cut -d= -f2- > /root/scenarios/redis")
    words = ["--host", address, "--port", "6379", "--password-file", "/root/scenarios/redis", "--keys", "2000"]
    migration.python(ZOO / "redis.py", *words, quoted=False)
    migration.python(ZOO / "files.py", f"{FILES[0]}/zoo", "--files", "60", "--megabytes", "2")
    migration.python(ZOO / "sqlite.py", f"{VOLUMES}backtest-results/_data/backtest-results.sqlite")
    host.check_output(f"docker exec -u 0 $({CONTAINER}auth-service) sh -c 'echo mine > /forgotten'")
    lines = [
        f"      {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in shop.escaped(shop.AWKWARD).items()
    ]
    migration.edit("/srv/cryptobot/docker-compose.yml", "".join(AWKWARD_AT), "".join(lines).join(AWKWARD_AT))
    compose = "docker compose" if host.run("docker compose version").rc == 0 else "docker-compose"
    host.check_output(f"cd /srv/cryptobot && {compose} up -d --no-build {AWKWARD} < /dev/null")
    migration.docker_sql("postgres", "CREATE DATABASE left_behind")
    migration.docker_sql("left_behind", "CREATE TABLE of_somebody (id int)")
    return as_seeded(migration)


@pytest.fixture(scope="module")
def imported(migration, zoo) -> None:
    """The containers' configuration is in the inventory."""
    migration.play("import_configuration")


def test_what_is_undecided_or_does_not_fit_stops_it(migration, imported) -> None:
    """A finding that nobody has answered; data that is newer than the release."""
    revision = migration.docker_sql("strategy_db", "SELECT version_num FROM alembic_version_strategy")
    migration.docker_sql("strategy_db", "UPDATE alembic_version_strategy SET version_num = 'of-tomorrow'")
    accept, migration.accept = migration.accept, []
    said = " ".join(migration.play("migrate", good=False).split())
    migration.accept = accept
    migration.docker_sql("strategy_db", f"UPDATE alembic_version_strategy SET version_num = '{revision}'")
    assert "cryptobot_compose: {accept: [" in said and "unknown-database:left_behind" in said
    assert "layer-files:auth-service" in said and "files-owner-foreign:0" in said
    assert "strategy_db is at the revision of-tomorrow" in said and "older than the data" in said
    assert "Nothing was changed" in said


def test_a_look_changes_nothing(migration, imported) -> None:
    """The plan leaves files, containers, catalogues and rules alone, and so does a migration that is only foreseen."""
    before = migration.picture()
    migration.play("plan")
    said = migration.play("migrate", "--check")
    after = migration.picture()
    assert {name: after[name] for name in before if after[name] != before[name]} == {}
    assert "Users wait" in said
    plan = migration.state("plan.json")
    assert {item["datastore"] for item in plan["items"]} >= {"auth", "trade", "redis", "bars", "backtest-results"}
    assert [each["code"] for each in plan["open"]] == []


@pytest.fixture(scope="module")
def migrated(migration, imported) -> dict[str, Any]:
    """Migrated, through the death of what works on the host and of the controller; the report."""
    migration.killed("migrate", "end:copy:postgresql:auth")
    migration.orphaned("migrate", "verify:postgresql:auth:50%")
    migration.no_faults()
    migration.play("migrate")
    run = migration.journal()[-1]["run"]
    return migration.state(f"report/{run}.json")


def test_it_arrives_after_every_death(migration, migrated) -> None:
    assert migrated["outcome"] == "done"
    assert {step["phase"] for step in migrated["steps"]} == {"done"}
    steps = {step["name"] for step in migrated["steps"]}
    assert steps >= {"backup", "configuration", "stop", "copy", "verify", "activate", "open", "start", "processes"}
    assert migration.leftovers() == []
    print(f"--- users waited {migrated['freeze']} s in all runs; planned {migrated['predicted']}")


def test_without_the_collection_both_sides_are_equal(host, migration, migrated) -> None:
    """Each row, sequence and large object of every database, each seeded key, each file: by their own servers' clients."""
    native = MAJORS[host.system_info.release.partition(".")[0]]
    assert migration.docker_sql("postgres", "SHOW server_version").partition(".")[0] == "15"
    assert migration.native_sql("postgres", "SHOW server_version").partition(".")[0] == native
    left = part.patches(migration.services).get("cryptobot_datastores__part", {})
    for name, store in part.shipped()["datastores"].items():
        if store["kind"] == "postgresql" and name not in left:
            there = content.rows(migration, store["docker"]["database"], native=False)
            here = content.rows(migration, name, native=True)
            assert there == here, name
            print(f"--- {name}: {len(there)} tables, sequences and large objects")
    assert content.keys(migration, native=False) == content.keys(migration, native=True)
    there, here = (content.files(migration, path, rights=False) for path in FILES)
    assert there == here


def test_every_variable_is_what_the_container_had(migration, migrated) -> None:
    """By the files before the start, by what the processes see after it."""
    for step, seen in (("verify:configuration", "files"), ("verify:processes", "process")):
        (evidence,) = [each["evidence"] for each in migrated["steps"] if each["name"] == step]
        assert evidence["equal"] is True
        found = migration.state(evidence["file"])["variables"]
        assert len(found) == evidence["variables"]
        assert {each["service"] for each in found} == {"postgres", "redis", *migration.services}
        awkward = {
            each["variable"]: each
            for each in found
            if each["service"] == AWKWARD and each["variable"] in shop.AWKWARD
        }
        assert {name: (each["state"], each["seen"]) for name, each in awkward.items()} == dict.fromkeys(
            shop.AWKWARD, ("equal", seen)
        )
    # And looked at without the collection.
    pid = migration.host.check_output(f"systemctl show -P MainPID 'cryptobot-{AWKWARD}-web@*'").split()[0]
    found = base64.b64decode(migration.host.check_output(f"base64 -w0 /proc/{pid}/environ")).decode().split("\0")
    assert shop.AWKWARD.items() <= dict(line.split("=", 1) for line in found if line).items()


def test_both_sides_are_equal_but_for_what_was_written_since(migration, migrated) -> None:
    """Nobody has used the native side yet; services write to Redis by themselves."""
    said = migration.play("verify")
    assert "the native side writes" in said
    for name in ("auth", "trade", "bars", "backtest-results"):
        assert re.search(rf"\b{name} +equal\b", said), said


def test_a_changed_variable_is_named(host, migration, migrated) -> None:
    host.check_output(f"sed -i 's/# not a comment #5/# not a comment #6/' /etc/cryptobot/{AWKWARD}.env")
    host.check_output(f"systemctl restart 'cryptobot-{AWKWARD}-web@*'")
    said = migration.tasks({"cryptobot.native.configuration_compare": {"project": PROJECT}}, good=False)
    assert f"{AWKWARD}.web HASH: another value natively" in " ".join(said.split())
    assert "comment #6" not in said


def test_docker_is_stopped_and_stays_so(host, migrated) -> None:
    assert host.check_output(RUNNING).split() == ["postgres", "redis"]
    assert host.check_output(POLICIES % "-aq -f status=exited").split() == ["no"]


def test_what_docker_holds_of_before_is_not_saved_as_of_today(host, migration, migrated) -> None:
    saved = "ls /var/lib/cryptobot-migration/backup"
    before = host.check_output(saved)
    said = " ".join(migration.play("backup", good=False).split())
    assert "The native side writes" in said
    assert "ansible-playbook cryptobot.native.rollback" in said
    assert host.check_output(saved) == before


@pytest.fixture(scope="module")
def returned(migration, migrated, address) -> dict[str, int]:
    """Used natively, and carried back; the orders that were placed natively."""
    place_orders(["--base", f"http://{address}"], "native", NATIVE_ORDERS)
    placed = orders(migration.native_sql("trade", ORDERS.format("native")))
    assert len(placed) == NATIVE_ORDERS
    migration.killed("rollback", "end:carry")
    migration.no_faults()
    migration.play("rollback")
    return placed


def test_going_back_loses_nothing_and_ids_go_on(migration, returned, address) -> None:
    assert orders(migration.docker_sql("trade_db", ORDERS.format("native"))) == returned
    place_orders(stack.at_doors(address), "docker", DOCKER_ORDERS)
    everything = orders(migration.docker_sql("trade_db", ORDERS.format("%")))
    later = orders(migration.docker_sql("trade_db", ORDERS.format("docker")))
    assert len(later) == DOCKER_ORDERS
    assert min(later.values()) > max(returned.values())
    assert len(set(everything.values())) == len(everything)
    last = int(
        migration.docker_sql("trade_db", "SELECT last_value FROM pg_sequences WHERE sequencename = 'orders_id_seq'")
    )
    assert last == max(everything.values())
    assert migration.leftovers() == []


def test_what_nobody_wrote_came_back_as_it_was(migration, zoo, returned) -> None:
    """Without the collection: there, through a server of another version where there is one, and back."""
    assert as_seeded(migration) == zoo


def test_the_way_back_is_proven_too(migration, returned) -> None:
    """For every kind of datastore, in the report."""
    run = migration.journal()[-1]["run"]
    steps = {each["name"]: each["evidence"] for each in migration.state(f"report/{run}.json")["steps"]}
    for name in ("postgresql:trade", "redis:redis", "files:bars", "sqlite:backtest-results"):
        assert steps[f"verify:{name}"]["equal"], name


def test_docker_serves_as_before(host, migration, returned) -> None:
    assert host.check_output(RUNNING).split() == sorted(migration.compose)
    assert host.check_output(POLICIES % "-q").split() == ["unless-stopped"]
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
