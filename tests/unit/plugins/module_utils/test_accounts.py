# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.accounts import (
    AccountsError,
    Directory,
    Found,
    User,
    Wanted,
    gather,
    layout,
    plan,
)
from ansible_collections.cryptobot.native.plugins.module_utils.changes import apply, as_diff, summaries

BARS = "cryptobot-data-bars"
DATA = User("cryptobot-data", home="/var/lib/cryptobot/data", groups=(BARS,))
BARS_DIRECTORY = Directory("/srv/bars", group=BARS, mode="2770")
WANTED = Wanted((BARS,), (DATA,), (BARS_DIRECTORY,))
THERE = Found(frozenset({BARS, DATA.name}), {DATA.name: DATA}, {BARS_DIRECTORY.path: BARS_DIRECTORY})


def commands(wanted: Wanted, found: Found) -> list[str]:
    return [" ".join(command) for change in plan(wanted, found) for command in change.commands]


def test_a_bare_host_gets_groups_before_users_and_users_before_directories():
    assert [words.split()[0] for words in commands(WANTED, Found())] == ["groupadd", "groupadd", "useradd", "install"]
    assert f"--groups {BARS} cryptobot-data" in commands(WANTED, Found())[2]


def test_what_is_as_wanted_stays():
    assert plan(WANTED, THERE) == []


def test_parents_come_before_what_is_in_them():
    wanted = Wanted(directories=(Directory("/a/b"), Directory("/a")))
    assert summaries(plan(wanted, Found())) == ["directory /a", "directory /a/b"]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((), [f"gpasswd --add cryptobot-data {BARS}"]),
        (("cryptobot-data-old", BARS), ["gpasswd --delete cryptobot-data cryptobot-data-old"]),
        (("adm", BARS), []),
    ],
)
def test_only_memberships_in_managed_groups_are_changed(groups, expected):
    wanted = Wanted((BARS, "cryptobot-data-old"), (DATA,))
    there = User(DATA.name, DATA.home, groups=groups)
    found = Found(frozenset({*wanted.groups, DATA.name}), {DATA.name: there})
    assert commands(wanted, found) == expected


def test_a_changed_mode_names_both_rights():
    found = Found(THERE.groups, THERE.users, {"/srv/bars": Directory("/srv/bars", "root", BARS, "0750")})
    (change,) = plan(WANTED, found)
    assert (change.was, change.is_) == (f"root:{BARS} 0750", f"root:{BARS} 2770")


def test_a_file_in_the_way_is_named():
    with pytest.raises(AccountsError, match="/srv/bars exists and is no directory"):
        plan(WANTED, Found(not_directories=frozenset({"/srv/bars"})))


def test_gather_reads_this_host(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    directories = tuple(Directory(str(tmp_path / name)) for name in ("file", "link", "missing"))
    found = gather(Wanted(("root",), (User("no-such-user"),), directories))
    assert found.groups == {"root"} and found.users == {}
    assert set(found.directories) == {str(tmp_path / "link")}
    assert found.not_directories == {str(tmp_path / "file")}


def test_changes_are_recorded_before_they_are_made():
    done = []

    class Record:
        def append(self, kind, target, was, is_):
            done.append((kind, target))

    apply(plan(Wanted((BARS,)), Found()), done.append, Record())
    assert done == [("group", BARS), ("groupadd", "--system", BARS)]


def test_a_diff_has_no_line_for_what_is_not_there():
    diff = as_diff(plan(Wanted((BARS,)), Found()), "accounts")
    assert (diff["before"], diff["after"]) == ("", f"group {BARS}: system group\n")


def test_the_layout_gives_shared_directories_to_their_users_alone():
    catalogue = {
        "hosts": {"app": {"services": ["data", "auth"]}, "database": {"services": []}},
        "services": {name: {"name": name, "user": f"cryptobot-{name}"} for name in ("data", "auth")},
        "datastores": {
            "bars": {"name": "bars", "kind": "directory", "users": ["data"]},
            "auth": {"name": "auth", "kind": "postgresql", "users": ["auth"]},
        },
    }
    made = layout(catalogue, "app")
    assert {user["name"]: user["groups"] for user in made["users"]} == {
        "cryptobot-data": [BARS],
        "cryptobot-auth": [],
        "cryptobot-migrate": [],
    }
    assert {"path": "/var/lib/cryptobot-datastores/bars", "owner": "root", "group": BARS, "mode": "2770"} in made["directories"]
    bare = layout(catalogue, "database")
    assert not bare["users"] and "/opt/cryptobot" not in {each["path"] for each in bare["directories"]}
