"""Datastores that groups share: who uses them where they were, which group comes first, and what starts anew when they move."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.filter.migration import moving
from ansible_collections.cryptobot.native.plugins.module_utils.launcher import process
from ansible_collections.cryptobot.native.plugins.module_utils.launcher import sides as launcher_sides
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sides import Record, is_lent, refusal
from ansible_collections.cryptobot.native.plugins.module_utils.migration import mapping, published, turns, windowed
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides, Writer, outline
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.wishes import wishes
from ansible_collections.cryptobot.native.plugins.module_utils.redis.layout import users
from ansible_collections.cryptobot.native.plugins.module_utils.units.catalogue import units
from tests.unit.plugins.module_utils.migration.test_windowed import COMPOSE, GIVEN, WORKER, resolved

BORROWED = "redis://orders@127.0.0.1:26379/0"
OWN = "redis://orders@127.0.0.1:6379/0"
UNITS = ["cryptobot-orders-web@1.service", "cryptobot-orders-web@2.service"]
WORKERS = ["cryptobot-orders-worker@1.service", "cryptobot-orders-worker@2.service"]


@pytest.fixture
def given() -> dict[str, Any]:
    """Two groups; the Redis of both moves with the second."""
    found = copy.deepcopy(GIVEN)
    found["datastores"]["cache"] = {
        "kind": "redis", "moves_with": "second", "access_port": 26379, "docker": {"service": "redis"}
    }  # fmt: skip
    for name in ("orders", "ledger"):
        found["services"][name]["uses"]["cache"] = {"prefix": f"{name}:"}
        found["services"][name]["environment"] = {"REDIS_URL": "{datastores.cache.url}", "PLAIN": "1"}
    found["services"]["orders"]["processes"]["worker"] = copy.deepcopy(WORKER)
    return found


@pytest.fixture
def catalogue(given: dict[str, Any]) -> dict[str, Any]:
    return resolved(given)


def sides(orders: str = "docker", ledger: str = "docker", cache: str = "docker", standby: tuple[str, ...] = ()) -> dict[str, Any]:
    groups = {"first": orders, "second": ledger}
    return {"groups": groups, "datastores": {"cache": cache, "orders": orders, "ledger": ledger}, "standby": list(standby)}


def record(orders: str, cache: str, standby: tuple[str, ...] = ()) -> Record:
    return Record({"first": orders}, {"cache": {"writer": cache}, "orders": {"writer": orders}}, standby)


def test_it_moves_with_its_group_alone(catalogue: dict[str, Any]) -> None:
    assert moving(catalogue, "first", True) == {
        "groups": ["first"], "datastores": ["orders"], "writers": ["orders", "orders-worker"], "refusals": []
    }  # fmt: skip
    assert moving(catalogue, "second", True)["datastores"] == ["cache", "ledger"]
    assert mapping.stores(catalogue, COMPOSE, "first")["redis"] == []
    assert [each["datastore"] for each in windowed.window(catalogue, COMPOSE, "second")["caches"]] == ["cache"]
    assert "used by ledger too" in " ".join(moving(catalogue, "first")["refusals"])


def test_without_a_port_it_is_not_lent(given: dict[str, Any]) -> None:
    del given["datastores"]["cache"]["access_port"]
    assert "give it an access_port in the catalogue" in " ".join(moving(resolved(given), "first", True)["refusals"])


@pytest.mark.parametrize(
    ("group", "to", "now", "said"),
    [
        ("first", "native", sides(), ""),
        ("second", "native", sides(), "cut_over -e migration_group=first"),
        ("second", "native", sides(orders="native"), ""),
        ("second", "docker", sides("native", "native", "native"), ""),
        ("first", "docker", sides("native", "native", "native"), "rollback -e migration_group=second"),
        ("first", "docker", sides(orders="native"), ""),
        ("all", "native", sides(), ""),
    ],
)
def test_which_group_comes_first(catalogue: dict[str, Any], group: str, to: str, now: dict[str, Any], said: str) -> None:
    found = turns.in_the_way(catalogue, group, now, to)
    assert bool(found) is bool(said) and said in " ".join(found)


def test_who_starts_anew_when_it_moves(catalogue: dict[str, Any]) -> None:
    nobody = {"groups": [], "units": [], "others": []}
    assert windowed.borrowing(catalogue, "second") == {
        "groups": ["first"], "units": UNITS, "others": WORKERS
    }  # fmt: skip
    assert windowed.borrowing(catalogue, "first") == nobody
    assert windowed.borrowing(catalogue, "all") == nobody


def test_who_is_let_in(catalogue: dict[str, Any]) -> None:
    found = windowed.guests(catalogue, COMPOSE, "first")
    assert [(each["datastore"], each["server"]) for each in found] == [
        ("cache", {"container": {"project": "shop", "service": "redis"}})
    ]
    (user,) = found[0]["users"]
    assert user["name"] == "orders" and "~orders:*" in user["rules"]
    assert windowed.guests(catalogue, COMPOSE, "second") == []
    assert windowed.guests(catalogue, COMPOSE, "all") == found, "whoever goes back with all leaves none"


def test_a_process_is_told_of_both_places(catalogue: dict[str, Any]) -> None:
    made = {one["name"]: one for one in units(catalogue, "platform", None, sides() | {"services": {}})}
    orders, ledger = made[UNITS[0]], made["cryptobot-ledger-web@1.service"]
    assert BORROWED in orders["exec_start"] and "PLAIN" not in orders["exec_start"].partition("--lent")[2].partition("}}")[0]
    assert "tcp://127.0.0.1:26379" in orders["exec_start"] and "--group first" in orders["exec_start"]
    assert orders["condition"].endswith("--group first --datastore orders --lent cache")
    assert "--lent" not in ledger["exec_start"] and ledger["condition"].endswith("--datastore cache --datastore ledger")
    assert catalogue["services"]["orders"]["environment"]["REDIS_URL"] == OWN
    plain = units(catalogue, "platform", None, None)
    assert not [one for one in plain if "--lent" in one["exec_start"]]


@pytest.mark.parametrize(
    ("orders", "cache", "standby", "lent"),
    [
        ("native", "docker", (), True),
        ("native", "native", (), False),
        # It stands by: on Docker's where its group goes alone, on the copy where all go together.
        ("docker", "docker", ("first",), True),
        ("docker", "docker", ("first", "second"), False),
        # It is native already, and the other group is about to follow.
        ("native", "docker", ("first", "second"), True),
    ],
)
def test_where_it_is_at_a_start(orders: str, cache: str, standby: tuple[str, ...], lent: bool) -> None:
    assert is_lent(record(orders, cache, standby), "first", "cache", "second") is lent


def test_it_starts_wherever_that_is_but_not_while_nobody_writes() -> None:
    for cache in ("docker", "native"):
        assert refusal(record("native", cache), "first", ["orders"], False, ["cache"]) == ""
    assert "cache is the side `none`" in refusal(record("native", "none"), "first", ["orders"], False, ["cache"])
    assert refusal(record("docker", "none", ("first",)), "first", ["orders"], False, ["cache"]) != ""


def test_the_side_of_its_service(catalogue: dict[str, Any]) -> None:
    def side(group: str, cache: str, own: str) -> str:
        writers = {"cache": Writer(cache), "orders": Writer(own), "ledger": Writer("docker")}
        return Sides({"first": group, "second": "docker"}, writers).fact(outline(catalogue))["services"]["orders"]

    assert (side("native", "docker", "native"), side("native", "native", "native")) == ("native", "native")
    assert (side("docker", "docker", "docker"), side("docker", "native", "docker")) == ("docker", "none")
    assert side("native", "none", "native") == "none"


def test_natively_it_is_let_in_when_the_group_stands_by_that_moves_it(catalogue: dict[str, Any]) -> None:
    def open_users(*standby: str) -> list[str]:
        return [user["name"] for user in users(catalogue, "platform", sides=sides(standby=standby)) if user["open"]]

    assert open_users("first") == [] and open_users("second") == ["ledger", "orders"]


def test_a_process_sees_the_record_that_it_was_let_start_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tmp_path / "shown"
    monkeypatch.setattr(launcher_sides.show, "__defaults__", (shown,))
    monkeypatch.setattr(launcher_sides, "SHOWN", shown)
    words = ["--group", "first", "--datastore", "orders", "--lent", "cache", "--directory", str(tmp_path)]
    Sides({"first": "docker"}, {"orders": Writer("docker"), "cache": Writer("docker")}, tmp_path).save()
    assert launcher_sides.main(words) == 1 and not shown.exists()
    Sides({"first": "native"}, {"orders": Writer("native"), "cache": Writer("docker")}, tmp_path).save()
    assert launcher_sides.main(words) == 0
    assert (shown / "sides.json").stat().st_mode & 0o777 == 0o644

    monkeypatch.delenv("REDIS_URL", raising=False)
    lent = {"datastore": "cache", "group": "second", "address": "tcp://127.0.0.1:26379", "environment": {"REDIS_URL": BORROWED}}
    given = ["--group", "first", "--after", "cache=tcp://127.0.0.1:6379", "--lent", json.dumps(lent)]
    options = process.parser().parse_args(given)
    process.use_what_is_lent(options)
    assert (os.environ.pop("REDIS_URL"), options.after) == (BORROWED, [("cache", "tcp://127.0.0.1:26379")])

    Sides({"first": "native"}, {"orders": Writer("native"), "cache": Writer("native")}, tmp_path).save()
    assert launcher_sides.main(words) == 0
    options = process.parser().parse_args(given)
    process.use_what_is_lent(options)
    assert "REDIS_URL" not in os.environ and options.after == [("cache", "tcp://127.0.0.1:6379")]


def test_the_port_of_its_front_end_must_be_free(catalogue: dict[str, Any]) -> None:
    wanted = [one for one in published.needed(catalogue, "platform", []) if one["kind"] == published.ACCESS]
    assert wanted == [{"port": 26379, "kind": "access", "owner": "the access to cache"}]
    (said,) = published.clashes({26379: "redis"}, wanted)
    assert "redis publishes port 26379 of this host, where the access to cache listens natively" in said
    mine = next(one for one in wishes(catalogue, "platform", [8000])["ports"] if one["kind"] == published.ACCESS)
    assert (mine["port"], mine["address"]) == (26379, "*")
    assert not [one for one in wishes(catalogue, "platform", [])["ports"] if one["kind"] == published.ACCESS]
