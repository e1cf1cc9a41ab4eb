"""From the resolved catalogue to units: what each process gets, for every kind of process."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.units import catalogue as units_catalogue
from ansible_collections.cryptobot.native.plugins.module_utils.units.catalogue import quoted, specified, units, variable, wishes
from ansible_collections.cryptobot.native.plugins.module_utils.units.migrations import migrations


def catalogue(**service: Any) -> dict[str, Any]:
    """One service `auth` with a process `web`; `service` changes it, `process` in it its process."""
    process = {
        "name": "web", "command": ["uvicorn", "auth.main:app", "--fd", "3"], "server": "uvicorn", "socket": "fd", "drain_seconds": 20,
        "start_timeout": 90, "exclusive": False, "health": {"path": "/health/ready", "expect": {"status": "ok"}}, "after": [],
        "environment": {}, "credential_environment": {},
        "units": [
            {"unit": f"cryptobot-auth-web@{number}.service", "instance": number, "slot": slot, "listen": f"127.0.0.1:{17999 + number}"}
            for number, slot in ((1, "a"), (2, "b"))
        ],
    } | service.pop("process", {})
    auth = {
        "name": "auth", "identifier": "auth", "user": "cryptobot-auth", "runtime": "python", "uses": {}, "secrets": {}, "resources": {}, "egress": [],
        "migration": None, "processes": {"web": process},
    } | service
    return {
        "hosts": {"box": {"address": "127.0.0.1", "services": ["auth"]}},
        "waves": [["auth"]],
        "services": {"auth": auth},
        "datastores": {
            "auth": {"kind": "postgresql", "host": "box", "port": 5432},
            "files": {"kind": "directory", "host": "box", "group": "cryptobot-data-files"},
        },
        "doors": [{"name": "auth_web", "service": "auth", "process": "web", "servers": [
            {"name": "a1", "address": "127.0.0.1:18000"}, {"name": "b1", "address": "127.0.0.1:18001"}]}],
    }


def first(**service: Any) -> dict[str, Any]:
    return units(catalogue(**service), "box")[0]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("--fd", "--fd"), ("auth.main:app", "auth.main:app"), ("a b", "'a b'"), ('{"a": 1}', "'{\"a\": 1}'"), ("it's", '"it\'s"'),
        ("100%", "100%%"), ("$HOME", "'$$HOME'"), ("back\\slash", "'back\\\\slash'"), ("", "''"), ("a;b", "'a;b'"), ("line\nbreak", "'line\\nbreak'"),
    ],
)
def test_words_of_a_command(word: str, written: str) -> None:
    assert quoted(word) == written


def test_variables() -> None:
    assert variable("A", '50% of "x" \\ $y') == '"A=50%% of \\"x\\" \\\\ $y"'
    assert specified("A", "%d/key") == '"A=%d/key"'


def test_a_python_service() -> None:
    unit = first()
    assert unit["exec_start"].startswith("/usr/lib/cryptobot/launch --unit cryptobot-auth-web@1.service --listen 127.0.0.1:18000 --health ")
    assert "--expect '{\"status\": \"ok\"}'" in unit["exec_start"]
    assert unit["exec_start"].endswith(
        "-- /opt/cryptobot/auth/current/venv/bin/uvicorn auth.main:app --fd 3 --http cryptobot_drain:Protocol --timeout-keep-alive 75 "
        "--timeout-graceful-shutdown 20"
    )
    assert unit["working_directory"] == "/opt/cryptobot/auth/current/source"
    assert units_catalogue.DRAIN in unit["files"]
    assert (unit["ports"], unit["sockets"], unit["umask"], unit["stop_timeout"]) == ([18000], True, "0077", 30)
    assert (unit["server"], unit["backends"]) == ("a1", ["auth_web_read", "auth_web_write", "auth_web_ws"])


def test_what_the_catalogue_says_of_uvicorn_wins() -> None:
    command = ["uvicorn", "x:y", "--timeout-keep-alive", "5", "--http=h11"]
    assert first(process={"command": command})["exec_start"].endswith("--timeout-keep-alive 5 --http=h11 --timeout-graceful-shutdown 20")


def test_a_program_with_its_own_port() -> None:
    unit = first(runtime="binary", process={"command": ["gateway"], "server": "other", "socket": "own"})
    assert "--listen" not in unit["exec_start"]
    assert unit["exec_start"].endswith("-- /opt/cryptobot/auth/current/bin/gateway")
    assert unit["own_socket"] and not unit["sockets"] and unit["ports"] == [18000]


def test_static_files() -> None:
    unit = first(runtime="static", process={"command": [], "server": "nginx"})
    assert unit["exec_start"].endswith("-- /usr/sbin/nginx -c /etc/cryptobot/auth-web-1.nginx.conf -e stderr -g 'daemon off;'")
    assert '"NGINX=3;"' in unit["environment"]
    assert unit["kill_signal"] == "SIGQUIT"
    assert not [path for path in unit["files"] if "release.json" in path], "a new release is a change of link"


@pytest.mark.parametrize(
    ("health", "options"),
    [
        ({"celery": "ping"}, "--health celery "),
        ({"command": ["check", "a b"]}, "--health-command '[\"check\", \"a b\"]' "),
        ({"path": "/up"}, "--health http://127.0.0.1:18000/up "),
        ({}, "--health tcp://127.0.0.1:18000 "),
    ],
)
def test_every_process_has_a_health(health: dict[str, Any], options: str) -> None:
    assert options in first(process={"health": health})["exec_start"]


def test_it_waits_for_its_datastores_and_for_what_comes_first() -> None:
    after = [{"name": "strategy", "url": "http://127.0.0.1:28010/health/ready", "expect": {"status": "ok"}}]
    started = first(uses={"auth": {}}, process={"after": after})["exec_start"]
    assert "--after auth=tcp://127.0.0.1:5432 --after strategy=http://127.0.0.1:28010/health/ready --after-expect 'strategy={\"status\": \"ok\"}'" in started


def test_secrets() -> None:
    directory = "/etc/cryptobot/secrets"
    unit = first(
        secrets={
            "key": {"as": "credential", "path": f"{directory}/auth.key"},
            "cert": {"as": "file", "path": f"{directory}/auth.cert"},
            "token": {"as": "env", "env": "TOKEN", "path": f"{directory}/auth.env"},
            "other": {"as": "env", "env": "OTHER", "path": f"{directory}/auth.env"},
            "postgresql_password": {"as": "none", "path": f"{directory}/auth.postgresql_password"},
            "pgpass": {"as": "credential", "kind": "passfile", "path": f"{directory}/auth.pgpass"},
            "pgpass_migrate": {"as": "credential", "kind": "passfile", "path": f"{directory}/auth.pgpass_migrate"},
        },
        process={"credential_environment": {"KEY_FILE": "%d/key", "CERT_FILE": f"{directory}/auth.cert"}},
    )
    assert unit["credentials"] == {name: f"{directory}/auth.{name}" for name in ("key", "cert", "pgpass")}
    assert unit["environment_files"] == [f"{directory}/auth.env"]
    assert unit["environment"] == ['"KEY_FILE=%d/key"', '"CERT_FILE=%t/cryptobot/auth-web-1/cert"']
    assert "--file cert --passfile pgpass " in unit["exec_start"]
    assert {f"{directory}/auth.{name}" for name in ("key", "cert", "env", "pgpass")} <= set(unit["files"])


def test_shared_files() -> None:
    unit = first(uses={"files": {}})
    assert (unit["groups"], unit["read_write"]) == (["cryptobot-data-files"], ["/var/lib/cryptobot-datastores/files"])
    assert unit["umask"] == "0007", "what it makes there is for the group"
    assert first(uses={"files": {"readonly": True}})["read_write"] == []


@pytest.mark.parametrize(
    ("egress", "addresses", "anywhere"), [([], ["10.0.0.2/32"], False), (["192.0.2.0/24"], ["10.0.0.2/32", "192.0.2.0/24"], False), (["any"], [], True)]
)
def test_where_it_may_connect(egress: list[str], addresses: list[str], anywhere: bool) -> None:
    given = catalogue(egress=egress)
    given["hosts"]["other"] = {"address": "10.0.0.2", "services": []}
    unit = units(given, "box")[0]
    assert (unit["addresses"], unit["open_egress"]) == (addresses, anywhere)


def test_what_a_host_alone_sees() -> None:
    given = catalogue()
    web = copy.deepcopy(given["services"]["auth"]["processes"])
    web["web"]["environment"] = {"WHERE": "here"}
    given["services"]["auth"]["by_host"] = {"box": {"processes": web}}
    assert units(given, "box")[0]["environment"] == ['"WHERE=here"']


def test_limits_of_the_launcher() -> None:
    started = units(catalogue(), "box", {"failures": 3, "longest_delay": 5, "stable_after": 9})[0]["exec_start"]
    assert "--limit 3 --longest-delay 5 --stable-after 9 --" in started


def test_the_migration_works_on_the_next_release() -> None:
    steps = {"command": ["alembic", "upgrade", "head"], "environment": {"A": "b"}, "credential_environment": {"KEY_FILE": "%d/key"}}
    unit = migrations(catalogue(migration=steps, uses={"auth": {}}, secrets={
        "key": {"as": "credential", "path": "/k"}, "pgpass": {"as": "credential", "kind": "passfile", "path": "/p"},
        "pgpass_migrate": {"as": "credential", "kind": "passfile", "path": "/m"}}), "box")[0]
    assert unit["name"] == "cryptobot-auth-migrate.service"
    assert unit["exec_start"] == (
        "/usr/lib/cryptobot/launch --in /opt/cryptobot/auth/next/source --in /opt/cryptobot/auth/current/source "
        "--after auth=tcp://127.0.0.1:5432 --passfile pgpass_migrate -- ../venv/bin/alembic upgrade head"
    )
    assert unit["credentials"] == {"key": "/k", "pgpass_migrate": "/m"}
    assert migrations(catalogue(), "box") == []


def test_what_the_module_is_told() -> None:
    wish = wishes(units(catalogue(), "box"))[1]
    assert (wish["name"], wish["process"], wish["slot"], wish["server"]) == ("cryptobot-auth-web@2.service", "auth-web", "b", "b1")
