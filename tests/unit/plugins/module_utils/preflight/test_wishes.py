"""What is wanted of a host follows from the catalogue and the inventory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.wishes import wishes
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import shipped

ROLES = Path(__file__).resolve().parents[5] / "roles"
# The roles whose packages depend on what the catalogue describes.
INSTALLERS = ("edge", "pgbouncer", "redis", "postgresql")


def parts(text: dict[str, set[str]]) -> dict[str, Any]:
    """Wishes of each host of an inventory, by its groups."""
    hosts = tuple(
        Host(name, f"10.0.0.{number}", frozenset(["all", "cryptobot", *groups]))
        for number, (name, groups) in enumerate(text.items(), 1)
    )
    catalogue = shipped()
    catalogue["services"]["auth"]["uses"]["auth"] = {"pool": "session"}
    resolved = resolve(validate(catalogue).usable, Inventory(hosts), {})
    return {name: wishes(resolved, name) for name in text}


def test_a_host_is_asked_for_its_own_part_only() -> None:
    found = parts(
        {
            "db": {"cryptobot_database"},
            "app": {"cryptobot_app"},
            "edge": {"cryptobot_edge"},
            "cache": {"cryptobot_cache", "cryptobot_build"},
        }
    )
    names = {host: {one["name"] for one in each["packages"]} for host, each in found.items()}
    assert {"postgresql-{postgresql}", "pgbouncer"} <= names["db"]
    assert "haproxy" in names["edge"] and "haproxy" not in names["db"] | names["app"]
    assert "nginx-light | nginx" in names["app"] and "gcc" not in names["app"]
    assert {"redis-server", "gcc"} <= names["cache"]
    assert {one["port"] for one in found["db"]["ports"]} == {5432, 6432}
    assert {one["kind"] for one in found["edge"]["ports"]} == {"entrance", "public", "internal"}
    assert {one["kind"] for one in found["app"]["ports"]} == {"process"}
    assert found["edge"]["users"] == [] and found["app"]["memory_mb"] > found["edge"]["memory_mb"]


def test_doors_stand_beside_published_ports(resolved: dict[str, Any]) -> None:
    ports = {one["port"] for one in wishes(resolved, "one", [8000])["ports"] if one["kind"] == "public"}
    assert 38000 in ports and 8000 not in ports


def test_an_unknown_host_is_said(resolved: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="elsewhere is no host"):
        wishes(resolved, "elsewhere")


@pytest.mark.parametrize("role", INSTALLERS)
def test_every_package_that_a_role_names_is_looked_for(role: str) -> None:
    every = {"cryptobot_database", "cryptobot_cache", "cryptobot_app", "cryptobot_edge", "cryptobot_build"}
    known = {one["name"] for one in parts({"one": every})["one"]["packages"]}
    for tasks in (ROLES / role / "tasks").glob("*.yml"):
        for task in yaml.safe_load(tasks.read_text(encoding="utf-8")) or []:
            named = task.get("cryptobot.native.packages", {}).get("packages", [])
            assert isinstance(named, str) or set(named) <= known, f"{tasks}: {named}"


def test_packages_of_builds_are_those_of_the_role(resolved: dict[str, Any]) -> None:
    defaults = yaml.safe_load((ROLES / "release" / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert set(defaults["release_rust_packages"]) <= {one["name"] for one in wishes(resolved, "one")["packages"]}
