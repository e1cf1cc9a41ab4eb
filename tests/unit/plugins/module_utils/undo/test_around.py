# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of an uninstallation, and what it says at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.undo.packages import parse
from ansible_collections.cryptobot.native.plugins.module_utils.undo.sides import obstacle
from ansible_collections.cryptobot.native.plugins.module_utils.undo.table import table

NO_ADOPTION = Path("/nonexistent/adoption.json")


def sides(folder: Path, group: str, writer: str, standby: tuple[str, ...] = ()) -> Path:
    document = {"version": 1, "groups": {"core": group}, "datastores": {"shop": {"writer": writer}}, "standby": standby}
    (folder / "sides.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize(
    ("group", "writer", "standby"),
    [("native", "native", ()), ("docker", "native", ()), ("none", "docker", ()), ("docker", "docker", ("core",))],
)
def test_while_the_native_side_has_something_to_lose_it_says_to_roll_back_first(tmp_path, group, writer, standby):
    assert "cryptobot.native.rollback" in obstacle(True, sides(tmp_path, group, writer, standby), NO_ADOPTION)


def test_with_everything_in_docker_nothing_is_in_the_way(tmp_path):
    assert obstacle(True, tmp_path, NO_ADOPTION) == ""
    assert obstacle(True, sides(tmp_path, "docker", "docker"), NO_ADOPTION) == ""


def test_adopted_ports_are_given_back_first(tmp_path):
    (adoption := tmp_path / "adoption.json").touch()
    assert "release_ports" in obstacle(True, tmp_path, adoption)


def test_a_project_that_the_inventory_does_not_name_is_asked_for(tmp_path):
    assert "cryptobot_compose" in obstacle(False, sides(tmp_path, "docker", "docker"), NO_ADOPTION)
    assert obstacle(False, sides(tmp_path, "native", "native"), NO_ADOPTION) == ""


def test_dependencies_are_read_as_dpkg_tells_them():
    found = parse("a\tii \t1\tb (>= 2) | c:any, d\te\tmail (= 1), x\nrest\trc \t1\t\t\t\ngone\tun \t\t\t\t\n")
    assert found["a"].needs == (frozenset({"b", "c"}), frozenset({"d"}), frozenset({"e"}))
    assert (found["a"].state, found["rest"].state, found["a"].provides) == ("i", "r", frozenset({"mail", "x"}))
    assert "gone" not in found


ASKED = {"check": False, "data": "kept", "service": "", "role": ""}
RESULT = {
    "removed": {"file": 2, "package": 1},
    "stopped": ["a.service"],
    "put_back": ["file /etc/x"],
    "left": [{"title": "directory /d", "why": "data"}],
}


def test_the_table_names_what_went_what_is_left_and_the_next_command():
    lines = table(RESULT, ASKED)
    assert lines[:4] == [
        "stopped: a.service",
        "removed: 2 file, 1 package",
        "put back: file /etc/x",
        "left: directory /d  data",
    ]
    assert "uninstall_data=removed" in lines[-1] and "cryptobot.native.site" in lines[-1]


def test_a_prediction_ends_with_the_command_that_does_it():
    lines = table(RESULT, ASKED | {"check": True, "data": "removed", "service": "shop"})
    assert lines[0] == "to be stopped: a.service"
    assert lines[-1].endswith("-e uninstall_service=shop -e uninstall_data=removed -e uninstall_confirm=true")


def test_where_nothing_is_left_there_is_nothing_to_be_done():
    nothing = {"removed": {}, "stopped": [], "put_back": [], "left": []}
    assert table(nothing, ASKED)[1:] == [
        "removed: nothing",
        "next: nothing; ansible-playbook cryptobot.native.site installs again",
    ]
