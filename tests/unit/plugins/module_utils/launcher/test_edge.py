"""The proxy's launcher: what it reads of HAProxy's master, and what it carries over a re-execution."""

from __future__ import annotations

import os
from pathlib import Path

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


def test_variables_of_the_configuration_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.os, "environ", {})
    file = tmp_path / "containers"
    edge.variables(str(file))
    assert edge.os.environ == {edge.VARIABLES: str(file)}, "without the file the configuration's own defaults hold"
    file.write_text("AUTH_WEB_CONTAINER=172.18.0.4:8000\n\nOTHER=1=2\n")
    edge.variables(str(file))
    assert edge.os.environ["AUTH_WEB_CONTAINER"] == "172.18.0.4:8000" and edge.os.environ["OTHER"] == "1=2"
    edge.variables("")


def test_a_configuration_whose_maps_are_not_there_yet_is_not_checked(tmp_path: Path) -> None:
    assert edge.check(str(tmp_path / "listen"), ["false"], str(tmp_path / "containers")) == 0


def test_a_reload_waits_for_a_change_of_the_maps(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert edge.lock(str(file), 0.1) == -1, "there is nothing to wait for"
    file.touch()
    held = edge.lock(str(file), 0.1)
    assert held is not None and edge.lock(str(file), 0.1) is None
    os.close(held)
    again = edge.lock(str(file), 0.1)
    assert again
    os.close(again)
