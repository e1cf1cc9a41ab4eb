# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.firewall import rules


def hosts(**groups_and_services: tuple[str, list[str]]) -> dict[str, Any]:
    return {
        name: {"address": f"10.0.0.{number}", "groups": [f"cryptobot_{group}"], "services": services}
        for number, (name, (group, services)) in enumerate(groups_and_services.items(), 1)
    }


def process(address: str) -> dict[str, Any]:
    return {"web": {"units": [{"port": 18000 + slot, "listen": f"{address}:{18000 + slot}"} for slot in (0, 1)]}}


SEEN_BY_APP2 = {"app2": {"processes": process("10.0.0.3")}}
SPREAD: dict[str, Any] = {
    "hosts": hosts(edge=("edge", []), app1=("app", ["api"]), app2=("app", ["api"]), cache=("cache", []), db=("database", [])),
    "services": {"api": {"name": "api", "processes": process("10.0.0.2"), "by_host": SEEN_BY_APP2}},
    "doors": [{"name": "api_web", "internal": 28000}],
    "datastores": {
        "redis": {"kind": "redis", "host": "cache", "port": 6379, "users": {"api": {}}, "docker": {"service": "redis"}},
        "api": {"kind": "postgresql", "host": "db", "users": ["api"], "pools": {"api": "none"}},
    },
}


def open_to(host: str, catalogue: dict[str, Any] = SPREAD, **options: Any) -> list[tuple[list[int], list[str]]]:
    return [(rule["ports"], rule["sources"]) for rule in rules(catalogue, host, **options)]


def test_each_door_between_hosts_is_for_those_who_need_it() -> None:
    assert open_to("app2") == [([18000, 18001], ["10.0.0.1"])]
    assert open_to("edge") == [([28000], ["10.0.0.2", "10.0.0.3"])]
    assert open_to("cache") == [([6379], ["10.0.0.2", "10.0.0.3"])]


def test_the_database_server_may_be_others_too_and_has_rules_of_its_own() -> None:
    assert open_to("db") == []
    pooled = SPREAD["datastores"] | {"api": SPREAD["datastores"]["api"] | {"pools": {"api": "session"}}}
    assert open_to("db", SPREAD | {"datastores": pooled}) == [([6432], ["10.0.0.2", "10.0.0.3"])]


def test_a_server_in_a_container_that_can_follow_redis_comes_in() -> None:
    sides = {"subnets": {"redis": ["172.18.0.0/16"], "other": ["172.19.0.0/16"]}}
    assert open_to("cache", sides=sides) == [([6379], ["10.0.0.2", "10.0.0.3", "172.18.0.0/16"])]


def test_what_listens_on_loopback_needs_no_rule() -> None:
    alone = SPREAD["services"]["api"] | {"processes": process("127.0.0.1"), "by_host": {}}
    assert open_to("app1", SPREAD | {"services": {"api": alone}}) == []


def test_addresses_of_another_family_are_no_sources() -> None:
    six = {name: host | ({"address": "fd00::1"} if name == "edge" else {}) for name, host in SPREAD["hosts"].items()}
    (rule,) = rules(SPREAD | {"hosts": six}, "edge")
    assert (rule["family"], rule["sources"]) == ("ip6", [])
