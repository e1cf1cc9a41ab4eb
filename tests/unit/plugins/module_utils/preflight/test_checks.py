"""Each finding has its cause, and a sound host has none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.findings import Finding
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.checks import findings
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.host import Account, Host
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.listeners import Listener
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.software import Dependency
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.sources import Answer

NGINX = Listener(80, "0.0.0.0", 812, "nginx", "nginx.service")


def codes(found: list) -> list[tuple[str, str]]:
    return [(one.severity, one.code) for one in found]


def test_a_sound_host_has_no_findings(wanted: dict[str, Any], sound: Host) -> None:
    assert findings(wanted, sound, [], [], 999.0) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"root": False}, ("blocking", "not-root")),
        ({"os_version": "11"}, ("blocking", "system")),
        ({"os_id": "ubuntu", "os_version": "24.04"}, ("blocking", "system")),
        ({"systemd_runs": False}, ("blocking", "systemd")),
        ({"systemd": "247"}, ("blocking", "systemd")),
        ({"kernel": "5.4.0-1"}, ("warning", "kernel")),
        ({"cgroup2": False}, ("note", "cgroup")),
        ({"python": "3.9.2"}, ("blocking", "python")),
        ({"interpreters": {"python3": ""}}, ("blocking", "interpreter")),
        ({"memory_mb": 1024}, ("blocking", "memory")),
        ({"memory_mb": 2000}, ("warning", "memory")),
        ({"cores": 1}, ("warning", "cores")),
        ({"load": 20.0}, ("note", "load")),
        ({"clock_synchronised": False}, ("note", "clock")),
        ({"clock_synchronised": False, "active": frozenset({"chrony.service"})}, ("warning", "clock")),
        ({"clock": 990.0}, ("warning", "clock-skew")),
        ({"clock": 900.0}, ("blocking", "clock-skew")),
        ({"clock": 5000.0}, ("blocking", "clock-skew")),
        ({"listeners": (NGINX,)}, ("blocking", "port")),
        ({"unfinished": ("redis-server",)}, ("warning", "dpkg")),
        ({"dpkg_busy": "process 8 (apt-get)"}, ("note", "dpkg-busy")),
        ({"postgresql_finding": "It was another. Mount it."}, ("blocking", "postgresql")),
        ({"undeclared": "sides.json says that auth is not native. Set it."}, ("blocking", "sides")),
        ({"takeover": (Finding("note", "take-over", "postgresql", "It is there.", "Nothing."),)}, ("note", "take-over")),
        ({"active": frozenset({"haproxy.service"})}, ("note", "beside")),
        ({"active": frozenset({"ufw.service"})}, ("warning", "firewall")),
        ({"installed": {"unattended-upgrades": "2.9"}}, ("note", "unattended")),
    ],
)
def test_each_fault_is_one_finding(
    wanted: dict[str, Any], sound: Host, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    found = findings(wanted, replace(sound, **change), [], [], 1000.0)
    assert codes(found) == [expected]
    assert all(one.text and one.remedy for one in found)


def test_disks(wanted: dict[str, Any], sound: Host) -> None:
    def with_disks(**change: Any) -> Host:
        return replace(sound, disks=tuple(replace(disk, **change) for disk in sound.disks))

    assert codes(findings(wanted, with_disks(free_mb=100), [], [])) == [("blocking", "disk")]
    need = sum(row["mb"] for row in wanted["disk"])
    assert codes(findings(wanted, with_disks(free_mb=need + 10), [], [])) == [("warning", "disk")]
    assert codes(findings(wanted, with_disks(free_files=100), [], [])) == [("blocking", "inodes")]
    assert ("blocking", "read-only") in codes(findings(wanted, with_disks(writable=False), [], []))
    installed = replace(with_disks(free_mb=need), own_units=frozenset({"cryptobot.target"}))
    assert findings(wanted, installed, [], []) == []


def test_accounts_of_somebody_else(wanted: dict[str, Any], sound: Host) -> None:
    person = Account("cryptobot-auth", 1000, "/home/auth", "/bin/bash")
    own = Account("cryptobot-data", 990, "/var/lib/cryptobot/data", "/usr/sbin/nologin")
    found = findings(wanted, replace(sound, accounts={one.name: one for one in (person, own)}), [], [])
    assert [(one.severity, one.object) for one in found] == [("blocking", "cryptobot-auth")]


def test_versions(wanted: dict[str, Any], sound: Host) -> None:
    rows = [
        Dependency("haproxy", "2.6 or newer", "2.2.9-2", "", "edge", "too old"),
        Dependency("pgbouncer", "1.21 or newer", "", "1.18.0-1", "pgbouncer", "too old"),
        Dependency("nginx-light", "any", "", "", "release", "nowhere"),
        Dependency("gcc", "any", "", "", "release", "not knowable before apt update"),
    ]
    found = findings(wanted, sound, rows, [])
    assert codes(found) == [
        ("blocking", "version"),
        ("blocking", "version"),
        ("blocking", "package"),
        ("note", "lists"),
    ]
    assert "1.21" in found[1].text


def test_a_source_blocks_only_what_needs_it(wanted: dict[str, Any], sound: Host) -> None:
    apt = Answer("apt", "http://deb.example/debian", "apt: its sources", False, 8.0, "no answer within 8 s")
    cargo = Answer("cargo", "sparse+https://index.example/", "cargo: its own default", False, 8.0, "timed out")
    missing = Dependency("gcc", "any", "", "12", "release", "to install")
    assert codes(findings(wanted, sound, [missing], [apt, cargo])) == [("blocking", "source"), ("warning", "source")]
    assert codes(findings(wanted, sound, [], [apt])) == [("warning", "source")]


def test_an_index_that_only_pip_knows(wanted: dict[str, Any], sound: Host) -> None:
    answers = [
        Answer("python", "https://pypi.org/simple", "uv: its own default", True, 0.1),
        Answer("python", "https://pypi.example/simple", "pip: /etc/pip.conf", True, 0.1),
    ]
    assert codes(findings(wanted, sound, [], answers)) == [("warning", "index")]


@pytest.mark.parametrize(
    ("listener", "clash"),
    [
        (NGINX, True),
        (Listener(80, "0.0.0.0", 5, "haproxy", "cryptobot-edge.service"), False),
        (Listener(80, "127.0.0.1", 9, "python3", ""), True),
        (Listener(28000, "10.0.0.5", 9, "python3", ""), False),
        (Listener(28000, "127.0.0.1", 9, "python3", ""), True),
        (Listener(18000, "0.0.0.0", 9, "python3", ""), True),
        (Listener(5432, "127.0.0.1", 7, "postgres", "postgresql@15-main.service"), False),
        (Listener(5432, "127.0.0.1", 7, "docker-proxy", "docker.service"), True),
        (Listener(6379, "127.0.0.1", 7, "redis-server", "redis-server.service"), True),
        (Listener(6379, "127.0.0.1", 7, "redis-server", "redis-server@cryptobot.service"), False),
        (Listener(4000, "0.0.0.0", 9, "python3", ""), False),
    ],
)
def test_who_may_hold_a_port(wanted: dict[str, Any], sound: Host, listener: Listener, clash: bool) -> None:
    found = findings(wanted, replace(sound, listeners=(listener,)), [], [])
    assert codes(found) == ([("blocking", "port")] if clash else [])
    assert not clash or (str(listener.port) in found[0].text and str(listener.pid) in found[0].evidence)


def test_descriptors_that_systemd_keeps_are_the_platforms_where_it_is_installed(
    wanted: dict[str, Any], sound: Host
) -> None:
    kept = replace(sound, listeners=(Listener(18000, "127.0.0.1", 1, "systemd", "init.scope"),))
    assert codes(findings(wanted, kept, [], [])) == [("blocking", "port")]
    assert findings(wanted, replace(kept, own_units=frozenset({"cryptobot-auth-web@1.service"})), [], []) == []


def test_the_front_end_of_a_shared_datastore_has_its_port(wanted: dict[str, Any], sound: Host) -> None:
    access = {"port": 26379, "kind": "access", "owner": "the access to redis", "address": "*"}
    asked = {**wanted, "ports": [*wanted["ports"], access]}
    held = replace(sound, listeners=(Listener(26379, "127.0.0.1", 9, "python3", ""),))
    (found,) = [one for one in findings(asked, held, [], []) if one.code == "port"]
    assert "Port 26379, at which the access to redis listens" in found.text and "another access_port" in found.remedy
