# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from contextlib import contextmanager

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.client import PostgresqlError
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.doors import Door, findings, foreign
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.layout import layout, passwords

OPTIONS = {"connection_limit": 40, "locale": "C.UTF-8", "extensions": {"orders": ["pg_trgm"]}}


def service(name: str, **uses) -> dict:
    return {"name": name, "identifier": name.replace("-", "_"), "user": f"cryptobot-{name}", "uses": uses}


def store(name: str, *users: str, host: str = "one") -> dict:
    return {"name": name, "kind": "postgresql", "database": name, "host": host, "port": 5432, "users": list(users)}


def catalogue(services: list[dict], stores: list[dict], **hosts: list[str]) -> dict:
    hosts = hosts or {"one": [each["name"] for each in services]}
    return {
        "services": {each["name"]: each for each in services},
        "datastores": {each["name"]: each for each in stores},
        "hosts": {name: {"address": f"10.0.0.{index}", "services": on} for index, (name, on) in enumerate(hosts.items(), 1)},
    }


ALONE = catalogue([service("back-office", orders={})], [store("orders", "back-office")])
SHARED = catalogue(
    [service("a-b", shared={}), service("viewer", shared={"readonly": True})], [store("shared", "a-b", "viewer")]
)


def by_name(made: dict) -> dict:
    return {role["name"]: role for role in made["roles"]}


def test_a_service_alone_has_an_owner_of_its_own():
    made = layout(ALONE, "one", OPTIONS)
    assert set(by_name(made)) == {"back_office_owner", "back_office", "back_office_migrate"}
    assert by_name(made)["back_office_migrate"]["settings"] == {"orders": {"role": "back_office_owner"}}
    (database,) = made["databases"]
    assert database["owner"] == "back_office_owner" and database["extensions"] == ["pg_trgm"]
    assert database["access"] == {"back_office": "write", "back_office_migrate": "connect"}


def test_services_that_share_do_not_own():
    made = layout(SHARED, "one", OPTIONS)
    assert made["databases"][0]["owner"] == "shared_owner"
    assert by_name(made)["viewer_migrate"]["member_of"] == ["shared_owner"]
    assert made["databases"][0]["access"]["viewer"] == "read"


def test_on_one_host_nobody_has_a_password_or_a_network_door():
    made = layout(SHARED, "one", OPTIONS)
    assert not any(role["password"] for role in made["roles"])
    assert {line[0] for line in made["hba"]} == {"local"}
    assert ["cryptobot", "cryptobot-a-b", "a_b"] in made["ident"]
    assert ["cryptobot", "cryptobot-migrate", "a_b_migrate"] in made["ident"]


def test_from_another_host_a_service_comes_by_password_and_address():
    apart = catalogue([service("api", orders={})], [store("orders", "api")], one=[], two=["api"])
    apart["services"]["api"]["migration"] = {"command": ["migrate"]}
    made = layout(apart, "one", OPTIONS)
    assert made["hba"] == [["host", "orders", role, "10.0.0.2/32", "scram-sha-256"] for role in ("api", "api_migrate")]
    assert made["ident"] == [] and made["doors"] == []
    secrets = {"api": {"postgresql_password": ["new", "old"], "postgresql_migrate_password": "m"}, "other": {"x": "y"}}
    assert passwords(made, apart, secrets) == {"api": "new", "api_migrate": "m"}


def test_only_the_host_that_migrates_comes_as_who_may():
    apart = catalogue([service("api", orders={})], [store("orders", "api")], one=[], two=["api"], three=["api"])
    apart["services"]["api"] |= {"migration": {"command": ["migrate"]}, "by_host": {"three": {"migration": None}}}
    comes = [(line[2], line[3]) for line in layout(apart, "one", OPTIONS)["hba"]]
    assert comes == [("api", "10.0.0.2/32"), ("api", "10.0.0.3/32"), ("api_migrate", "10.0.0.2/32")]
    apart["services"]["api"]["migration"] = None
    made = layout(apart, "one", OPTIONS)
    assert {line[2] for line in made["hba"]} == {"api"} and not by_name(made)["api_migrate"]["password"]


