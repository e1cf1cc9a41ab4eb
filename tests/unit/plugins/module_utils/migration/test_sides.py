"""The record of sides: what it says without a file, that it never lets two write, and what starts by it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher import sides as condition
from ansible_collections.cryptobot.native.plugins.module_utils.migration import published, sides
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import Sides, SidesError

CATALOGUE = {
    "migration_groups": ["supporting", "critical"],
    "datastores": {"auth": {}, "redis": {}},
    "services": {
        "auth": {"migration_group": "supporting", "uses": {"auth": {}, "redis": {}}},
        "page": {"migration_group": "supporting", "uses": {}},
        "trade": {"migration_group": "critical", "uses": {"redis": {}}},
    },
}
COMPOSE = {"project": "cryptobot"}


def read(directory: Path, compose: dict | None = COMPOSE) -> Sides:
    return Sides.read(directory, CATALOGUE, compose)


def test_without_a_record_all_is_docker_where_a_project_is_given_and_native_where_none_is(tmp_path: Path) -> None:
    assert set(read(tmp_path).fact(CATALOGUE)["services"].values()) == {"docker"}
    assert set(read(tmp_path, None).fact(CATALOGUE)["services"].values()) == {"native"}
    assert list(tmp_path.iterdir()) == []


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    directory = tmp_path / "record"
    made = (
        read(directory)
        .with_writer("auth", "none", "20260102T030405", "2026-01-02T03:04:05+00:00")
        .with_group("supporting", "none")
    )
    made.save()
    assert read(directory) == made
    assert (directory / "sides.json").stat().st_mode & 0o777 == 0o644
    assert directory.stat().st_mode & 0o777 == 0o700
    document = json.loads((directory / "sides.json").read_text())
    assert document["datastores"]["auth"] == {
        "writer": "none",
        "run": "20260102T030405",
        "since": "2026-01-02T03:04:05+00:00",
    }
    assert document["version"] == 1
    assert [path.name for path in directory.iterdir()] == ["sides.json"]


def test_a_record_outlives_a_change_of_the_catalogue(tmp_path: Path) -> None:
    read(tmp_path).with_writer("auth", "none").save()
    smaller = CATALOGUE | {"datastores": {"redis": {}, "new": {}}}
    seen = Sides.read(tmp_path, smaller, COMPOSE)
    assert (seen.writer("auth"), seen.writer("new")) == ("none", "docker")
    seen.save()
    assert read(tmp_path).writer("auth") == "none"


@pytest.mark.parametrize(("was", "is_"), [("docker", "native"), ("native", "docker")])
def test_a_writer_goes_by_way_of_none(tmp_path: Path, was: str, is_: str) -> None:
    there = read(tmp_path).with_writer("auth", "none").with_writer("auth", was)
    with pytest.raises(SidesError, match="there would be two"):
        there.with_writer("auth", is_)
    assert there.with_writer("auth", "none").with_writer("auth", is_).writer("auth") == is_


def test_the_same_writer_keeps_its_run_and_time(tmp_path: Path) -> None:
    there = read(tmp_path).with_writer("auth", "none", "one", "then")
    assert there.with_writer("auth", "none", "two") == there


def test_names_and_sides_are_checked(tmp_path: Path) -> None:
    there = read(tmp_path)
    for wrong in (
        lambda: there.writer("auht"),
        lambda: there.with_group("auht", "none"),
        lambda: there.with_writer("auth", "both"),
    ):
        with pytest.raises(SidesError, match=r"auht is no|both is no side"):
            wrong()


def test_a_service_is_native_when_its_group_and_all_its_datastores_are(tmp_path: Path) -> None:
    there = read(tmp_path).with_group("supporting", "native")
    assert [there.service(CATALOGUE["services"][name]) for name in ("auth", "page", "trade")] == [
        "none",
        "native",
        "docker",
    ]
    for store in ("auth", "redis"):
        there = there.with_writer(store, "none").with_writer(store, "native")
    assert [there.service(CATALOGUE["services"][name]) for name in ("auth", "page", "trade")] == [
        "native",
        "native",
        "none",
    ]


def test_changes_are_named(tmp_path: Path) -> None:
    before = read(tmp_path)
    after = before.with_group("critical", "none").with_writer("redis", "none")
    assert after.changes_from(before) == [
        ("side", "group critical", "docker", "none"),
        ("side", "datastore redis", "docker", "none"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": 2, "groups": {}, "datastores": {}}',
        '{"version": 1, "groups": {"a": "both"}, "datastores": {}}',
    ]
    + ['{"version": 1, "groups": {}}', '{"version": 1, "groups": {}, "datastores": {"auth": {}}}', "null"],
)
def test_a_damaged_record_stops_everything(tmp_path: Path, text: str) -> None:
    (tmp_path / "sides.json").write_text(text)
    with pytest.raises(SidesError, match="cannot be read"):
        read(tmp_path)
    assert condition.main(["--group", "supporting", "--directory", str(tmp_path)]) == 1


def start(directory: Path, *datastores: str) -> int:
    words = [word for name in datastores for word in ("--datastore", name)]
    return condition.main(["--group", "supporting", *words, "--directory", str(directory)])


def test_a_unit_starts_only_when_all_it_needs_is_native(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert start(tmp_path) == 1
    there = read(tmp_path).with_group("supporting", "native")
    there.save()
    assert (start(tmp_path), start(tmp_path, "auth"), start(tmp_path, "unheard-of")) == (0, 1, 1)
    assert "the writer of the datastore auth is the Docker side" in capsys.readouterr().err
    there.with_writer("auth", "none").with_writer("auth", "native").save()
    assert (start(tmp_path, "auth"), start(tmp_path, "auth", "redis")) == (0, 1)


def test_a_play_without_a_project_stops_where_the_host_knows_one(tmp_path: Path) -> None:
    assert sides.undeclared(tmp_path) == ""
    there = read(tmp_path).with_writer("auth", "none")
    there.save()
    assert "auth, critical, redis, supporting are not on the native side" in sides.undeclared(tmp_path)
    for group in CATALOGUE["migration_groups"]:
        there = there.with_group(group, "native")
    for store in CATALOGUE["datastores"]:
        there = there.with_writer(store, "none").with_writer(store, "native")
    there.save()
    assert sides.undeclared(tmp_path) == ""
    (tmp_path / "adoption.json").touch()
    assert "ports of containers are adopted" in sides.undeclared(tmp_path, tmp_path / "adoption.json")


def test_without_the_fact_everything_is_native() -> None:
    assert sides.is_native({}, "services", "auth") and sides.is_native(None, "datastores", "auth")
    fact = {"services": {"auth": "native", "trade": "none"}}
    assert [sides.is_native(fact, "services", name) for name in ("auth", "trade", "new")] == [True, False, False]


def test_the_outline_gives_the_same_sides(tmp_path: Path) -> None:
    there = read(tmp_path).with_group("critical", "none")
    assert there.fact(sides.outline(CATALOGUE)) == there.fact(CATALOGUE)


def test_reserved_ports_are_spelt_as_the_kernel_spells_them() -> None:
    assert published.reserved([8000, 8001, 8002, 8010], "") == "38000-38002,38010"
    assert published.reserved([8000], "38001,40000-40002") == "38000-38001,40000-40002"
    assert published.reserved([], "40000") == "" and published.reserved([60000], "1") == ""


def test_ports_that_both_sides_need_are_named() -> None:
    wanted = [
        {"port": 8000, "kind": "public", "owner": "auth-web"},
        {"port": 28000, "kind": "internal", "owner": "auth-web"},
        {"port": 6379, "kind": "server", "owner": "Redis"},
    ]
    assert published.clashes({8000: "auth-service", 15432: "postgres"}, wanted) == []
    (one,) = published.clashes({6379: "redis"}, wanted)
    assert "The Compose service redis publishes port 6379 of this host, where Redis listens natively" in one
    (one,) = published.clashes({8000: "auth-service", 38000: "other"}, wanted)
    assert "The Compose service other publishes port 38000" in one
