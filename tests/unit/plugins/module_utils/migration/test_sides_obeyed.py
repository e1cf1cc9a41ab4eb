"""Whatever is derived from the catalogue obeys the sides, and without a Compose project nothing of it differs."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.filter.sides import native, reserving, sides_outline
from ansible_collections.cryptobot.native.plugins.module_utils import edge_catalogue, health_targets
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import report
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides, unread
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.layout import layout
from ansible_collections.cryptobot.native.plugins.module_utils.redis import layout as redis_layout
from ansible_collections.cryptobot.native.plugins.module_utils.units import catalogue as units
from ansible_collections.cryptobot.native.plugins.module_utils.units.migrations import migrations
from ansible_collections.cryptobot.native.plugins.module_utils.units.plan import Found, Wanted, after, plan
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import GROUPS, shipped

OPTIONS = {"connection_limit": 40, "locale": "C.UTF-8", "extensions": {}}
PUBLISHED = [8000, 8001, 15432]


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    return resolve(
        validate(shipped()).usable, Inventory((Host("one", "10.0.0.1", frozenset(["cryptobot", *GROUPS])),)), {}
    )


@pytest.fixture
def docker(catalogue: dict[str, Any]) -> dict[str, Any]:
    return unread(catalogue) | {"published": PUBLISHED}


@pytest.fixture
def strategy(catalogue: dict[str, Any], tmp_path) -> dict[str, Any]:
    """One service alone is native: its group and its database."""
    sides = Sides.read(tmp_path, catalogue, {"project": "x"}).with_group("supporting", "native")
    return sides.with_writer("strategy", "none").with_writer("strategy", "native").fact(catalogue, PUBLISHED)


def test_without_a_project_nothing_differs(catalogue: dict[str, Any]) -> None:
    assert layout(catalogue, "one", OPTIONS) == layout(catalogue, "one", {**OPTIONS, "sides": {}})
    assert {user["open"] for user in redis_layout.users(catalogue, "one")} == {True}
    assert edge_catalogue.listen(catalogue, "one") == edge_catalogue.listen(catalogue, "one", 0, {})
    assert health_targets.targets(catalogue, "one") == health_targets.targets(catalogue, "one", {})
    assert {(one["side"], one["condition"]) for one in units.units(catalogue, "one", None, {})} == {("native", "")}
    assert {one["condition"] for one in migrations(catalogue, "one", {})} == {""}
    assert "side" not in report.services(catalogue)[0].split()
    assert reserving({"a": "1"}, "") == {"a": "1"}


def test_no_database_is_made_and_all_roles_are(
    catalogue: dict[str, Any], docker: dict[str, Any], strategy: dict[str, Any]
) -> None:
    everything = layout(catalogue, "one", OPTIONS)
    nothing = layout(catalogue, "one", {**OPTIONS, "sides": docker})
    one = layout(catalogue, "one", {**OPTIONS, "sides": strategy})
    assert nothing["databases"] == nothing["doors"] == []
    assert [role["name"] for role in nothing["roles"]] == [role["name"] for role in everything["roles"]]
    assert {len(role["settings"]) for role in nothing["roles"]} == {0}
    assert [database["name"] for database in one["databases"]] == ["strategy"]
    assert {door["database"] for door in one["doors"]} == {"strategy"}
    assert {role["name"]: role["settings"] for role in one["roles"] if role["settings"]} == {
        "strategy_migrate": {"strategy": {"role": "strategy_owner"}}
    }
    assert (nothing["hba"], nothing["ident"]) == (everything["hba"], everything["ident"])


def test_nobody_comes_into_redis(catalogue: dict[str, Any], docker: dict[str, Any]) -> None:
    closed = redis_layout.users(catalogue, "one", None, docker)
    assert {user["open"] for user in closed} == {False}
    assert [user["rules"] for user in closed] == [user["rules"] for user in redis_layout.users(catalogue, "one")]


def test_doors_open_beside_what_is_published(catalogue: dict[str, Any], strategy: dict[str, Any]) -> None:
    sockets = edge_catalogue.listen(catalogue, "one", 0, strategy)
    assert (sockets["auth_web_public"], sockets["data_web_public"]) == ("0.0.0.0:38000", "0.0.0.0:38001")
    assert (sockets["strategy_web_public"], sockets["entrance"]) == ("0.0.0.0:8010", "0.0.0.0:80")
    assert sockets["auth_web_internal"] == "127.0.0.1:28000"
    assert edge_catalogue.listen(catalogue, "one", 443, {"published": [80, 443]})["entrance"] == "0.0.0.0:30080"
    assert edge_catalogue.listen(catalogue, "one", 443, {"published": [443]})["entrance_tls"] == "0.0.0.0:30443"


def test_health_covers_what_is_native(
    catalogue: dict[str, Any], docker: dict[str, Any], strategy: dict[str, Any]
) -> None:
    assert health_targets.targets(catalogue, "one", docker) == []
    assert [target["name"] for target in health_targets.targets(catalogue, "one", strategy)] == ["strategy_web"]
    moved = strategy | {"published": [8010]}
    assert health_targets.targets(catalogue, "one", moved)[0]["url"].startswith("http://127.0.0.1:38010/")
    lines = "\n".join(
        health_targets.table(catalogue, [], strategy | {"services": strategy["services"] | {"auth": "none"}})
    )
    assert "on the Docker side" in lines and "stopped for a migration" in lines and ":38000" in lines


def test_units_ask_before_they_start(catalogue: dict[str, Any], strategy: dict[str, Any]) -> None:
    made = {one["name"]: one for one in units.units(catalogue, "one", None, strategy)}
    auth = made["cryptobot-auth-web@1.service"]
    assert auth["condition"] == "/usr/lib/cryptobot/side --group supporting --datastore auth --lent redis"
    assert (auth["side"], made["cryptobot-strategy-web@1.service"]["side"]) == ("none", "native")
    assert made["cryptobot-dashboard-web@1.service"]["condition"] == "/usr/lib/cryptobot/side --group edge"
    never = auth["condition"].replace(" --group", " --exclusive --group")
    assert {one["condition"] for one in migrations(catalogue, "one", strategy)} >= {never}
    assert {wish["side"] for wish in units.wishes(made.values())} == {"docker", "none", "native"}


def unit(number: int = 1, side: str = "docker", **more: Any) -> Wanted:
    return Wanted(f"cryptobot-auth-web@{number}.service", "auth-web", instance=number, side=side, **more)


@pytest.mark.parametrize(
    "found",
    [Found(), Found("inactive", True, True), Found("failed", True, True), Found("active", True, True, stale=("/x",))],
)
def test_what_is_not_native_is_neither_started_nor_stopped(found: Found) -> None:
    planned = plan([unit()], {unit().name: found})
    assert planned.steps == planned.stop == []
    assert planned.enable == ([] if found.enabled else [unit().name])
    assert all(
        is_ == {"active": found.running, "enabled": True}
        for is_ in after(planned, [unit()], {unit().name: found}).values()
    )


def test_what_runs_away_from_its_side_is_stopped_when_asked_for() -> None:
    running, wanted = (
        Found("active", True, True),
        [
            unit(side="none"),
            unit(2, side="none", slot="b"),
            unit(3, side="native"),
        ],
    )
    found = {one.name: running for one in wanted}
    planned = plan(wanted, found, stop_away=True)
    assert [step.unit.name for step in planned.stop] == [wanted[0].name, wanted[1].name]
    assert planned.changed and planned.steps == []
    assert after(planned, wanted, found)[wanted[0].name] == {"active": False, "enabled": True}


def test_status_says_the_sides(catalogue: dict[str, Any], strategy: dict[str, Any]) -> None:
    text = report.view(catalogue, "services", strategy)
    assert "side" in text[0].split()
    assert any(line.split()[:4] == ["auth", "web", "supporting", "none"] for line in text)
    assert any(line.split() == ["strategy", "supporting", "native"] for line in text)
    assert any(line.split() == ["redis", "critical", "docker"] for line in text)
    assert any("38000" in line for line in text)
    assert report.view(catalogue, "provenance", strategy)


def test_filters(catalogue: dict[str, Any], strategy: dict[str, Any]) -> None:
    assert native(["auth", "strategy"], strategy) == ["strategy"] and native([{"name": "auth"}], {}) == [
        {"name": "auth"}
    ]
    assert native(["auth", "strategy"], strategy, "datastores") == ["strategy"]
    assert reserving({"net.ipv4.ip_local_reserved_ports": "8080"}, "38000-38001") == {
        "net.ipv4.ip_local_reserved_ports": "8080,38000-38001"
    }
    outline = sides_outline(catalogue, "one")
    owners = {(one["port"], one["kind"]): one["owner"] for one in outline["ports"]}
    assert (
        owners[5432, "server"] == "PostgreSQL"
        and owners[8000, "public"] == "auth-web"
        and owners[80, "entrance"] == "edge"
    )
    assert sides_outline(catalogue, "elsewhere")["ports"] == []
