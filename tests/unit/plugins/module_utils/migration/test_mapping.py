from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.migration import looks, mapping
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_files import load_shipped

ROOT = Path(__file__).resolve().parents[5]
PARTS = ("database", "cache", "app", "edge", "build", "docker")
COMPOSE = {"project": "shop"}


@cache
def catalogue() -> dict:
    shipped, __ = load_shipped(ROOT / "catalogues", "cryptobot")
    groups = frozenset({"cryptobot", *(f"cryptobot_{part}" for part in PARTS)})
    return resolve(validate(shipped).usable, Inventory((Host("platform", "10.0.0.5", groups),), "staging"), {})


def test_every_datastore_has_a_place_on_both_sides() -> None:
    found = mapping.stores(catalogue(), COMPOSE)
    assert found["unmoved"] == []
    (server,) = found["postgresql"]
    assert server["source"] == {"container": {"project": "shop", "service": "postgres"}}
    assert server["known"] == ["auth_db", "gateway_db", "strategy_db", "trade_db", "trading_db"]
    trading = next(each for each in server["databases"] if each["datastore"] == "trading")
    assert trading == {
        "datastore": "trading",
        "source": "trading_db",
        "target": "trading",
        "owner": "trading_owner",
        "access": {"orchestrator": "write", "trading_api": "write"},
    }
    assert {each["target"] for each in server["incoming"]} >= {"auth__incoming", "trading__incoming"}
    (results,) = found["sqlite"]
    assert results["file"] == "backtest-results.sqlite"


def test_who_writes_a_directory_owns_it() -> None:
    people = {"containers": [{"service": "data-service", "uid": 990, "gid": 991}]}
    (bars,) = mapping.stores(catalogue(), COMPOSE, "all", people)["directory"]
    assert bars["ownership"]["users"][0] == "cryptobot-data"
    assert (bars["ownership"]["run_as"], bars["ownership"]["run_as_groups"]) == ([990], [991])


def test_a_datastore_without_a_place_is_named() -> None:
    changed = {
        **catalogue(),
        "datastores": {**catalogue()["datastores"], "auth": {**catalogue()["datastores"]["auth"], "docker": {}}},
    }
    (unmoved,) = mapping.stores(changed, COMPOSE)["unmoved"]
    assert unmoved["datastore"] == "auth"
    assert "docker: {service: postgres, database: auth_db}" in unmoved["why"]


def test_all_groups_move_together() -> None:
    found = mapping.moving(catalogue(), "all")
    assert found["refusals"] == []
    assert set(found["datastores"]) == set(catalogue()["datastores"])
    assert "auth-service" in found["writers"]


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("supporting", "redis is used by"),
        ("edge", ""),
        ("nothing", "There is no migration group nothing"),
    ],
)
def test_one_group_is_refused_with_the_reason(group: str, said: str) -> None:
    refusals = " ".join(mapping.moving(catalogue(), group)["refusals"])
    assert said in refusals
    assert bool(refusals) is bool(said)


def test_the_way_back_is_the_same_turned_round() -> None:
    (server,) = mapping.stores(catalogue(), COMPOSE)["postgresql"]
    back = mapping.backward(server)
    assert (back["source"], back["target"]) == (server["target"], server["source"])
    assert {each["target"] for each in back["incoming"]} >= {"auth_db__incoming"}
    mapped = mapping.mapped(back["incoming"], {"auth": {"map": {"owner": "auth_user"}}})
    assert next(each for each in mapped if each["datastore"] == "auth")["owner"] == "auth_user"


def test_volumes_of_servers_and_datastores_are_not_saved_twice() -> None:
    stores = mapping.stores(catalogue(), COMPOSE)
    volumes = {
        "shop_market-data": {"name_in_files": "market-data", "path": "/v/1", "services": ["data-service"]},
        "shop_postgres-data": {"name_in_files": "postgres-data", "path": "/v/2", "services": ["postgres"]},
        "shop_uploads": {"name_in_files": "uploads", "path": "/v/3", "services": ["auth-service"]},
        "f" * 64: {"name_in_files": "", "path": "/v/4", "services": ["trade-service"]},
    }
    others = mapping.other_volumes({"volumes": volumes}, stores, mapping.keepers(catalogue()))
    assert [each["source"]["path"] for each in others] == ["/v/4", "/v/3"]
    parts = mapping.parts(stores, others)
    assert {"postgresql-postgres", "redis", "bars", "backtest-results", "volume-shop_uploads"} <= {
        each["part"] for each in parts
    }


def test_published_ports_move_aside_in_addresses() -> None:
    found = {each["service"]: each["url"] for each in mapping.urls(catalogue(), {"published": [8000]})}
    assert found["auth"] == "http://10.0.0.5:38000/"
    assert found["entrance"] == "http://10.0.0.5:80/"


def test_sharing_and_amounts_are_told() -> None:
    assert looks.sharing(catalogue())["redis"]["group"] == "critical"
    assert len(looks.sharing(catalogue())["redis"]["groups"]) > 1
    found = looks.services(catalogue(), mapping.moving(catalogue(), "all"))
    assert found["waves"] == [7, 2, 5, 1]
    assert found["schemas"] == sum(1 for each in catalogue()["services"].values() if each["migration"]) > 0
