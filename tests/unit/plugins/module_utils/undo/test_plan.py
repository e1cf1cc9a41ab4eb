# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an uninstallation: the order, what stays and why, and that nothing of somebody else's is touched."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.tree import Found as File
from ansible_collections.cryptobot.native.plugins.module_utils.undo.files import without_blocks
from ansible_collections.cryptobot.native.plugins.module_utils.undo.model import (
    Directory,
    Host,
    Package,
    Phase,
    Plan,
    Unit,
)
from ansible_collections.cryptobot.native.plugins.module_utils.undo.plan import HOME, Planner
from ansible_collections.cryptobot.native.plugins.module_utils.undo.record import Entry

OURS = File("file", b"ours\n", "root", "root", 0o644)
THEIRS = File("file", b"theirs\n", "root", "root", 0o644)
ABSENT = File()
PATH = "/etc/x"


def plan(*entries: Entry, keep: bool = True, whole: bool = True, **host: Any) -> Plan:
    return Planner(list(entries), Host(**host), keep, whole).make()


def file(was: File | None = None, is_: File | None = OURS, path: str = PATH, secret: bool = False) -> Entry:
    return Entry("file", path, was.summary(False) if was else None, is_.summary(secret) if is_ else None)


def operations(made: Plan) -> list[str]:
    return [f"{step.operation} {step.change.target}" for step in made.ordered]


def left(made: Plan) -> dict[str, str]:
    return {each.title: each.why for each in made.left}


def test_a_file_that_we_wrote_goes():
    assert operations(plan(file(), files={PATH: OURS})) == [f"unlink {PATH}"]


def test_a_file_that_somebody_changed_is_named_and_left():
    made = plan(file(), files={PATH: THEIRS})
    assert (operations(made), list(left(made))) == ([], [f"file {PATH}"])


def test_a_file_that_we_replaced_gets_back_what_it_held():
    entry = file(was=THEIRS)
    made = plan(entry, files={PATH: OURS}, kept={entry.was["sha256"]: b"theirs\n"})
    (step,) = made.steps
    assert (step.operation, step.content, step.undone) == ("write", b"theirs\n", (entry,))


def test_a_file_whose_first_content_is_lost_is_left():
    assert "was not kept" in left(plan(file(was=THEIRS), files={PATH: OURS}))[f"file {PATH}"]


def test_a_file_that_is_as_it_was_is_passed_over():
    for was, now in ((None, ABSENT), (THEIRS, THEIRS)):
        made = plan(file(was=was), files={PATH: now})
        assert (made.steps, made.left, len(made.settled)) == ([], [], 1)


def test_a_file_that_we_removed_comes_back_unless_there_is_another():
    entry = file(was=THEIRS, is_=None)
    kept = {entry.was["sha256"]: b"theirs\n"}
    assert operations(plan(entry, files={PATH: ABSENT}, kept=kept)) == [f"write {PATH}"]
    assert list(left(plan(entry, files={PATH: OURS}, kept=kept))) == [f"file {PATH}"]


def test_a_secret_counts_as_ours_whatever_it_holds_now():
    assert operations(plan(file(secret=True), files={PATH: THEIRS})) == [f"unlink {PATH}"]


def test_of_a_changed_file_that_is_somebody_elses_our_part_alone_goes():
    block = b"# BEGIN cryptobot: doors\nlocal all\n# END cryptobot: doors\n"
    now = File("file", block + b"theirs\nand more\n", "root", "root", 0o644)
    (step,) = plan(file(was=THEIRS), files={PATH: now}).steps
    assert (step.operation, step.content) == ("write", b"theirs\nand more\n")
    assert without_blocks(b"a\n" + block + b"b\n" + block.replace(b"doors", b"users")) == b"a\nb\n"


def test_everything_is_stopped_before_what_it_uses_goes():
    made = plan(
        Entry("package", "p", None, "1"),
        Entry("user", "u", None, {"name": "u"}),
        file(),
        Entry("unit", "u.service", {"active": False, "enabled": False}, {"active": True, "enabled": True}),
        packages={"p": Package("i", "1")},
        users=frozenset("u"),
        files={PATH: OURS},
        units={"u.service": Unit(active=True)},
    )
    assert [step.phase for step in made.ordered] == [Phase.STOP, Phase.FILES, Phase.ACCOUNTS, Phase.PACKAGES]


