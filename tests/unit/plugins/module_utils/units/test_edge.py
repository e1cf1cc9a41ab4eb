"""The proxy's side of a restart by a second instance."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.units.edge import Edge, EdgeError

HEADER = "# pxname,svname,scur,status,last_chk,\n"


class Proxy:
    """Answers `show stat` from a list of rows, one after the other, and remembers what it was told."""

    def __init__(self, *tables: str) -> None:
        self.tables, self.told = list(tables), []

    def __call__(self, line: str, path: str = "", timeout: float = 5.0) -> str:
        if line == "show stat":
            return HEADER + (self.tables.pop(0) if len(self.tables) > 1 else self.tables[0])
        self.told.append(line)
        return "\n"


BACKENDS = ("gw_read", "gw_write")


def test_it_waits_until_the_server_is_up_everywhere() -> None:
    proxy = Proxy("gw_read,b1,0,DOWN,x,\ngw_write,b1,0,DOWN,x,\n", "gw_read,b1,0,UP 1/3,x,\ngw_write,b1,0,UP,x,\n")
    Edge("/x", proxy).wait_up(BACKENDS, "b1", limit=5)


def test_a_server_that_stays_down_is_explained() -> None:
    with pytest.raises(EdgeError, match="does not see server b1 up .*gw_read: DOWN Connection refused"):
        Edge("/x", Proxy("gw_read,b1,0,DOWN,Connection refused,\n")).wait_up(BACKENDS, "b1", limit=0)
    with pytest.raises(EdgeError, match="no such server"):
        Edge("/x", Proxy("other,b1,0,UP,,\n")).wait_up(BACKENDS, "b1", limit=0)


def test_draining() -> None:
    proxy = Proxy("gw_read,a1,2,DRAIN,,\n", "gw_read,a1,2,DRAIN,,\n", "gw_read,a1,0,DRAIN,,\n")
    edge = Edge("/x", proxy)
    edge.set_state(BACKENDS, "a1", "drain")
    assert proxy.told == ["set server gw_read/a1 state drain"], "the proxy has only this one of the two"
    assert edge.wait_idle(BACKENDS, "a1", limit=5) == 0


def test_sessions_that_do_not_end_are_counted() -> None:
    assert Edge("/x", Proxy("gw_read,a1,2,DRAIN,,\ngw_write,a1,1,DRAIN,,\n")).wait_idle(BACKENDS, "a1", limit=0) == 3


def test_no_proxy_on_this_host() -> None:
    assert not Edge("/nowhere/admin.sock").here
