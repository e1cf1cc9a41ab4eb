"""What a release is about, and what stands against it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.instances import instances_on, obstacles, part_of

ALL = ["cryptobot_app", "cryptobot_edge", "cryptobot_database"]


def service(name: str, port: int, **more: Any) -> dict[str, Any]:
    process = {"name": "web", "health": {"path": "/ready", "expect": {"ok": True}}, "exclusive": more.pop("exclusive", False)}
    units = [
        {"unit": f"cryptobot-{name}-web@{number}.service", "slot": slot, "listen": f"127.0.0.1:{port + number - 1}"}
        for number, slot in ((1, "a"), (2, "b"))
    ]
    made = {"name": name, "runtime": "python", "uses": {}, "migration": None, "processes": {"web": {**process, "units": units}}}
    return {**made, **more}


def door(name: str, port: int) -> dict[str, Any]:
    servers = [{"name": f"s{number}", "address": f"127.0.0.1:{port + number}"} for number in (0, 1)]
    return {"name": f"{name}_web", "service": name, "process": "web", "servers": servers}


@pytest.fixture
def catalogue() -> dict[str, Any]:
    return {
        "services": {
            "auth": service("auth", 18000, uses={"store": {}}, migration={"command": ["alembic"]}),
            "trade": service("trade", 18100, exclusive=True),
        },
        "datastores": {"store": {"kind": "postgresql", "host": "one"}},
        "doors": [door("auth", 18000), door("trade", 18100)],
        "hosts": {"one": {"groups": ALL, "services": ["auth", "trade"]}, "two": {"groups": ["cryptobot_build"], "services": []}},
    }


def test_a_part_has_nothing_of_the_others(catalogue) -> None:
    part = part_of(catalogue, ["auth"])
    assert list(part["services"]) == ["auth"] and part["hosts"]["one"]["services"] == ["auth"]
    assert list(catalogue["services"]) == ["auth", "trade"]


def test_what_serves_beside_its_like_has_a_twin(catalogue) -> None:
    first, second, third, __ = instances_on(catalogue, "one")
    assert (first["name"], first["slot"], first["server"], first["twin"]) == ("cryptobot-auth-web@1.service", "a", "s0", True)
    assert (second["slot"], second["server"], second["backends"]) == ("b", "s1", ["auth_web_read", "auth_web_write", "auth_web_ws"])
    assert (first["url"], first["expect"]) == ("http://127.0.0.1:18000/ready", {"ok": True})
    assert third["twin"] is False, "it may run once only"


@pytest.mark.parametrize(
    ("names", "change", "said"),
    [
        (["auth"], {}, None),
        ([], {}, "-e release_service=NAME"),
        (["nobody"], {}, "has no service nobody. It has auth, trade"),
        (["auth"], {"hosts": {"one": {"groups": ["cryptobot_app"], "services": ["auth"]}}}, "The proxy is on another host"),
        (["auth"], {"datastores": {"store": {"kind": "postgresql", "host": "db"}}}, "The database store of auth is on db"),
        (["auth"], {"hosts": {name: {"groups": ALL, "services": ["auth"]} for name in "ab"}}, "are on 2 hosts (a, b)"),
        (["auth"], {"hosts": {}}, "are on 0 hosts"),
    ],
)
def test_what_stands_against_it(catalogue, names, change, said) -> None:
    found = obstacles({**catalogue, **change}, names)
    assert found == [] if said is None else said in found[0]


def test_what_docker_runs_is_not_released(catalogue) -> None:
    (said,) = obstacles(catalogue, ["auth"], {"services": {"auth": "docker"}})
    assert said.startswith("auth is on the Docker side")
