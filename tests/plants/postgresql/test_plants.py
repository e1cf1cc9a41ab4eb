"""Every planted difference is found and named exactly, and nothing else is.

pytest tests/plants/postgresql                                  the pairs 15:15 and 15:17, or those that PLANTS_PAIRS names
PLANTS_PAIRS=13:15,16:17 pytest tests/plants/postgresql         others, which are started here (tests/servers/postgresql.py)
PLANTS_PAIRS=host:port-host:port PLANTS_PASSWORD=… pytest …     servers that run already, as their superuser postgres
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import garden as gardens  # noqa: E402
import objects as planted_objects  # noqa: E402
import rows as planted_rows  # noqa: E402
import tables as planted_tables  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import (
    objects as compared,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare import result, run  # noqa: E402

PLANTS = (*planted_rows.PLANTS, *planted_tables.PLANTS, *planted_objects.PLANTS)
PAIRS = os.environ.get("PLANTS_PAIRS", "15:15,15:17").split(",")
SYSTEM_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r'"


@dataclass
class Harvest:
    """What a pair of servers gave: before anything was planted, and after."""

    garden: gardens.Garden
    before: run.DatabaseResult
    after: run.DatabaseResult
    planted: list
    live: run.DatabaseResult | None = None

    @property
    def found(self) -> list[dict]:
        return [each.as_dict() for each in self.after.differences]

    @property
    def expected(self) -> list:
        return [each for plant in self.planted if not plant.intended for each in self.named(plant)]

    def named(self, plant) -> list:
        """Objects are named with the target's roles."""
        owner = self.garden.names["owner"]
        return [type(each)(each.kind, each.object.replace("{owner}", owner), *_rest(each)) for each in plant.expected]


def _rest(expected) -> tuple:
    return expected.columns, expected.key, expected.text


@pytest.fixture(scope="module", params=PAIRS)
def harvest(request) -> Iterator[Harvest]:
    with tempfile.TemporaryDirectory(prefix="plants-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield from _harvest(request.param, Path(folder))


def _harvest(pair: str, folder: Path) -> Iterator[Harvest]:
    servers, addresses = [], []
    if "-" in pair:
        for address in pair.split("-"):
            host, __, port = address.partition(":")
            addresses.append(
                gardens.Address(host, int(port), "postgres", os.environ.get("PLANTS_PASSWORD", "postgres"))
            )
    else:
        starter = gardens.load("servers/postgresql.py", "postgresql_servers")
        for side, version in zip(("source", "target"), pair.split(":"), strict=True):
            server = starter.Server(version, _free_port(), folder / side, {"fsync": "off", "log_min_messages": "error"})
            servers.append(server.start())
            addresses.append(gardens.Address("127.0.0.1", server.port, "postgres", starter.PASSWORD))
    garden = gardens.Garden(*addresses)
    try:
        garden.make()
        before, live = garden.compare(), garden.live()
        planted = garden.plant(PLANTS)
        yield Harvest(garden, before, garden.compare(), planted, live)
    finally:
        if not servers:
            garden.clear()
        for server in servers:
            server.remove()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_no_false_alarm_with_other_settings(harvest):
    assert harvest.before.differences == []
    assert len(harvest.before.tables) > 35 and sum(table.rows for table in harvest.before.tables.values()) > 1900


def test_what_the_catalogue_wants_is_listed_as_intended(harvest):
    assert {(each.kind, each.object) for each in harvest.before.intended if each.kind in ("database", "schema")} >= {
        ("database", "zoo"),
        ("schema", "public"),
    }


def test_rows_that_are_on_their_way_settle(harvest):
    assert harvest.live.differences == []
    assert [harvest.live.tables[name].settled for name in ("zoo.checked", "zoo.typed", "zoo.orders")] == [1, 2, 0]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name.replace(" ", "-"))
def test_plant_is_found_and_named(harvest, plant):
    assert plant in harvest.planted, f"it needs PostgreSQL {plant.since} on both sides"
    where = [each.as_dict() for each in harvest.after.intended] if plant.intended else harvest.found
    for expected in harvest.named(plant):
        assert any(expected.is_(each) for each in where), f"not found: {expected}"


def test_nothing_else_is_named(harvest):
    left = list(harvest.expected)
    for found in harvest.found:
        match = next((each for each in left if each.is_(found)), None)
        assert match is not None, f"nobody has planted this: {found['text']} {found['columns']}"
        left.remove(match)
    assert left == []


def test_without_the_comparison_of_a_kind_its_plants_are_missed(harvest):
    """A test of the tests: no plant is found by luck."""
    kinds = {expected.kind for expected in harvest.expected}
    for kind in kinds:
        found = [each for each in harvest.found if each["kind"] != kind]
        missed = [each for each in harvest.expected if not any(each.is_(other) for other in found)]
        assert {each.kind for each in missed} == {kind}


def test_with_the_comparison_taken_out_nothing_is_found(harvest, monkeypatch):
    monkeypatch.setattr(compared, "compare", lambda *__: compared.Report())
    monkeypatch.setattr(run, "_rows", lambda *__: [])
    monkeypatch.setattr(run.large_objects, "compare", lambda *__: (result.TableResult(), []))
    with pytest.raises(AssertionError):
        test_nothing_else_is_named(Harvest(harvest.garden, harvest.before, harvest.garden.compare(), harvest.planted))


def test_secrets_are_not_shown(harvest):
    text = str([each.as_dict() for each in (*harvest.after.differences, *harvest.after.intended)]) + str(
        harvest.after.as_dict()
    )
    for secret in ("a secret of the mapping", "another secret", "password=secret", "SCRAM-SHA-256$", "for the reader"):
        assert secret not in text


def test_every_table_of_the_catalogue_has_a_plant_or_a_reason(harvest):
    covered = {name for plant in PLANTS for name in plant.catalogues}
    assert not covered & planted_objects.REASONS.keys()
    for address in (harvest.garden.source, harvest.garden.target):
        with address.connect().cursor() as cursor:
            cursor.execute(SYSTEM_TABLES)
            there = {name for (name,) in cursor.fetchall()}
        assert there - covered - planted_objects.REASONS.keys() == set(), "neither planted nor explained"
