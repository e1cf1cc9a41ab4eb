"""A second run is refused or takes over; a migration is called off; what is in the way is named, and left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import content
import pytest
from migration import CONTAINER, FAULTS, ROOT, Migration

DIRECTORY = "/var/lib/cryptobot-datastores/bars"
FOREIGN = "CREATE TABLE orders (id text PRIMARY KEY, note text); INSERT INTO orders VALUES ('1', 'not from Docker')"
BACKUPS = "find /var/lib/cryptobot-migration/backup -name backup.json"
WHERE = "copy:postgresql:auth"


@pytest.fixture(scope="module")
def taken(migration: Migration) -> dict[str, str]:
    """A migration stands still in its copy; a second is refused, a third takes over and dies when all is verified."""
    said = {}
    migration.play("import_configuration")
    migration.fault(f"hold begin:{WHERE}")
    command, environment = migration.command("migrate")
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as first:
        try:
            until = time.monotonic() + 900
            while f"held begin:{WHERE}" not in migration.faults():
                assert first.poll() is None, (first.stdout.read() if first.stdout else b"")[-3000:].decode()
                assert time.monotonic() < until
                time.sleep(2)
            said["pid"] = str(first.pid)
            said["docker"] = str(content.docker(migration))
            said["second"] = migration.play("migrate", good=False)
            migration.host.check_output(f"echo 'kill end:verify' >> {FAULTS}")
            said["third"] = migration.play("migrate", good=False, migration_takeover=True)
            migration.host.check_output(f"sed -i '/^held /d' {FAULTS}")
            said["first"] = first.communicate(timeout=300)[0].decode()
            assert first.returncode != 0
        finally:
            if first.poll() is None:
                os.killpg(first.pid, signal.SIGKILL)
    assert "killed end:verify" in migration.faults()
    migration.no_faults()
    said["docker after"] = str(content.docker(migration))
    return said


def test_a_second_run_is_told_who_has_the_host(taken: dict[str, str]) -> None:
    said = " ".join(taken["second"].split())
    assert "This host belongs to 'migrate', run by " in said
    assert f"(process {taken['pid']})" in said
    assert "migration_takeover=true" in said


def test_who_has_lost_the_host_stops(taken: dict[str, str]) -> None:
    assert "Traceback" not in taken["first"]
    assert "step copy" in " ".join(taken["first"].split())
    assert taken["docker after"] == taken["docker"], "no copy writes to its source"


@pytest.fixture(scope="module")
def anew(host, migration: Migration, taken: dict[str, str]) -> str:
    """Somebody starts a container between two runs, and stops it again; what the next run says before it dies."""
    host.check_output(f"docker start $({CONTAINER}auth-service) && docker stop $({CONTAINER}auth-service)")
    said = migration.killed("migrate", f"begin:{WHERE}")
    migration.no_faults()
    return said


def test_what_was_proven_before_a_container_ran_again_is_copied_anew(migration: Migration, anew: str) -> None:
    assert "ran after the run had stopped what writes" in " ".join(anew.split())
    ended = [line for line in migration.journal() if (line["step"], line["phase"]) == ("run", "done")]
    assert [line["evidence"]["outcome"] for line in ended] == ["begun anew"]


@pytest.fixture(scope="module")
def called_off(migration: Migration, anew: str) -> None:
    """Rolled back before the native side was opened."""
    assert migration.leftovers(), "something was copied"
    migration.play("rollback")


def test_what_was_called_off_leaves_nothing_and_docker_serves(host, migration: Migration, called_off: None) -> None:
    assert migration.leftovers() == []
    assert migration.native_sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate").split() == [
        "postgres"
    ]
    assert host.check_output("find /var/lib/cryptobot-datastores -type f") == ""
    assert host.check_output(f"{content.ADMINISTRATOR} info keyspace").splitlines() == ["# Keyspace"]
    assert host.check_output("docker ps -q | wc -l") == host.check_output("docker ps -aq | wc -l")
    policies = host.check_output(
        "docker inspect $(docker ps -q) -f '{{.HostConfig.RestartPolicy.Name}}' | sort -u"
    ).split()
    assert policies == ["unless-stopped"]
    assert "discard" in {line["step"] for line in migration.journal()}


@pytest.fixture
def stopped(host, called_off: None, settled: Callable[[], None]) -> Iterator[None]:
    """The database's container does not run; afterwards it does, and whoever needs it has noticed."""
    host.check_output(f"docker stop $({CONTAINER}postgres)")
    yield
    host.check_output(f"docker start $({CONTAINER}postgres)")
    settled()


def test_a_backup_of_a_stopped_database_fails_and_looks_like_none(host, migration: Migration, stopped: None) -> None:
    whole = host.check_output(BACKUPS)
    said = " ".join(migration.play("backup", good=False).split())
    assert "of the service postgres does not run" in said
    assert host.check_output(BACKUPS) == whole
    said = " ".join(migration.play("restore", good=False, backup=migration.journal()[-1]["run"]).split())
    assert "backup.json, which is written last, is missing" in said
    said = " ".join(migration.play("plan", good=False).split())
    assert "of the service postgres does not run" in said and "Start it: docker start " in said


def test_the_backup_goes_on_once_it_runs(host, migration: Migration, called_off: None) -> None:
    whole = host.check_output(BACKUPS).split()
    migration.play("backup")
    assert len(host.check_output(BACKUPS).split()) == len(whole) + 1


@pytest.fixture
def filled(host, migration: Migration, called_off: None) -> Iterator[dict[str, str]]:
    """A native database that is not empty, and a directory that is not; digests of the native side."""
    migration.native_sql("postgres", "CREATE DATABASE trade")
    migration.native_sql("trade", FOREIGN)
    host.check_output(f"install -d {DIRECTORY} && echo mine > {DIRECTORY}/not-from-docker")
    yield content.native(migration)
    migration.native_sql("postgres", "DROP DATABASE trade")
    host.check_output(f"rm {DIRECTORY}/not-from-docker")


def test_what_is_in_the_way_is_named_and_stays(host, migration: Migration, filled: dict[str, str]) -> None:
    containers = host.check_output("docker ps -q | sort")
    said = migration.play("migrate", good=False)
    assert "Nothing was changed" in said
    # By database and by table, and by directory; not only the first of them.
    assert "The native database trade is there already and not empty: table public.orders" in " ".join(said.split()), (
        said
    )
    assert f"{DIRECTORY} holds 1 entries" in " ".join(said.split()), said
    assert content.native(migration) == filled
    assert host.check_output("docker ps -q | sort") == containers
    assert migration.journal()[-1]["step"] == "run", "no step has begun"
