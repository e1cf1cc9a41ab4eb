"""The proxy's launcher: what it reads of HAProxy's master, and what it carries over a re-execution."""

from __future__ import annotations

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher import edge

# As HAProxy 2.6 prints it.
PROC = """#<PID>          <type>          <reloads>       <uptime>        <version>
1226            master          1               0d00h12m01s     2.6.12-1+deb12u4
# workers
1301            worker          0               0d00h00m03s     2.6.12-1+deb12u4
# old workers
1228            worker          1               0d00h12m01s     2.6.12-1+deb12u4
# programs

"""


def test_the_workers_in_charge() -> None:
    assert edge.workers(PROC) == {1301}


def test_a_master_between_two_lives() -> None:
    with pytest.raises(OSError, match="executing itself again"):
        edge.workers("#<PID> <type>\n1226 master\n")


def test_sockets_are_carried_by_the_environment() -> None:
    assert edge.carried({edge.KEPT: "entrance=3 auth_web_public=9"}) == [("entrance", 3), ("auth_web_public", 9)]
    assert edge.carried({}) == []
