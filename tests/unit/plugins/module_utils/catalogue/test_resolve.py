"""What hosts are told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.merge import Patch, merge
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.queries import first_host, ports, secret_files, services_on
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.vault import (
    fault,
    generate,
    needs,
    public_half,
)
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped


def resolved(services: dict[str, Any] | None = None, inventory: Inventory | None = None) -> dict[str, Any]:
    merged = merge(shipped(), "shipped", [Patch("patch", "services", services or {})])
    validated = validate(merged.catalogue)
    assert list(validated.findings) == []
    return resolve(validated.usable, inventory or one_host(), merged.provenance)


def spread() -> Inventory:
    """Database, cache, two application hosts and the edge, each a host of its own."""
    places = {
        "db": ["cryptobot_database"],
        "cache": ["cryptobot_cache"],
        "app1": ["cryptobot_app", "cryptobot_build"],
        "app2": ["cryptobot_app"],
        "edge": ["cryptobot_edge"],
    }
    hosts = (
        Host(name, f"10.0.0.{number}", frozenset(["cryptobot", *groups]))
        for number, (name, groups) in enumerate(places.items(), 1)
    )
    return Inventory(tuple(hosts), "production")


def test_it_is_plain_json() -> None:
    found = resolved()
    assert json.loads(json.dumps(found)) == found


def test_waves_follow_after_and_hold_every_service_once() -> None:
    found = resolved()
    order = [name for wave in found["waves"] for name in wave]
    assert sorted(order) == sorted(found["services"])
    wave_of = {name: number for number, wave in enumerate(found["waves"]) for name in wave}
    assert all(
        wave_of[other] < wave_of[name] for name, service in found["services"].items() for other in service["after"]
    )


def test_calls_name_the_internal_door() -> None:
    found = resolved()
    doors = {door["service"]: door for door in found["doors"]}
    for service in found["services"].values():
        for call, url in service["config"]["urls"].items():
            assert url == f"http://127.0.0.1:{doors[call]['internal']}"
            assert service["environment"][f"{call.upper().replace('-', '_')}_URL"] == url


def test_every_dependant_follows_a_changed_port() -> None:
    found = resolved({"trade": {"processes": {"web": {"port": 9999}}}})
    assert found["services"]["auth"]["config"]["urls"]["trade"] == "http://127.0.0.1:28012"
    assert found["services"]["strategy"]["environment"]["TRADE_URL"] == "http://127.0.0.1:28012"
    found = resolved({"trade": {"processes": {"web": {"internal_port": 29999}}}})
    assert found["services"]["strategy"]["environment"]["TRADE_URL"] == "http://127.0.0.1:29999"


def test_slots_and_instances() -> None:
    found = resolved({"auth": {"processes": {"web": {"instances": 2}}}})
    units = found["services"]["auth"]["processes"]["web"]["units"]
    assert [(unit["unit"][-10:-8], unit["slot"], unit["port"]) for unit in units] == [
        ("@1", "a", 18000),
        ("@2", "a", 18001),
        ("@3", "b", 18002),
        ("@4", "b", 18003),
    ]
    door = next(door for door in found["doors"] if door["service"] == "auth")
    assert door["servers"] == [
        {"name": "a1", "address": "127.0.0.1:18000"},
        {"name": "a2", "address": "127.0.0.1:18001"},
        {"name": "b1", "address": "127.0.0.1:18002"},
        {"name": "b2", "address": "127.0.0.1:18003"},
    ]


def test_own_sockets_are_told_their_instance() -> None:
    units = resolved()["services"]["execution-gateway"]["processes"]["web"]["units"]
    assert [unit["environment"] for unit in units] == [
        {"LISTEN": "127.0.0.1:13000", "PORT": "13000"},
        {"LISTEN": "127.0.0.1:13001", "PORT": "13001"},
    ]


def test_credentials_are_paths_and_percent_signs_survive() -> None:
    found = resolved({"auth": {"environment": {"X": "100%:{credentials.jwt_private}"}}})["services"]["auth"]
    assert found["processes"]["web"]["credential_environment"]["X"] == "100%%:%d/jwt_private"
    assert "X" not in found["environment"]


def test_the_migration_step_has_rights_of_its_own() -> None:
    auth = resolved()["services"]["auth"]
    assert auth["environment"]["DATABASE_URL"] == "postgresql://auth@/auth?host=/run/postgresql"
    assert auth["migration"]["environment"]["DATABASE_URL"] == "postgresql://auth_migrate@/auth?host=/run/postgresql"
    assert resolved()["services"]["dashboard"]["migration"] is None


def test_on_one_host_the_database_needs_no_password() -> None:
    found = resolved()
    assert not any(name.startswith("p") for service in found["services"].values() for name in service["secrets"])
    assert not any(store.get("password_users") for store in found["datastores"].values())


def test_on_several_hosts_everyone_sees_their_own_addresses() -> None:
    found = resolved(inventory=spread())
    auth = found["services"]["auth"]
    assert auth["environment"]["DATABASE_URL"] == "postgresql://auth@10.0.0.1:5432/auth"
    assert auth["environment"]["REDIS_URL"] == "redis://auth@10.0.0.2:6379/0"
    assert auth["environment"]["STRATEGY_URL"] == "http://10.0.0.5:28010"
    assert auth["processes"]["web"]["units"][0]["listen"] == "10.0.0.3:18000"
    assert auth["by_host"]["app2"]["processes"]["web"]["units"][0]["listen"] == "10.0.0.4:18000"
    door = next(door for door in found["doors"] if door["service"] == "auth")
    assert [server["address"] for server in door["servers"]] == [
        "10.0.0.3:18000",
        "10.0.0.3:18001",
        "10.0.0.4:18000",
        "10.0.0.4:18001",
    ]
    assert len({server["name"] for server in door["servers"]}) == 4
    assert found["datastores"]["auth"]["password_users"] == ["auth"]
    assert {"postgresql_password", "pgpass"} <= set(auth["secrets"])


def test_exclusive_processes_run_on_one_host() -> None:
    found = resolved(inventory=spread())
    assert "orchestrator" in found["hosts"]["app1"]["services"]
    assert "orchestrator" not in found["hosts"]["app2"]["services"]
    assert services_on(found, "db") == []


def test_an_exclusive_process_leaves_the_others_of_its_service_on_each_host() -> None:
    worker = {"command": ["trade-worker"], "exclusive": True, "health": {"command": ["true"]}}
    found = resolved({"trade": {"processes": {"worker": worker}}}, inventory=spread())
    on = {host: {one["name"]: one for one in services_on(found, host)} for host in ("app1", "app2")}
    assert [set(on[host]["trade"]["processes"]) for host in on] == [{"web", "worker"}, {"web"}]


def test_what_works_on_files_runs_where_they_are() -> None:
    found = resolved(inventory=spread())
    for service in ("data", "backtest"):
        assert service in found["hosts"]["app1"]["services"] and service not in found["hosts"]["app2"]["services"]
        (door,) = [door for door in found["doors"] if door["service"] == service]
        assert {server["address"].partition(":")[0] for server in door["servers"]} == {"10.0.0.3"}


def test_one_host_alone_brings_a_schema_up_to_date() -> None:
    found = resolved(inventory=spread())
    on = {host: {one["name"]: one for one in services_on(found, host)} for host in ("app1", "app2")}
    assert first_host(found, "auth") == "app1" and first_host(found, "nobody") is None
    assert on["app1"]["auth"]["migration"]["command"] and on["app2"]["auth"]["migration"] is None
    values: dict[str, dict[str, str]] = {}
    for need in needs(found["services"]):
        values.setdefault(need.service, {})[need.name] = generate(need)
    assert {"auth.pgpass", "auth.pgpass_migrate"} <= files_of(found, "app1", values)
    assert "auth.pgpass" in files_of(found, "app2", values) and "auth.pgpass_migrate" not in files_of(found, "app2", values)


def files_of(found: dict, host: str, values: dict) -> set[str]:
    return {file["dest"].rpartition("/")[2] for file in secret_files(found, host, values)}


def test_a_shared_datastore_has_all_of_its_users() -> None:
    found = resolved()["datastores"]
    assert found["trading"]["users"] == ["orchestrator", "trading-api"]
    assert found["bars"]["users"] == ["backtest", "data"]
    assert found["redis"]["users"]["auth"] == {"prefix": "auth:"}


def test_longest_routes_come_first() -> None:
    lengths = [len(route["path"]) for route in resolved()["routes"]]
    assert lengths == sorted(lengths, reverse=True)


def test_no_port_is_used_twice() -> None:
    found = [port["port"] for port in ports(resolved())]
    assert len(found) == len(set(found)) > 14 * 4


def test_processes_wait_for_the_internal_door_of_what_comes_before() -> None:
    gates = resolved()["services"]["reporting"]["processes"]["web"]["after"]
    assert gates == [
        {"name": "portfolio-management", "url": "http://127.0.0.1:28003/health/ready", "expect": {"status": "ok"}}
    ]


@pytest.mark.parametrize("inventory", [one_host(), spread()], ids=["one host", "several hosts"])
def test_secret_files_hold_what_services_need(inventory: Inventory) -> None:
    found = resolved({"auth": {"secrets": {"token": {"as": "env", "env": "TOKEN"}, "key": {"as": "file"}}}}, inventory)
    values: dict[str, dict[str, str]] = {}
    for need in needs(found["services"]):
        values.setdefault(need.service, {})[need.name] = generate(need)
    host = inventory.within("cryptobot_app")[0].name
    files = {file["dest"].rpartition("/")[2]: file["content"] for file in secret_files(found, host, values)}
    assert files["trade.jwt_public"] == public_half(values["auth"]["jwt_private"])
    assert files["trade.service_key"] == values["auth"]["service_key"]
    assert files["auth.env"] == f"TOKEN={values['auth']['token']}\n"
    assert files["auth.key"] == values["auth"]["key"]
    if len(inventory.hosts) > 1:
        assert files["auth.pgpass"] == f"10.0.0.1:5432:auth:auth:{values['auth']['postgresql_password']}\n"
    else:
        assert "auth.pgpass" not in files
    assert "auth.postgresql_password" not in files


def test_a_password_that_changes_reaches_services_as_the_new_one() -> None:
    found = resolved()
    values = {need.service: {} for need in needs(found["services"])}
    for need in needs(found["services"]):
        values[need.service][need.name] = generate(need)
    values["auth"]["redis_password"] = ["the-new-password", "the-old-password"]
    assert not fault("password", values["auth"]["redis_password"])
    files = {file["dest"].rpartition("/")[2]: file["content"] for file in secret_files(found, "one", values)}
    assert files["auth.redis_password"] == "the-new-password"


def test_no_value_of_a_secret_can_be_in_it() -> None:
    text = json.dumps(resolved())
    assert "PRIVATE KEY" not in text and "password_value" not in text


def test_an_application_of_ones_own() -> None:
    process = {
        "command": ["./serve", "--at", "{listen}"],
        "port": 7000,
        "listen": 17000,
        "socket": "own",
        "health": {"path": "/h"},
    }
    mine = {
        "migration_groups": ["application"],
        "services": {
            "my-shop": {
                "runtime": "binary",
                "build": {"kind": "cargo"},
                "processes": {"http-api": process},
                "uses": {"my-db": {}},
            }
        },
        "datastores": {"my-db": {"kind": "postgresql"}},
    }
    validated = validate(mine)
    assert list(validated.findings) == []
    found = resolve(validated.usable, one_host(), {})["services"]["my-shop"]
    assert found["migration_group"] == "application"
    assert found["identifier"] == "my_shop"
    unit = found["processes"]["http-api"]["units"][0]
    assert unit["unit"] == "cryptobot-my-shop-http-api@1.service"
    assert unit["command"] == ["./serve", "--at", "127.0.0.1:17000"]
