# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of somebody else's: what was chosen there stays, what is too little is named, taken names stop it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import takeover
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.cluster import Cluster
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.tuning import Machine, settings

ETC = "/etc/postgresql/15/main"
MAIN = Cluster(15, "main", 5432, True, "/var/lib/postgresql/15/main")
WANTED = settings(Machine(4096, 2), max_connections=200, listen=["localhost", "10.0.0.5"], port=5432)
INSTALLED = {"kind": "package", "target": "postgresql-15", "was": None, "is": "15.14-0+deb12u1"}


def said(*files: tuple[str, str, str], **other: Any) -> str:
    """What psql prints of a server with these entries of files: name, value, file below its directory."""
    live = {
        "listen_addresses": ["localhost", None, "string", "postmaster", "default"],
        "max_connections": ["100", None, "integer", "postmaster", f"{ETC}/postgresql.conf line 65"],
        "max_logical_replication_workers": ["4", None, "integer", "postmaster", "default"],
        "max_replication_slots": ["10", None, "integer", "postmaster", "default"],
        "max_wal_senders": ["10", None, "integer", "postmaster", "default"],
        "max_worker_processes": ["8", None, "integer", "postmaster", "default"],
        "wal_level": ["replica", None, "enum", "postmaster", "default"],
    }
    known = {
        "files": [[name, value, f"{ETC}/{file}", number] for number, (name, value, file) in enumerate(files)] or None,
        "live": live,
        "roles": ["postgres", "shop"],
        "databases": ["postgres", "template0", "template1", "shop"],
        "hba_file": f"{ETC}/pg_hba.conf",
        "ident_file": f"{ETC}/pg_ident.conf",
        "follows": False,
    }
    return json.dumps({**known, **other})


def server(*files: tuple[str, str, str], **other: Any) -> takeover.Server:
    found = takeover.parse(said(*files, **other))
    assert found is not None
    return found


PACKAGED = ("max_connections", "100", "postgresql.conf")


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ([PACKAGED], {}),
        ([("max_connections", "120", "postgresql.conf")], {"max_connections": "120"}),
        ([PACKAGED, ("max_connections", "300", "conf.d/shop.conf")], {"max_connections": "300"}),
        ([PACKAGED, ("max_connections", "200", "conf.d/cryptobot.conf")], {}),
        ([PACKAGED, ("max_connections", "100", "postgresql.auto.conf")], {"max_connections": "100"}),
        (
            [("wal_level", "minimal", "conf.d/a.conf"), ("wal_level", "replica", "conf.d/z.conf")],
            {"wal_level": "replica"},
        ),
    ],
)
def test_what_somebody_has_chosen(files: list[tuple[str, str, str]], chosen: dict[str, str]) -> None:
    assert {name: each.value for name, each in server(*files).chosen.items()} == chosen


def test_a_value_on_the_command_line_is_chosen() -> None:
    live = {"max_wal_senders": ["3", None, "integer", "postmaster", "command line"]}
    assert server(live=live).chosen["max_wal_senders"].value == "3"


def test_only_what_is_needed_is_written_and_nothing_that_was_chosen() -> None:
    found = takeover.needs(WANTED, ["wal_level"], {"work_mem": "8MB"})
    assert set(found) == {*takeover.NAMES, "work_mem"} - {"wal_level"}
    assert "listen_addresses" not in takeover.needs({**WANTED, "listen_addresses": "localhost"}, [], {})
    assert (
        takeover.needs(WANTED, ["wal_level"], {"wal_level": "logical"})["wal_level"] == "logical"
    ), "the operator's word"


def findings(
    found: takeover.Server, extra: dict[str, str] | None = None, known: bool = False
) -> list[tuple[str, str, str]]:
    wanted = {**WANTED, **(extra or {})}
    return [
        (each.severity, each.object, f"{each.text} {each.remedy}")
        for each in takeover.findings(MAIN, found, wanted, extra or {}, known)
    ]


def test_a_restart_is_announced_with_its_reasons() -> None:
    ((severity, __, text),) = findings(server(PACKAGED))
    assert severity == "note" and "restarts once, for" in text and "wal_level replica -> logical" in text


