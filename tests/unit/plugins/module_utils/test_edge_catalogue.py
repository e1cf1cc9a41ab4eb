"""Which sockets the proxy listens on."""

from __future__ import annotations

import copy

from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import accesses, exclusive_containers, listen, sided_doors

ONE = {
    "edge": {"port": 80, "bind": "0.0.0.0"},
    "hosts": {"box": {"address": "10.0.0.1", "services": ["auth"]}},
    "doors": [{"name": "auth_web", "service": "auth", "process": "web", "public": 8000, "internal": 28000}],
}


def test_one_host() -> None:
    assert listen(ONE, "box") == {"entrance": "0.0.0.0:80", "auth_web_public": "0.0.0.0:8000", "auth_web_internal": "127.0.0.1:28000"}


def test_services_elsewhere_call_the_hosts_own_address() -> None:
    two = copy.deepcopy(ONE)
    two["hosts"]["other"] = {"address": "10.0.0.2", "services": ["trade"]}
    assert listen(two, "box")["auth_web_internal_hosts"] == "10.0.0.1:28000"


def test_a_bound_entrance_and_tls() -> None:
    bound = copy.deepcopy(ONE)
    bound["edge"] = {"port": 8080, "bind": "::1"}
    sockets = listen(bound, "box", tls_port=8443)
    assert (sockets["entrance"], sockets["entrance_tls"], sockets["auth_web_public"]) == ("[::1]:8080", "[::1]:8443", "[::1]:8000")
    assert sockets["auth_web_internal"] == "127.0.0.1:28000", "internal doors are never the users'"


def test_doors_while_either_side_can_serve() -> None:
    """A published port is opened aside, one on loopback closed from outside, and calls arrive at the networks' bridges."""
    both = copy.deepcopy(ONE)
    both["services"] = {
        "auth": {"migration_group": "first", "processes": {"web": {"docker": {"service": "auth-service", "port": 80}}}}
    }
    sides = {"published": [8000], "loopback": [8000], "bridges": {"auth-service": ["172.18.0.1"]}, "ipv6": True}
    sockets = listen(both, "box", 0, sides)
    assert sockets["auth_web_public"] == "127.0.0.1:38000" and "auth_web_public_v6" not in sockets
    assert sockets["auth_web_internal_bridge1"] == "172.18.0.1:28000"
    assert listen(both, "box", 0, {**sides, "loopback": []})["auth_web_public_v6"] == "[::]:38000"
    assert "auth_web_public_v6" not in listen(both, "box", 0, {"published": [], "ipv6": True}), "the native door as ever"
    (door,) = sided_doors(both, "box", sides)
    assert door == {
        "name": "auth_web",
        "group": "first",
        "container": "auth-service",
        "port": 80,
        "public": 38000,
        "internal": 28000,
        "reads": "pass",
        "variable": "AUTH_WEB_CONTAINER",
        "bridges": ["172.18.0.1"],
    }
    both["services"]["auth"]["processes"]["web"] = {}
    assert sided_doors(both, "box", sides)[0]["container"] == ""


def test_accesses_of_shared_datastores_in_containers() -> None:
    """Only servers in containers that have a port for it, and only with a Compose project; elsewhere for its users alone."""
    stores = {
        "redis": {"kind": "redis", "access_port": 26379, "docker": {"service": "cache"}, "users": {"auth": {}}},
        "main-db": {"kind": "postgresql", "access_port": 25432, "docker": {"service": "db", "port": 5433}, "users": ["trade"]},
        "other": {"kind": "postgresql", "access_port": None, "docker": {"service": "db"}, "users": ["auth"]},
        "new": {"kind": "redis", "access_port": 26380, "docker": {}, "users": {}},
    }
    catalogue = copy.deepcopy(ONE) | {"datastores": stores, "services": {}}
    catalogue["hosts"]["box"]["services"] = []
    catalogue["hosts"] |= {"two": {"address": "10.0.0.2", "services": ["trade"]}, "three": {"address": "10.0.0.3", "services": []}}
    assert accesses(catalogue, "box", {}) == [] == accesses(catalogue, "box", {"groups": {}})
    redis, database = accesses(catalogue, "box", {"project": "shop"})
    assert redis == {
        "name": "access_redis",
        "datastore": "redis",
        "container": "cache",
        "port": 6379,
        "listen": 26379,
        "sources": [],
        "variable": "ACCESS_REDIS_CONTAINER",
    }
    assert (database["name"], database["port"]) == ("access_main_db", 5433)
    assert database["sources"] == ["127.0.0.0/8", "10.0.0.1", "10.0.0.2"]
    found = {name: at for name, at in listen(catalogue, "box", 0, {"project": "shop"}).items() if name.startswith("access")}
    assert found == {
        "access_redis": "127.0.0.1:26379",
        "access_main_db": "127.0.0.1:25432",
        "access_main_db_hosts": "10.0.0.1:25432",
    }


def test_what_may_never_run_twice_is_known_by_its_container() -> None:
    services = {
        "auth": {"migration_group": "first", "uses": {}, "processes": {"web": {"docker": {"service": "auth-service"}}}},
        "bars": {"migration_group": "first", "uses": {"bars": {}}, "processes": {"web": {"docker": {"service": "bars"}}}},
        "jobs": {
            "migration_group": "last",
            "uses": {},
            "processes": {
                "worker": {"exclusive": True, "docker": {"service": "jobs-worker"}},
                "clock": {"exclusive": True, "docker": None},
            },
        },
    }
    catalogue = {"services": services, "datastores": {"bars": {"kind": "directory"}}}
    assert exclusive_containers(catalogue) == {"bars": "first", "jobs-worker": "last"}
