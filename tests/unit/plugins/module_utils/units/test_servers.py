"""A host's processes at a proxy on another host: led past while they restart, and back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import Edge, EdgeError
from ansible_collections.cryptobot.native.plugins.module_utils.units.servers import Server, drain, servers, undrain

HEADER = "# pxname,svname,scur,status,last_chk,\n"
BACKENDS = ("auth_web_read", "auth_web_write")
SECOND = Server("a1-2", BACKENDS, drain_seconds=0)


class Proxy:
    """Two backends with the same servers, which are in the state that they were set to."""

    def __init__(self, **states: str) -> None:
        self.states = {(backend, name.replace("_", "-")): state for backend in BACKENDS for name, state in states.items()}

    def __call__(self, line: str, path: str = "", timeout: float = 5.0) -> str:
        if line == "show stat":
            return HEADER + "".join(f"{backend},{name},0,{state},,\n" for (backend, name), state in self.states.items())
        __, __, server, __, state = line.split()
        key = tuple(server.split("/"))
        if self.states[key] != "DOWN":
            self.states[key] = {"drain": "DRAIN", "ready": "UP"}[state]
        return "\n"

    def of(self, name: str) -> set[str]:
        return {state for (__, server), state in self.states.items() if server == name}


def test_another_host_serves_meanwhile() -> None:
    proxy = Proxy(a1_1="UP", b1_1="DOWN", a1_2="UP", b1_2="DOWN")
    assert drain(Edge("/x", proxy), [SECOND]) == ["auth_web/a1-2"]
    assert proxy.of("a1-2") == {"DRAIN"} and proxy.of("a1-1") == {"UP"}
    assert undrain(Edge("/x", proxy), [SECOND]) == ["auth_web/a1-2"]
    assert proxy.of("a1-2") == {"UP"}


@pytest.mark.parametrize("other", ["DOWN", "DRAIN", "MAINT"])
def test_what_nobody_else_serves_is_left(other: str) -> None:
    proxy = Proxy(a1_1=other, a1_2="UP")
    assert drain(Edge("/x", proxy), [SECOND]) == []
    assert proxy.of("a1-2") == {"UP"}


def test_instances_that_leave_together_do_not_stand_in_for_each_other() -> None:
    proxy = Proxy(a1_2="UP", a2_2="UP")
    assert drain(Edge("/x", proxy), [SECOND, replace(SECOND, name="a2-2")]) == []


def test_a_server_that_the_proxy_does_not_see_up_stops_the_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.cryptobot.native.plugins.module_utils.units.servers.UP_SECONDS", 0.0)
    edge = Edge("/x", Proxy(a1_2="DOWN"))
    with pytest.raises(EdgeError, match="does not see server a1-2 up"):
        undrain(edge, [SECOND])
    assert undrain(edge, [SECOND], gate=False) == []
    assert undrain(edge, [replace(SECOND, live=False)]) == [], "the slot that stands by is expected to be down"


def test_what_an_interrupted_play_left_closed_opens() -> None:
    proxy = Proxy(a1_1="UP", a1_2="DRAIN")
    assert undrain(Edge("/x", proxy), [SECOND]) == ["auth_web/a1-2"]
    assert undrain(Edge("/x", proxy), [SECOND]) == []


def test_only_units_with_a_door_that_run_are_known_to_it() -> None:
    unit = {"service": "auth", "process": "web", "slot": "a", "side": "native", "drain_seconds": 20, "backends": list(BACKENDS)}
    units = [
        unit | {"name": "auth@1", "server": "a1-2"},
        unit | {"name": "auth@2", "server": "b1-2", "slot": "b"},
        unit | {"name": "worker@1", "server": "", "backends": []},
        unit | {"name": "away@1", "server": "a1-2", "side": "docker"},
    ]
    assert [(one["name"], one["live"]) for one in servers(units, {"auth-web": "b"})] == [("a1-2", False), ("b1-2", True)]
    assert [one["name"] for one in servers(units, {}, ["auth@1", "worker@1"])] == ["a1-2"]
