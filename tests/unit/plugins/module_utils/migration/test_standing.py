"""Which names a stand-in keeps while containers are stopped by a change of sides."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.migration.standing import standins

CATALOGUE: dict[str, Any] = {
    "datastores": {"book": {"kind": "sqlite"}, "orders": {"kind": "postgresql"}},
    "services": {
        "papers": {
            "migration_group": "first",
            "uses": {"book": {}},
            "calls": [],
            "processes": {
                "web": {"port": 7020, "docker": {"service": "papers"}},
                "worker": {"port": None, "docker": {"service": "papers-worker"}},
            },
        },
        "orders": {
            "migration_group": "first",
            "uses": {"orders": {}},
            "calls": [],
            "processes": {"web": {"port": 7000, "docker": {"service": "orders"}}},
        },
        "ledger": {
            "migration_group": "second",
            "uses": {},
            "calls": ["papers", "orders"],
            "processes": {"web": {"port": 7010, "docker": {"service": "ledger"}}},
        },
    },
}


@pytest.fixture
def catalogue() -> dict[str, Any]:
    return copy.deepcopy(CATALOGUE)


def test_who_stops_and_is_called_by_those_that_stay_is_stood_in_for(catalogue: dict[str, Any]) -> None:
    assert standins(catalogue, "first") == ["papers"]


def test_where_everything_moves_nobody_stays_to_call(catalogue: dict[str, Any]) -> None:
    assert standins(catalogue, "all") == []
    assert standins(catalogue, "second") == []


def test_callers_that_are_no_containers_ask_no_name_of_docker(catalogue: dict[str, Any]) -> None:
    catalogue["services"]["ledger"]["processes"]["web"]["docker"] = None
    assert standins(catalogue, "first") == []


def test_the_exclusive_are_stood_in_for_too(catalogue: dict[str, Any]) -> None:
    catalogue["services"]["orders"]["processes"]["web"]["exclusive"] = True
    assert standins(catalogue, "first") == ["orders", "papers"]