def test_without_a_difference_there_is_no_restart_and_later_no_word() -> None:
    chosen = [(name, WANTED[name], "conf.d/shop.conf") for name in takeover.NAMES]
    assert "not restarted" in findings(server(*chosen))[0][2]
    assert findings(server(*chosen), known=True) == []


def test_what_stays_and_is_too_little_is_named() -> None:
    rows = findings(server(("max_connections", "50", "postgresql.conf"), ("wal_level", "minimal", "conf.d/shop.conf")))
    kept = {name: (severity, text) for severity, name, text in rows}
    assert (
        kept["max_connections"][0] == "warning"
        and "postgresql_settings: {max_connections: 200}" in kept["max_connections"][1]
    )
    assert "minimal" in kept["wal_level"][1]
    assert [name for __, name, __text in findings(server(("max_connections", "500", "postgresql.conf")))] == [
        "postgresql"
    ]
    assert "max_connections" not in {
        row[1] for row in findings(server(("max_connections", "50", "a.conf")), {"max_connections": "60"})
    }


@pytest.mark.parametrize(("value", "blocks"), [("10.9.9.9", True), ("*", False), ("localhost, 10.0.0.5", False)])
def test_addresses_that_services_on_other_hosts_need(value: str, blocks: bool) -> None:
    rows = [
        row for row in findings(server(("listen_addresses", value, "conf.d/shop.conf"))) if row[1] == "listen_addresses"
    ]
    assert [row[0] for row in rows] == (["blocking"] if blocks else [])
    assert not blocks or "postgresql_listen_addresses: [10.9.9.9, 10.0.0.5]" in rows[0][2]


def test_whose_cluster_it_is() -> None:
    gone = {**INSTALLED, "was": "15.14-0+deb12u1", "is": None}
    kept = {**gone, "is": "removed, its configuration is kept"}
    assert takeover.is_foreign([], MAIN)
    assert not takeover.is_foreign([INSTALLED], MAIN)
    assert takeover.is_foreign([INSTALLED, gone], MAIN)
    assert not takeover.is_foreign([INSTALLED, kept], MAIN)
    assert not takeover.is_foreign([], None)


def test_names_that_are_taken_stop_it_until_they_are_adopted() -> None:
    wanted = {"roles": ["shop", "auth"], "databases": ["shop", "auth_db"]}
    assert "database shop, role shop" in takeover.refusal(MAIN, server(), [], wanted)
    assert takeover.refusal(MAIN, server(), [("role", "shop"), ("database", "shop")], wanted) == ""
    assert takeover.refusal(MAIN, server(), [], {**wanted, "adopted": ["shop"]}) == ""


def test_what_the_platform_has_made_is_its_own() -> None:
    lines = [
        {"kind": "postgresql", "target": "role auth", "was": None, "is": {"login": True}},
        {"kind": "postgresql", "target": "owner of database shop", "was": "shop", "is": "auth_owner"},
        {"kind": "postgresql", "target": "database auth_db", "was": None, "is": {}},
    ]
    assert takeover.created(lines) == {("role", "auth"), ("database", "auth_db")}


def test_a_server_that_cannot_be_asked_or_follows_another() -> None:
    assert "pg_ctlcluster 15 main start" in takeover.refusal(MAIN, takeover.parse(""), [], {})
    assert "follows another server" in takeover.refusal(MAIN, server(follows=True), [], {})


def test_a_database_that_a_migration_brought_is_ours_until_it_is_gone() -> None:
    def line(kind: str, target: str, was: object, is_: object) -> dict[str, object]:
        return {"kind": kind, "target": target, "was": was, "is": is_}

    brought = takeover.moved_in([], {"orders": "orders_owner"})
    lines = [line(*each) for each in brought]
    assert takeover.created(lines) == {("database", "orders")}
    assert takeover.moved_in(lines, {"orders": "orders_owner"}) == []
    lines += [line(*each) for each in takeover.moved_out(lines, {"orders": "orders_owner", "other": "other_owner"})]
    assert takeover.created(lines) == set() and len(lines) == 2
    assert takeover.moved_in(lines, {"orders": "orders_owner"}) == brought
