# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.changes import as_diff, summaries
from ansible_collections.cryptobot.native.plugins.module_utils.packages import (
    Found,
    PackagesError,
    Plan,
    Wanted,
    brought,
    differences,
    known_units,
    lists_age,
    interrupted,
    lock_holder,
    parse_simulation,
    parse_status,
    plan,
    predicted,
    wait_for_locks,
)

FRESH = 1.0


def test_nothing_missing_fetches_nothing_and_masks_nothing():
    found = Found({"haproxy": "2.6"}, lists_age=None)
    assert plan(Wanted(("haproxy",), mask=("haproxy.service",)), found) == Plan()


def test_a_missing_package_is_masked_before_its_first_start():
    planned = plan(Wanted(("haproxy",), mask=("haproxy.service",)), Found(lists_age=FRESH))
    assert planned == Plan(missing=("haproxy",), mask=("haproxy.service",))


def test_a_unit_that_is_there_already_is_not_masked():
    found = Found(units=frozenset({"nginx.service"}), lists_age=FRESH)
    assert plan(Wanted(("nginx",), mask=("nginx.service",)), found).mask == ()


@pytest.mark.parametrize(("age", "update"), [(None, True), (25.0, True), (FRESH, False)])
def test_lists_are_fetched_when_absent_or_old(age, update):
    assert plan(Wanted(("redis-server",)), Found(lists_age=age)).update_first is update


@pytest.mark.parametrize(
    ("installed", "missing"), [({"chrony": "4.3"}, ()), ({"systemd-timesyncd": "252"}, ()), ({}, ("systemd-timesyncd",))]
)
def test_any_alternative_will_do(installed, missing):
    assert plan(Wanted(("systemd-timesyncd | chrony",)), Found(installed, lists_age=FRESH)).missing == missing


def test_check_mode_without_lists_says_what_it_can_not_know():
    changes = predicted(Plan(missing=("redis-server",), update_first=True), Found(), None)
    assert "not knowable before apt update" in as_diff(changes, "packages")["after"]


def test_check_mode_with_lists_names_dependencies_and_upgrades():
    changes = predicted(Plan(missing=("a",)), Found({"lib": "1"}), [("a", "2"), ("lib", "1.1")])
    assert [(each.target, each.was, each.is_) for each in changes] == [("a", None, "2"), ("lib", "1", "1.1")]


def test_an_interrupted_dpkg_is_finished_first():
    versions, unfinished = parse_status("ii \tbash\t5.2\niF \tredis-server:amd64\t7.0\nrc \told\t1\nhi \theld\t3\n")
    assert versions == {"bash": "5.2", "held": "3"}
    assert plan(Wanted(), Found(versions, unfinished)).changed


def test_triggers_that_a_killed_dpkg_left_are_unfinished_too():
    versions, unfinished = parse_status("iW \tman-db\t2\nit \tlibc-bin\t3\n")
    assert versions == {"man-db": "2", "libc-bin": "3"}
    assert unfinished == ("man-db", "libc-bin")


def test_notes_that_a_killed_dpkg_left_are_worked_off(tmp_path):
    assert not interrupted(tmp_path)
    (tmp_path / "tmp.i").touch()
    assert not interrupted(tmp_path)
    (tmp_path / "0003").touch()
    assert interrupted(tmp_path)
    planned = plan(Wanted(), Found(interrupted=True))
    assert planned.changed
    assert [change.title for change in predicted(planned, Found(), [])] == ["dpkg notes of an interrupted run"]


def test_what_apt_simulates_is_read():
    output = "Reading…\nInst libpq5 [15.1] (15.8-0 Debian:12/stable [amd64])\nInst redis-server (5:7.0.15-1 Debian:12)\nConf x\n"
    assert parse_simulation(output) == [("libpq5", "15.8-0"), ("redis-server", "5:7.0.15-1")]


def test_the_record_names_dependencies_too():
    assert summaries(differences({"a": "1", "b": "1"}, {"a": "1", "b": "2", "c": "1"})) == ["package b", "package c"]


def test_lists_have_no_age_where_there_are_none(tmp_path):
    (tmp_path / "partial").mkdir()
    assert lists_age(tmp_path) is None
    (tmp_path / "deb.debian.org_dists_bookworm_main_binary-amd64_Packages.lz4").touch()
    assert lists_age(tmp_path) == pytest.approx(0, abs=0.1)


def test_masked_units_count_as_known(tmp_path):
    (tmp_path / "haproxy.service").symlink_to("/dev/null")
    assert known_units(["haproxy.service", "nginx.service"], [str(tmp_path)]) == {"haproxy.service"}


def test_the_holder_of_a_lock_is_named(tmp_path):
    lock = tmp_path / "lock"
    code = "import fcntl, sys\nf = open(sys.argv[1], 'w')\nfcntl.lockf(f, fcntl.LOCK_EX)\nprint(flush=True)\nsys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        assert lock_holder(str(lock)).startswith(f"process {holder.pid} (python")
        holder.stdin.close()
    assert lock_holder(str(lock)) is None
    assert lock_holder(os.path.join(tmp_path, "missing")) is None


def test_waiting_ends_with_a_sentence():
    slept = []
    with pytest.raises(PackagesError, match=r"process 7 \(apt-get\) has held /lock for the 3 s"):
        wait_for_locks(3, ["/lock"], lambda path: "process 7 (apt-get)", slept.append)
    assert len(slept) == 3


def test_a_lock_that_is_let_go_is_waited_for():
    answers = iter(["process 7 (apt)", None])
    wait_for_locks(3, ["/lock"], lambda path: next(answers), lambda seconds: None)


def test_what_an_installation_brought_is_told_with_the_packages_that_made_it():
    before = {"user": frozenset({"root"}), "group": frozenset(), "directory": frozenset({"/etc/x"})}
    after = {"user": frozenset({"root", "redis"}), "group": frozenset({"ssl-cert"}), "directory": frozenset({"/etc/x", "/etc/redis", "/var/log/apt"})}
    scripts = {"redis-tools": "adduser redis", "ssl-cert": "addgroup ssl-cert", "libssl-cert": "", "redis-server": "/etc/redis/redis.conf"}
    told = [(change.kind, change.target, change.is_["made_by"]) for change in brought(before, after, scripts)]
    assert told == [
        ("user", "redis", ["redis-server", "redis-tools"]),
        ("group", "ssl-cert", ["ssl-cert"]),
        ("directory", "/etc/redis", ["redis-server"]),
    ]
