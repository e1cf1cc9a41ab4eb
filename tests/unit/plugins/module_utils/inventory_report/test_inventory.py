"""The report as data and as Markdown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.cryptobot.native.plugins.filter.inventory_report import FilterModule
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.inventory import inventory
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.markdown import markdown
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped

REPORT = FilterModule().filters()["inventory_report"]


def named(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def test_services_and_their_dependencies(shipped_report: dict[str, Any]) -> None:
    trade = named(shipped_report["services"], "trade")
    assert trade["wave"] == 2 and trade["hosts"] == ["one"] and trade["user"] == "cryptobot-trade"
    assert {"auth", "data", "reporting"} <= set(trade["called_by"])
    assert {"datastore": "redis", "kind": "redis", "access": "write", "prefix": "trade:"} in trade["uses"]
    assert trade["processes"][0]["public"] == 8012 and trade["processes"][0]["listens"] == [18120, 18121]


def test_datastores_and_their_owners(shipped_report: dict[str, Any]) -> None:
    stores = shipped_report["datastores"]
    assert named(stores, "auth")["owner"] == "auth_owner" and named(stores, "trading")["owner"] == "trading_owner"
    bars = named(stores, "bars")
    assert bars["owner"] == "cryptobot-data-bars" and {"service": "backtest", "access": "read"} in bars["users"]


def test_ports_have_hosts(shipped_report: dict[str, Any]) -> None:
    assert all(one["hosts"] for one in shipped_report["ports"])
    assert {5432, 6379, 80, 8000, 18000} <= {one["port"] for one in shipped_report["ports"]}


def test_several_hosts_have_ports_of_their_own_at_their_addresses() -> None:
    app, edge = frozenset({"cryptobot", "cryptobot_app"}), frozenset({"cryptobot", "cryptobot_edge"})
    stores = frozenset({"cryptobot", "cryptobot_database", "cryptobot_cache", "cryptobot_build"})
    places = (("data1", stores), ("app1", app), ("app2", app), ("edge1", edge))
    hosts = tuple(Host(name, f"10.0.0.{number}", groups) for number, (name, groups) in enumerate(places, 1))
    report = inventory(resolve(validate(shipped()).usable, Inventory(hosts), {}))
    at = {(one["port"], one["address"]): one["hosts"] for one in report["ports"]}
    assert at[18000, "10.0.0.2"] == ["app1"] and at[18000, "10.0.0.3"] == ["app2"]
    assert at[28000, "127.0.0.1"] == at[28000, "10.0.0.4"] == at[80, "0.0.0.0"] == ["edge1"]
    assert named(report["services"], "auth")["hosts"] == ["app1", "app2"]
    assert named(report["services"], "data")["hosts"] == ["app1"]
    page = markdown(report)
    assert "web (where its files are)" in page and "web (exclusive)" in page


def test_files_are_once_each_and_have_owners(shipped_report: dict[str, Any]) -> None:
    files = shipped_report["files"]
    assert len({one["path"] for one in files}) == len(files)
    assert all(one["owner"] and one["mode"] for one in files)
    unit = next(one for one in files if one["path"].endswith("cryptobot-auth-web@1.service"))
    assert (unit["kind"], unit["service"]) == ("unit", "auth")
    assert any(one["kind"] == "secret" and one["mode"] == "0600" for one in files)


def test_the_forms(shipped_report: dict[str, Any]) -> None:
    resolved = resolve(validate(shipped()).usable, one_host(), {})
    assert json.loads(REPORT(resolved, "json")) == inventory(resolved)
    assert REPORT(resolved, "markdown") == markdown(shipped_report)
    assert REPORT(resolved, "svg").startswith("<svg ")
    with pytest.raises(AnsibleFilterError, match="one of json, markdown, svg"):
        REPORT(resolved, "pdf")


def test_markdown(shipped_report: dict[str, Any]) -> None:
    text = markdown(shipped_report)
    assert "![Architecture](architecture.svg)" in text
    assert all(
        f"## {title}" in text for title in ("Services", "Dependencies", "Datastores", "Ports", "Files and directories")
    )
    for line in text.splitlines():
        assert not line.startswith("|") or line.endswith("|")
    assert "![" not in markdown(shipped_report, picture="")
    broken = {**shipped_report, "hosts": [{"name": "a|b\n<i>", "address": "", "groups": [], "services": []}]}
    assert "| a\\|b &lt;i> |" in markdown(broken)
