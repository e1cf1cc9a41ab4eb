"""Servers at other ports than their usual ones, as beside somebody else's."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.merge import Patch, merge
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped


def stores(kind: str) -> list[str]:
    return [name for name, each in shipped()["datastores"].items() if each["kind"] == kind]


def checked(ports: dict[str, int]) -> Any:
    patch = Patch("patch", "datastores", {name: {"port": port} for name, port in ports.items()})
    return validate(merge(shipped(), "shipped", [patch]).catalogue)


def test_services_are_told_the_ports_of_their_servers() -> None:
    ports = {**dict.fromkeys(stores("postgresql"), 5433), **dict.fromkeys(stores("redis"), 6380)}
    validated = checked(ports)
    assert list(validated.findings) == []
    found = resolve(validated.usable, one_host(), {})
    assert {store["port"] for store in found["datastores"].values() if store.get("port")} == {5433, 6380}
    url = found["services"]["auth"]["environment"]["DATABASE_URL"]
    assert url == "postgresql://auth@/auth?host=/run/postgresql&port=5433"
    urls = [
        value for each in found["services"].values() for value in each["environment"].values() if "redis://" in value
    ]
    assert urls and all(":6380/" in value for value in urls)


def test_all_of_a_kind_have_one_port() -> None:
    first, second, *__ = stores("postgresql")
    (finding,) = [one for one in checked({second: 5433}).findings if one.path == f"datastores.{second}.port"]
    assert f"that of {first} is 5432" in finding.problem and finding.example == "port: 5432"


def test_what_has_no_server_has_no_port() -> None:
    name = (stores("directory") + stores("sqlite"))[0]
    assert [one.path for one in checked({name: 6380}).findings] == [f"datastores.{name}.port"]


def test_a_port_that_something_else_of_the_platform_has_is_refused() -> None:
    findings = checked(dict.fromkeys(stores("redis"), 8000)).findings
    assert any("8000 is already taken by" in one.problem for one in findings)
