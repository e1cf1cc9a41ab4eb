"""A database that groups share is lent by roles of its own, which stay where they are."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.filter.guest_passwords import packed
from ansible_collections.cryptobot.native.plugins.filter.migration import moving
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import required_secrets
from ansible_collections.cryptobot.native.plugins.module_utils.migration import windowed
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import guests, scram
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence import travel
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import unpack
from ansible_collections.cryptobot.native.plugins.module_utils.units.catalogue import units
from tests.unit.plugins.module_utils.migration.test_windowed import COMPOSE, GIVEN, resolved

ROLE = "migration_guest_orders"
URL = f"postgresql://{ROLE}@127.0.0.1:25432/shop_db"
VERSION = 150000


@pytest.fixture
def given() -> dict[str, Any]:
    """Two groups; the one database of both moves with the second."""
    found = copy.deepcopy(GIVEN)
    place = {"service": "postgres", "database": "shop_db"}
    found["datastores"] = {"shop": {"kind": "postgresql", "moves_with": "second", "access_port": 25432, "docker": place}}
    for name in ("orders", "ledger"):
        found["services"][name]["uses"] = {"shop": {}}
        found["services"][name]["environment"] = {"DATABASE_URL": "{datastores.shop.url}"}
    return found


def test_it_moves_with_its_group_alone(given: dict[str, Any]) -> None:
    catalogue = resolved(given)
    assert moving(catalogue, "first", True)["datastores"] == []
    assert moving(catalogue, "first", True)["refusals"] == []
    assert moving(catalogue, "second", True)["datastores"] == ["shop"]
    del given["datastores"]["shop"]["access_port"]
    assert "give it an access_port" in " ".join(moving(resolved(given), "first", True)["refusals"])


def test_a_process_is_told_of_both_places(given: dict[str, Any]) -> None:
    catalogue = resolved(given)
    sides = {"groups": {"first": "docker", "second": "docker"}, "datastores": {"shop": "docker"}, "services": {}}
    made = {one["name"]: one for one in units(catalogue, "platform", None, sides)}
    orders = made["cryptobot-orders-web@1.service"]
    assert URL in orders["exec_start"] and "tcp://127.0.0.1:25432" in orders["exec_start"]
    assert "--passfile pgpass" in orders["exec_start"] and "pgpass" in orders["credentials"]
    assert catalogue["services"]["orders"]["environment"]["DATABASE_URL"] == "postgresql://orders@/shop?host=/run/postgresql"
    assert "pgpass" not in made["cryptobot-ledger-web@1.service"]["credentials"], "on this host it needs no password"


def test_it_needs_a_password_for_the_container_alone(given: dict[str, Any]) -> None:
    secrets = resolved(given)["services"]["orders"]["secrets"]
    assert secrets["pgpass"]["rendered_from"] == [
        {"host": "127.0.0.1", "port": 25432, "user": ROLE, "database": "shop_db", "password": "postgresql_password"}
    ]
    assert secrets["postgresql_password"]["as"] == "none"
    assert "postgresql_password" not in resolved(given)["services"]["ledger"]["secrets"]


def test_secrets_are_told_while_the_catalogue_has_findings(given: dict[str, Any]) -> None:
    catalogue = copy.deepcopy(resolved_input(given))
    del catalogue["datastores"]["shop"]["moves_with"]
    groups = frozenset({"cryptobot", "cryptobot_app"})
    found = required_secrets(catalogue, Inventory((Host("platform", "10.0.0.5", groups),), "staging"))
    assert set(found) == {"orders", "ledger"}


def resolved_input(given: dict[str, Any]) -> dict[str, Any]:
    from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate

    checked = validate(given)
    assert checked.usable
    return checked.usable


def test_who_is_let_in(given: dict[str, Any]) -> None:
    given["services"]["orders"]["uses"] = {"shop": {"readonly": True}}
    catalogue = resolved(given)
    assert windowed.guests(catalogue, COMPOSE, "first") == [
        {
            "datastore": "shop", "kind": "postgresql", "database": "shop_db",
            "server": {"container": {"project": "shop", "service": "postgres"}},
            "users": [{"role": ROLE, "service": "orders", "readonly": True}],
        }
    ]  # fmt: skip
    assert windowed.guests(catalogue, COMPOSE, "second") == []


def test_passwords_are_those_of_the_services(given: dict[str, Any]) -> None:
    users = windowed.guests(resolved(given), COMPOSE, "first")[0]["users"]
    assert unpack(packed(users, {"orders": {"postgresql_password": ["new", "old"]}})) == {ROLE: "new"}
    (guest,) = guests.known(users, {ROLE: "new"})
    assert (guest.role, guest.readonly, guest.password) == (ROLE, False, "new") and "new" not in repr(guest)
    with pytest.raises(EndpointError, match=r"no password for orders .*cryptobot\.native\.secrets"):
        guests.known(users, {})


def test_what_makes_a_guest() -> None:
    guest = guests.Guest(ROLE, password="word")
    ((__, change, statements),) = guests.plan(["shop"], {}, [guest], VERSION)
    assert change.was is None and change.is_ == {"member_of": ["shop"]}
    created, granted = statements
    assert created.startswith(f'CREATE ROLE "{ROLE}" LOGIN PASSWORD') and "word'" not in created
    assert granted == f'GRANT "shop" TO "{ROLE}"'


def test_one_that_is_as_wanted_is_left_alone() -> None:
    guest = guests.Guest(ROLE, password="word")
    made = {ROLE: guests.Made(scram.verifier("word"), frozenset({"shop", "more"}))}
    assert guests.plan(["shop"], made, [guest], VERSION) == []
    ((__, __, statements),) = guests.plan(["shop"], made, [guests.Guest(ROLE, password="other")], VERSION)
    assert len(statements) == 1 and statements[0].startswith("ALTER ROLE")


@pytest.mark.parametrize(("version", "group"), [(150000, "pg_read_all_data"), (130000, "shop")])
def test_who_only_reads(version: int, group: str) -> None:
    ((__, change, __),) = guests.plan(["shop"], {}, [guests.Guest(ROLE, True, "word")], version)
    assert change.is_ == {"member_of": [group]}


def test_guests_stay_where_they_are() -> None:
    assert travel.stays("role", ROLE) and travel.stays("membership", f"{ROLE} in shop")
    assert not travel.stays("role", "orders_guest") and not travel.stays("membership", "orders in shop")
    script = f"CREATE ROLE {ROLE};\nGRANT shop TO {ROLE} GRANTED BY postgres;\nCREATE ROLE shop;".encode()
    assert travel.roles_of_others(script) == b"CREATE ROLE shop;"
