"""What an installation over several hosts has made: who serves where, and who comes to what."""

from __future__ import annotations

import platform_of_hosts as platform
import pytest
import reference

testinfra_hosts = ["ansible://edge"]
# What works on files, or must not run twice, is where the files are.
ONLY_ON_THE_FIRST = {"data", "backtest", "orchestrator"}
SSH, POSTGRESQL, REDIS = 22, 5432, 6379


def test_a_user_comes_through() -> None:
    platform.journey()


@pytest.mark.parametrize("host", platform.HOSTS)
def test_nothing_failed_on_the_way(host: str) -> None:
    assert platform.on(host, "systemctl --failed --no-legend --plain") == ""


def test_each_service_runs_where_it_can() -> None:
    listed = "systemctl list-units --plain --no-legend --state=active 'cryptobot-*@*.service' | sed 's/^cryptobot-//; s/-[a-z]*@.*//' | sort -u"
    first, second = (set(platform.on(host, listed).split()) for host in ("app1", "app2"))
    assert first == set(reference.catalogue()["services"])
    assert first - second == ONLY_ON_THE_FIRST and not second - first
    for host in ("database", "cache"):
        assert platform.on(host, listed) == ""


@pytest.mark.parametrize("host", platform.HOSTS)
def test_from_outside_exactly_these_ports_are_open(host: str) -> None:
    entrance = {reference.catalogue()["edge"]["port"], *(door["public"] for door in reference.doors().values())}
    # Beside them what the scenario itself brings: the exchange simulator, and sshd on one host.
    expected = {"edge": entrance | {platform.EXCHANGE}, "database": {POSTGRESQL}, "app2": {SSH}}
    assert platform.ports_from_outside(host) == expected.get(host, set())


def test_hosts_come_to_what_they_need_and_to_nothing_else() -> None:
    process, internal = 18000, 28000
    ways = [("edge", "app1", process), ("edge", "app2", process), ("app1", "edge", internal), ("app2", "edge", internal)]
    ways += [(app, store, port) for app in ("app1", "app2") for store, port in (("database", POSTGRESQL), ("cache", REDIS))]
    assert [way for way in ways if not platform.reaches(*way)] == []
    closed = [("app1", "app2", process), ("cache", "app1", process), ("database", "edge", internal)]
    closed += [("edge", "cache", REDIS), ("database", "cache", REDIS)]
    assert [way for way in closed if platform.reaches(*way)] == []


def test_postgresql_lets_in_the_users_of_a_host_into_their_databases() -> None:
    for host in ("app1", "app2"):
        assert "SCRAM-SHA-256" in platform.asks_postgresql(host, "auth", "auth")
        assert "no pg_hba.conf entry" in platform.asks_postgresql(host, "auth", "trade")
        assert "no pg_hba.conf entry" in platform.asks_postgresql(host, "postgres", "postgres")
    for host in ("cache", "edge"):
        assert "no pg_hba.conf entry" in platform.asks_postgresql(host, "auth", "auth")
    # Who runs there is on the first host alone.
    assert "no pg_hba.conf entry" in platform.asks_postgresql("app2", "orchestrator", "trading")


def test_one_host_alone_can_change_schemas() -> None:
    assert "SCRAM-SHA-256" in platform.asks_postgresql("app1", "auth_migrate", "auth")
    assert "no pg_hba.conf entry" in platform.asks_postgresql("app2", "auth_migrate", "auth")
    found = "cd /etc/cryptobot/secrets && ls *.pgpass_migrate; ls /etc/systemd/system/*-migrate.service"
    assert "auth.pgpass_migrate" in platform.on("app1", found)
    assert platform.on("app2", f"({found}) 2>/dev/null || true") == ""


def test_secrets_are_where_they_are_used() -> None:
    for host in ("database", "cache", "edge"):
        assert platform.on(host, "ls /etc/cryptobot/secrets") == ""
