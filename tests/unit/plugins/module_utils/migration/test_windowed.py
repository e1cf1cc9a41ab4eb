"""What a change of sides in a window needs of the catalogue, who cannot have one, and how a group comes back."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.filter.migration import moving
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import exclusive_containers
from ansible_collections.cryptobot.native.plugins.module_utils.migration import mapping, runs, windowed
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.layout import layout
from ansible_collections.cryptobot.native.plugins.module_utils.redis.layout import listen, users
from ansible_collections.cryptobot.native.plugins.module_utils.units.catalogue import units

PARTS = ("database", "cache", "app", "edge", "build", "docker")
COMPOSE = {"project": "shop"}
LAYOUT = {"connection_limit": 40, "locale": "C.UTF-8", "extensions": {}}


def web(port: int, service: str) -> dict[str, Any]:
    return {
        "command": ["python3", "service.py"],
        "port": port,
        "listen": port + 10000,
        "health": {"path": "/health"},
        "docker": {"service": service, "port": 8000},
    }


def service(group: str, port: int, name: str, **more: Any) -> dict[str, Any]:
    made = {"migration_group": group, "runtime": "python", "source": "service", "processes": {"web": web(port, name)}}
    return {**made, **more}


GIVEN: dict[str, Any] = {
    "migration_groups": ["first", "second"],
    "datastores": {
        "orders": {"kind": "postgresql", "docker": {"service": "postgres", "database": "orders_db"}},
        "ledger": {"kind": "postgresql", "docker": {"service": "postgres", "database": "ledger_db"}},
    },
    "services": {
        "orders": service("first", 7000, "orders", uses={"orders": {}}, calls=["ledger"]),
        "ledger": service("second", 7010, "ledger", uses={"ledger": {}}),
    },
}
WORKER = {
    "command": ["python3", "worker.py"],
    "exclusive": True,
    "health": {"command": ["true"]},
    "docker": {"service": "orders-worker"},
}


def resolved(given: dict[str, Any]) -> dict[str, Any]:
    groups = frozenset({"cryptobot", *(f"cryptobot_{part}" for part in PARTS)})
    checked = validate(given)
    assert checked.usable, checked
    return resolve(checked.usable, Inventory((Host("platform", "10.0.0.5", groups),), "staging"), {})


@pytest.fixture
def given() -> dict[str, Any]:
    found = copy.deepcopy(GIVEN)
    found["services"]["orders"]["processes"]["worker"] = copy.deepcopy(WORKER)
    return found


def test_what_the_modules_take(given: dict[str, Any]) -> None:
    assert windowed.window(resolved(given), COMPOSE, "first") == {
        "servers": {"docker": {"container": {"project": "shop", "service": "postgres"}}, "native": {"local": {}}},
        "reached": {"native": {"host": "10.0.0.5", "port": 5432, "sslmode": "prefer"}},
        "databases": [{"datastore": "orders", "docker": "orders_db", "native": "orders"}],
        "caches": [],
        "stopped": ["orders-worker"],
        "units": ["cryptobot-orders-worker@1.service", "cryptobot-orders-worker@2.service"],
        "inside": {"containers": [], "units": []},
        "borrowing": {"groups": [], "units": [], "others": []},
        "outlets": [],
    }


def test_calls_cross_the_sides_in_a_window_alone(given: dict[str, Any]) -> None:
    assert moving(resolved(given), "first", True)["refusals"] == []
    assert "calls do not cross the sides" in moving(resolved(given), "first")["refusals"][0]


def refused(given: dict[str, Any], group: str = "first") -> str:
    return " ".join(moving(resolved(given), group, True)["refusals"])


def with_files(given: dict[str, Any]) -> dict[str, Any]:
    given["datastores"]["files"] = {"kind": "directory", "docker": {"volume": "files"}}
    given["datastores"]["index"] = {"kind": "sqlite", "docker": {"volume": "index"}}
    given["services"]["orders"]["uses"] |= {"files": {"readonly": True}, "index": {}}
    return given


def test_users_of_files_change_sides_inside(given: dict[str, Any]) -> None:
    catalogue = resolved(with_files(given))
    window = windowed.window(catalogue, COMPOSE, "first")
    assert refused(given) == "" and window["stopped"] == ["orders-worker"]
    assert window["inside"] == {
        "containers": ["orders"],
        "units": [
            {"name": "cryptobot-orders-web@1.service", "process": "orders-web", "slot": "a"},
            {"name": "cryptobot-orders-web@2.service", "process": "orders-web", "slot": "b"},
        ],
    }
    stores = mapping.stores(catalogue, COMPOSE, "first")
    files, index = windowed.trees(stores, ["files-owner"])
    assert files["docker"] == {"container": {"project": "shop", "volume": "files"}} and files["file"] == ""
    assert index["native"] == {"path": catalogue["datastores"]["index"]["path"]} and index["file"].endswith(".sqlite")
    assert files["accept"] == ["files-owner"]


def test_users_of_files_do_not_stand_by(given: dict[str, Any]) -> None:
    catalogue = resolved(with_files(given))
    sides = {"groups": {}, "services": {"orders": "docker", "ledger": "docker"}, "standby": ["first", "second"]}
    found = {unit["name"]: unit for unit in units(catalogue, "platform", sides=sides)}
    orders, ledger = (found[f"cryptobot-{name}-web@1.service"] for name in ("orders", "ledger"))
    assert (orders["side"], ledger["side"]) == ("docker", "standby")
    assert "--exclusive" in orders["condition"] and "--exclusive" not in ledger["condition"]
    assert exclusive_containers(catalogue) == {"orders": "first", "orders-worker": "first"}


def test_files_without_a_place_are_refused(given: dict[str, Any]) -> None:
    del with_files(given)["datastores"]["files"]["docker"]["volume"]
    assert "The datastore files names no place in the Compose project: give it docker: {volume" in refused(given)


def with_redis(given: dict[str, Any], **docker: Any) -> dict[str, Any]:
    given["datastores"]["cache"] = {"kind": "redis", "docker": {"service": "redis", **docker}}
    given["services"]["orders"]["uses"]["cache"] = {}
    return given


def test_a_redis_of_the_group_s_own_goes_along(given: dict[str, Any]) -> None:
    assert refused(with_redis(given)) == ""
    (cache,) = windowed.window(resolved(given), COMPOSE, "first")["caches"]
    assert cache["docker"] == {"container": {"project": "shop", "service": "redis"}} and cache["native"] == {"local": {}}
    assert cache["reached"] == {"native": {"host": "10.0.0.5", "port": 6379}}
    assert "+@write" in cache["rights"]["orders"].split()


def test_a_redis_that_others_use_is_refused(given: dict[str, Any]) -> None:
    with_redis(given)["services"]["ledger"]["uses"]["cache"] = {}
    assert "datastore cache is used by ledger too" in refused(given)
    del given["services"]["ledger"]["uses"]["cache"]
    given["datastores"]["queue"] = {"kind": "redis", "docker": {"service": "queue"}}
    given["services"]["ledger"]["uses"]["queue"] = {}
    assert "datastore cache shares a Redis server with queue" in refused(given)


def test_a_redis_moves_whole(given: dict[str, Any]) -> None:
    assert "numbered database 2 in the container and 0 natively" in refused(with_redis(given, index=2))
    del given["datastores"]["cache"]["docker"]["service"]
    assert "names no place in the Compose project" in refused(given)


def test_users_of_a_redis_come_in_where_they_stand_by(given: dict[str, Any]) -> None:
    catalogue = resolved(with_redis(given))
    sides = {"datastores": {"cache": "docker"}, "subnets": {"redis": ["172.18.0.0/16"]}, "standby": []}
    assert [user["open"] for user in users(catalogue, "platform", sides=sides)] == [False]
    assert [user["open"] for user in users(catalogue, "platform", sides={**sides, "standby": ["first"]})] == [True]
    assert listen(catalogue, "platform", sides)[2:] == ["-10.0.0.5"] and len(listen(catalogue, "platform")) == 2


def test_a_group_without_a_database_changes_sides_too(given: dict[str, Any]) -> None:
    given["services"]["ledger"]["uses"] = {}
    del given["datastores"]["ledger"]
    assert refused(given, "second") == ""
    found = windowed.window(resolved(given), COMPOSE, "second")
    assert (found["databases"], found["caches"], found["servers"]) == ([], [], {})


def test_two_servers_are_refused(given: dict[str, Any]) -> None:
    given["datastores"]["ledger"]["docker"]["service"] = "other"
    assert "several servers of the Compose project (other, postgres)" in refused(given, "all")


def test_an_exclusive_process_with_a_door_changes_sides_inside(given: dict[str, Any]) -> None:
    given["services"]["orders"]["processes"]["web"]["exclusive"] = True
    assert refused(given) == ""
    assert windowed.inside(resolved(given), "first")["containers"] == ["orders"]
    assert windowed.inside(resolved(given), "second")["containers"] == []


def test_an_unknown_group_is_named(given: dict[str, Any]) -> None:
    assert "There is no migration group third" in refused(given, "third")


def test_dockers_server_may_read_what_is_written_natively(given: dict[str, Any]) -> None:
    catalogue = resolved(given)
    sides = {"datastores": {}, "services": {}, "groups": {}, "subnets": {"postgres": ["172.18.0.0/16"]}}
    lines = layout(catalogue, "platform", {**LAYOUT, "sides": sides})["hba"]
    found = [line for line in lines if line[0] == "host"]
    assert ["orders", "172.18.0.0/16", "scram-sha-256"] in [[line[1], line[3], line[4]] for line in found]
    assert not [line for line in layout(catalogue, "platform", LAYOUT)["hba"] if line[0] == "host"]


def test_the_way_back_is_the_way_it_went(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert runs.way(journal, "first") == "migrate"
    first = runs.open_run(journal, "cut_over", {"group": "first"})
    assert (runs.way(journal, "first"), runs.way(journal, "all")) == ("cut_over", "migrate")
    with pytest.raises(runs.RunRefused, match="cryptobot.native.cut_over"):
        runs.open_run(journal, "migrate", {"group": "all"})
    back = runs.open_run(journal, "rollback", {"group": "first"})
    assert next(run for run in runs.runs(journal) if run.id == first).outcome == "abandoned for a rollback"
    with pytest.raises(runs.RunRefused, match="then ansible-playbook cryptobot.native.cut_over"):
        runs.open_run(journal, "cut_over", {"group": "first"})
    journal.close_run(back, "done")
    assert runs.open_run(journal, "cut_over", {"group": "first"}) not in (first, back)