def test_a_package_that_something_needs_by_now_stays_and_so_does_what_it_needs():
    packages = {
        "ours": Package("i", "1", (frozenset({"library"}),)),
        "library": Package("i", "1"),
        "single": Package("i", "1"),
        "theirs": Package("i", "1", (frozenset({"virtual", "other"}),)),
        "provider": Package("i", "1", (frozenset({"ours"}),), frozenset({"virtual"})),
    }
    entries = [Entry("package", name, None, "1") for name in ("ours", "library", "single", "provider")]
    made = plan(*entries, packages=packages)
    assert operations(made) == ["purge single"]
    assert left(made) == {
        "package library": "ours needs it",
        "package ours": "provider needs it",
        "package provider": "theirs needs it",
    }


def test_a_package_that_was_there_before_is_not_touched():
    made = plan(Entry("package", "p", "1", "2"), packages={"p": Package("i", "2")})
    assert operations(made) == [] and "older version" in left(made)["package p"]


DATA = "/var/lib/cryptobot-datastores"
DATA_ENTRY = Entry("directory", DATA, None, "root:g 2770")
OWNED = Directory("root:g 2770", (f"{DATA}/bars",), frozenset({"u"}), frozenset({"g"}))
ACCOUNTS = (Entry("user", "u", None, {}), Entry("group", "g", None, "system group"), Entry("user", "v", None, {}))
BOTH = {"users": frozenset("uv"), "groups": frozenset("g")}


def test_data_is_kept_with_the_accounts_that_own_it():
    made = plan(DATA_ENTRY, *ACCOUNTS, directories={DATA: OWNED}, **BOTH)
    assert operations(made) == ["user v"]
    assert list(left(made)) == [f"directory {DATA}", "user u", "group g"]


def test_data_goes_when_that_is_asked_for():
    made = plan(DATA_ENTRY, *ACCOUNTS, keep=False, directories={DATA: OWNED}, **BOTH)
    assert operations(made) == [f"remove {DATA}", "user u", "user v", "group g"] and not made.left


def test_an_empty_directory_holds_no_data():
    assert operations(plan(DATA_ENTRY, directories={DATA: Directory("root:g 2770")})) == [f"remove {DATA}"]


def test_a_directory_of_settings_stays_with_what_somebody_put_there():
    entries = (Entry("directory", "/etc/our", None, "root:root 0755"), file(path="/etc/our/a"))
    directory = Directory("root:root 0755", ("/etc/our/a",))
    made = plan(*entries, files={"/etc/our/a": OURS}, directories={"/etc/our": directory})
    assert operations(made) == ["unlink /etc/our/a", "remove /etc/our"]
    directory = Directory("root:root 0755", ("/etc/our/a", "/etc/our/note"))
    made = plan(*entries, files={"/etc/our/a": OURS}, directories={"/etc/our": directory})
    assert operations(made) == ["unlink /etc/our/a"] and "/etc/our/note" in left(made)["directory /etc/our"]


CLUSTER = "/var/lib/postgresql/15/main"
DATABASE = (
    Entry("package", "postgresql-15", None, "15.1"),
    Entry("postgresql", "cluster", None, {"directory": CLUSTER, "version": 15}),
    Entry("postgresql", "role shop", None, {}),
    Entry("postgresql", "database shop", None, {}),
)
SERVER = {
    "packages": {"postgresql-15": Package("i", "15.1")},
    "directories": {CLUSTER: Directory("postgres:postgres 0700", (f"{CLUSTER}/PG_VERSION",))},
    "roles": frozenset({"postgres", "shop"}),
}


def test_kept_databases_keep_the_settings_of_their_server():
    made = plan(*DATABASE, **SERVER, databases=frozenset({"postgres", "shop"}))
    assert operations(made) == ["uninstall postgresql-15"]
    assert set(left(made)) == {"package postgresql-15", f"directory {CLUSTER}"}


def test_databases_go_with_the_server_that_came_with_us():
    made = plan(*DATABASE, keep=False, **SERVER, databases=frozenset({"postgres", "shop"}))
    assert operations(made) == ["purge postgresql-15", f"nothing {CLUSTER}"] and not made.left


def test_a_server_with_somebody_elses_database_stays_and_ours_is_dropped():
    made = plan(*DATABASE, keep=False, **SERVER, databases=frozenset({"postgres", "shop", "theirs"}))
    assert operations(made) == ["drop database database shop", "drop role role shop"]
    assert "theirs" in left(made)["package postgresql-15"]


def test_what_migrations_put_aside_is_nobody_elses():
    databases = frozenset({"postgres", "shop", "shop__before_20260102T030405"})
    assert not plan(*DATABASE, keep=False, **SERVER, databases=databases).left


def test_a_server_that_does_not_answer_is_not_removed_with_data():
    made = plan(*DATABASE, keep=False, **SERVER, databases=None)
    assert operations(made) == [] and "does not answer" in left(made)["package postgresql-15"]