def test_from_another_host_who_has_a_pool_comes_through_it_alone():
    apart = catalogue([service("api", orders={"pool": "session"})], [store("orders", "api")], one=[], two=["api"])
    made = layout(apart, "one", OPTIONS)
    assert [line for line in made["hba"] if line[0] == "host"] == [] and made["pools"][0]["remote"]


def test_a_pooled_service_has_a_password_and_the_pooler_comes_for_it():
    pooled = catalogue([service("api", orders={"pool": "session"})], [store("orders", "api")])
    made = layout(pooled, "one", OPTIONS)
    assert by_name(made)["api"]["password"] and not by_name(made)["api_migrate"]["password"]
    assert ["cryptobot", "cryptobot-pgbouncer", "api"] in made["ident"]
    assert made["databases"][0]["pooler"] == "cryptobot_pgbouncer"
    door = {"service": "api", "role": "api", "datastore": "orders", "database": "orders", "pool": "session", "remote": False}
    assert made["pools"] == [door]


def test_the_pooler_comes_in_where_a_service_stands_by():
    pooled = catalogue([service("api", orders={"pool": "session"})], [store("orders", "api")])
    line = ["local", "orders", "cryptobot_pgbouncer", "", "peer map=cryptobot"]
    sides = {"groups": {}, "datastores": {"orders": "docker"}, "standby": []}
    away = layout(pooled, "one", {**OPTIONS, "sides": sides})
    assert away["databases"] == [] and line in away["hba"] and line in layout(pooled, "one", OPTIONS)["hba"]


def test_a_service_with_two_databases_acts_as_each_owner_in_its_own():
    both = catalogue(
        [service("a", own={}, shared={}), service("b", shared={})], [store("own", "a"), store("shared", "a", "b")]
    )
    migrate = by_name(layout(both, "one", OPTIONS))["a_migrate"]
    assert migrate["settings"] == {"own": {"role": "a_owner"}, "shared": {"role": "shared_owner"}}
    assert migrate["member_of"] == ["a_owner", "shared_owner"]


def test_databases_of_other_hosts_are_theirs():
    made = layout(catalogue([service("a", own={})], [store("own", "a", host="two")], one=["a"], two=[]), "one", OPTIONS)
    assert made["roles"] == made["databases"] == made["hba"] == []


DOOR = Door("cryptobot-a-b", "a_b", "shared", "write")


DATABASES = {"shared": {"a_b": "write"}, "orders": {"back_office": "write"}}


class Server:
    """Lets in whom it is told, and finds the given faults."""

    def __init__(self, lets_in: set[str], faults: tuple[str, ...] = ()) -> None:
        self.lets_in, self.faults, self.asked = lets_in, faults, []

    @contextmanager
    def cursor(self, database: str, role: str, system_user: str):
        if system_user not in self.lets_in:
            raise PostgresqlError("Peer authentication failed")
        yield self

    def execute(self, text: str, values: dict) -> None:
        self.asked.append(values)

    def fetchall(self) -> list[tuple[str]]:
        return [(fault,) for fault in self.faults]


def test_a_door_is_tried_against_the_other_databases():
    assert foreign(DOOR, DATABASES) == ["orders"]
    server = Server({DOOR.user})
    assert findings(server, [DOOR], DATABASES) == []
    assert server.asked == [{"access": "write", "foreign": ["orders"]}]


def test_what_a_visitor_sees_becomes_sentences():
    assert findings(Server({DOOR.user}, ("owns 2 objects",)), [DOOR], DATABASES) == ["cryptobot-a-b as a_b in shared: owns 2 objects"]
    assert "Peer authentication failed" in findings(Server(set()), [DOOR], DATABASES)[0]


def test_a_stranger_who_comes_in_is_a_finding():
    assert "nobody came in as a_b" in findings(Server({DOOR.user, "nobody"}), [DOOR], DATABASES)[0]
