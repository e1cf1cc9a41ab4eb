# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis.facts import Facts, Index
from ansible_collections.cryptobot.native.plugins.module_utils.redis.strategy import Wish, foreseen, plan

MB = 1 << 20


def facts(title: str, *version: int, indices: dict | None = None, **more) -> Facts:
    known = {"cluster": False, "databases": 16, "used": 10 * MB, "maxmemory": 0, "run_id": title, "role": "master"}
    return Facts(title=title, product="Redis", version=version, indices=indices or {}, **{**known, **more})


SOURCE = facts("source", 7, 0, 15, indices={0: Index(100, 5), 3: Index(7)})
TARGET = facts("target", 7, 0, 15)


def codes(planned) -> list[str]:
    return [each.code for each in planned.findings]


@pytest.mark.parametrize(
    ("source", "target", "way"),
    [
        ((7, 0, 15), (7, 0, 15), "replica"),
        ((7, 0, 15), (8, 0, 2), "replica"),
        ((7, 0, 1), (7, 0, 15), "replica"),
        ((8, 0, 2), (7, 0, 15), "typewise"),
        ((6, 2, 0), (7, 0, 15), "replica"),
    ],
)
def test_the_way_follows_the_ages(source, target, way):
    planned = plan(replace(SOURCE, version=source), replace(TARGET, version=target), Wish())
    assert (planned.way, codes(planned)) == (way, [])


def test_a_newer_source_can_not_be_followed_even_if_asked():
    planned = plan(replace(SOURCE, version=(8, 0, 2)), TARGET, Wish(way="replica"))
    assert codes(planned) == ["redis-source-newer"]
    assert "8.0.2" in planned.findings[0].text


def test_some_databases_wait_in_spare_ones():
    planned = plan(SOURCE, TARGET, Wish(indices={3: 1}))
    assert (planned.way, planned.final, planned.indices, planned.keys) == ("restore", {3: 1}, {3: 15}, 7)


def test_foreign_keys_are_counted():
    planned = plan(SOURCE, replace(TARGET, indices={0: Index(4), 9: Index(1)}), Wish())
    assert codes(planned) == ["redis-target-not-empty"]
    assert "5 keys" in planned.findings[0].text


def test_our_own_unfinished_replica_is_not_foreign():
    assert not codes(plan(SOURCE, replace(TARGET, indices={0: Index(4)}), Wish(ours=True)))


def test_unfinished_keys_in_the_real_databases_are_foreign_for_the_other_ways():
    planned = plan(SOURCE, replace(TARGET, indices={0: Index(4)}), Wish(ours=True, way="restore"))
    assert codes(planned) == ["redis-target-not-empty"]


def test_what_is_superseded_comes_out_empty():
    planned = plan(SOURCE, replace(TARGET, indices={0: Index(4), 5: Index(1)}), Wish(replace=True))
    assert planned.final == {0: 0, 3: 3, 5: 5}
    assert planned.indices == {0: 15, 3: 14, 5: 13}
    assert not codes(planned)


def test_an_earlier_choice_of_spare_databases_stays():
    there = replace(TARGET, indices={0: Index(4), 12: Index(9), 11: Index(9)})
    planned = plan(SOURCE, there, Wish(replace=True, spare={0: 12, 3: 11}))
    assert planned.indices == {0: 12, 3: 11}


def test_applications_must_not_write_yet():
    assert codes(plan(SOURCE, replace(TARGET, writers=("auth",)), Wish())) == ["redis-target-open"]
    assert not codes(plan(SOURCE, replace(TARGET, writers=("auth",)), Wish(replace=True, closed=False)))


def test_memory_is_looked_at_before():
    planned = plan(SOURCE, replace(TARGET, maxmemory=8 * MB), Wish())
    assert codes(planned) == ["redis-memory"]
    assert "8 MB" in planned.findings[0].text


def test_databases_must_be_enough():
    assert codes(plan(SOURCE, replace(TARGET, databases=2), Wish())) == ["redis-databases"]


def test_types_that_the_target_lacks_are_counted():
    planned = plan(
        replace(SOURCE, version=(8, 0, 2), modules=frozenset({"ReJSON"})),
        TARGET,
        Wish(),
        {"ReJSON-RL": 3, "string": 4, "vectorset": 1},
    )
    assert codes(planned) == ["redis-type-unknown", "redis-type-unknown"]
    assert planned.findings[0].text.startswith("3 keys are of the type ReJSON-RL")


def test_fields_that_expire_need_a_target_that_knows_them():
    source = replace(SOURCE, version=(8, 0, 2), indices={0: Index(9, 0, 2)})
    assert codes(plan(source, TARGET, Wish())) == ["redis-fields-expire"]
    assert not codes(plan(source, replace(TARGET, version=(8, 0, 2)), Wish()))


@pytest.mark.parametrize(("source", "target", "way"), [("Valkey", "Redis", "typewise"), ("Redis", "Valkey", "replica")])
def test_other_products(source, target, way):
    valkey, redis = (8, 1, 0), (7, 0, 15)
    versions = {"Valkey": valkey, "Redis": redis}
    planned = plan(
        replace(SOURCE, product=source, version=versions[source]),
        replace(TARGET, product=target, version=versions[target]),
        Wish(),
    )
    assert planned.way == way


def test_a_server_is_not_copied_onto_itself():
    assert codes(plan(SOURCE, replace(TARGET, run_id="source"), Wish())) == ["redis-same"]


def test_a_server_that_is_not_installed_yet_is_foreseen():
    planned = foreseen(replace(SOURCE, writers=("somebody",)), Wish())
    assert (planned.way, codes(planned), planned.keys) == ("replica", ["redis-target-later"], 107)


def test_a_full_disk_is_refused_with_figures():
    source = replace(SOURCE, info={"used_memory_dataset": str(30 * MB)})
    kept = {"appendonly": "yes", "dir": "/var/lib/redis"}
    planned = plan(source, replace(TARGET, settings=kept, free=20 * MB), Wish())
    assert codes(planned) == ["redis-disk"]
    assert "About 31 MB are needed for the files of target, and 20 MB are free" in planned.findings[0].text
    assert codes(plan(source, replace(TARGET, settings=kept, free=40 * MB), Wish())) == []
    assert codes(plan(source, replace(TARGET, settings={"save": ""}, free=20 * MB), Wish())) == []