def test_a_unit_that_stays_reads_its_files_again_and_one_that_goes_does_not():
    entry = Entry("unit", "postgresql@15-main.service", "running", "restarted")
    units = {entry.target: Unit(active=True, enabled=True, package="postgresql-15")}
    assert operations(plan(entry, units=units)) == [f"restart {entry.target}"]
    made = plan(
        entry, Entry("package", "postgresql-15", None, "1"), units=units, packages={"postgresql-15": Package("i", "1")}
    )
    assert operations(made) == ["purge postgresql-15"]


def test_a_mask_stays_as_long_as_its_package():
    mask, package = Entry("unit", "haproxy.service", None, "masked"), Entry("package", "haproxy", None, "2")
    units = {"haproxy.service": Unit(masked=True, package="haproxy")}
    packages = {"haproxy": Package("i", "2"), "theirs": Package("i", "1", (frozenset({"haproxy"}),))}
    assert operations(plan(mask, package, units=units, packages={"haproxy": packages["haproxy"]})) == [
        "purge haproxy",
        "unmask haproxy.service",
    ]
    assert "systemctl unmask" in left(plan(mask, package, units=units, packages=packages))["unit haproxy.service"]


def test_the_record_goes_last_and_only_where_nothing_is_left():
    home = {HOME: Directory("root:root 0755")}
    made = plan(file(), files={PATH: OURS}, directories=home, books=(f"{HOME}/slots.json",))
    assert operations(made) == [f"unlink {PATH}", f"forget {HOME}"]
    made = plan(file(), files={PATH: THEIRS}, directories=home, books=(f"{HOME}/slots.json",))
    assert operations(made) == [f"remove {HOME}/slots.json"] and f"directory {HOME}" in left(made)


def test_of_one_service_neither_the_record_nor_anything_shared_goes():
    home = f"{HOME}/front"
    directories = {home: Directory("u:u 0750"), HOME: Directory("root:root 0755"), DATA: OWNED}
    made = plan(
        *ACCOUNTS[:1], whole=False, directories=directories, homes=(home,), shared=(DATA,), users=frozenset("u")
    )
    assert operations(made) == [f"remove {home}"] and list(left(made)) == ["user u"]


def test_a_setting_of_the_kernel_goes_back_unless_somebody_set_it_since():
    entry = Entry("sysctl", "net.core.somaxconn", "128", "4096")
    assert operations(plan(entry, kernel={entry.target: "4096"})) == ["sysctl net.core.somaxconn"]
    assert list(left(plan(entry, kernel={entry.target: "9"}))) == ["sysctl net.core.somaxconn"]


def test_what_packages_made_goes_after_them_and_with_data_as_asked():
    made = {"made_by": ["redis-tools"]}
    entries = (
        Entry("package", "redis-tools", None, "7"),
        Entry("user", "redis", None, made),
        Entry("directory", "/etc/redis", None, made),
        Entry("directory", "/var/lib/redis", None, made),
    )
    full = Directory("redis:redis 0750", ("/x/a",), frozenset({"redis"}))
    host = {"users": frozenset({"redis"}), "directories": {"/etc/redis": full, "/var/lib/redis": full}}
    there = {"packages": {"redis-tools": Package("i", "7")}}
    removed = plan(*entries, keep=False, **host, **there)
    assert operations(removed) == ["purge redis-tools", "rmdir /etc/redis", "rmtree /var/lib/redis", "user redis"]
    # Gone by somebody else's hand, with files left.
    assert set(left(plan(*entries[1:], **host))) == {"directory /etc/redis", "directory /var/lib/redis"}


def test_releases_in_a_directory_that_was_there_before_go_one_by_one():
    home = "/opt/cryptobot/front"
    release = Entry("release", f"{home}/releases/1", None, "1")
    current = Entry("symlink", f"{home}/current", None, "1")
    files = {current.target: File("link", target="releases/1")}
    made = plan(release, current, files=files, directories={release.target: Directory("root:root 0755")})
    assert operations(made) == [f"unlink {current.target}", f"remove {release.target}"]


def test_a_group_stays_as_long_as_a_user_who_stays_is_in_it():
    entries = (DATA_ENTRY, *ACCOUNTS, Entry("group", "certificates", None, {"made_by": []}))
    groups = frozenset({"g", "certificates"})
    host = {"directories": {DATA: OWNED}, "users": frozenset("uv"), "groups": groups}
    made = plan(*entries, **host, members={"certificates": frozenset({"u"})})
    assert left(made)["group certificates"] == "u, who stays, is in it"
    assert operations(plan(*entries, **host, members={"certificates": frozenset({"v"})}))[-1] == "group certificates"
