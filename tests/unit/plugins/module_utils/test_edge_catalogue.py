"""Which sockets the proxy listens on."""

from __future__ import annotations

import copy

from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import listen

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
