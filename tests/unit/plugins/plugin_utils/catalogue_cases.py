"""A valid inventory for the tests to break."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import vault
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Finding
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import required_secrets
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_check import CatalogueCheck
from ansible_collections.cryptobot.native.plugins.plugin_utils.inventory_variables import InventoryVariables

ROOT = Path(__file__).resolve().parents[4]
CANARY = "canary-8Fq2xZ7w"
GROUPS = ("cryptobot_database", "cryptobot_cache", "cryptobot_app", "cryptobot_edge", "cryptobot_build")


def shipped() -> dict[str, Any]:
    """The shipped catalogue."""
    return copy.deepcopy(_shipped())


@cache
def _shipped() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "catalogues" / "cryptobot.yml").read_text(encoding="utf-8"))


def one_host(address: str = "127.0.0.1") -> Inventory:
    """Everything on one host."""
    return Inventory((Host("one", address, frozenset(["all", "cryptobot", *GROUPS])),))


@cache
def _secrets() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for need in vault.needs(required_secrets(validate(shipped()).usable, one_host())):
        found.setdefault(need.service, {})[need.name] = vault.generate(need)
    return found


def inventory_variables() -> dict[str, Any]:
    """Variables of a host whose inventory has no fault."""
    return {
        "cryptobot_source": {"path": str(ROOT / "examples" / "cryptobot")},
        "cryptobot_secrets": copy.deepcopy(_secrets()),
    }


def check(
    variables: dict[str, Any],
    groups: dict[str, list[str]] | None = None,
    hosts: dict[str, dict[str, Any]] | None = None,
) -> tuple[list[Finding], dict[str, Any]]:
    """Findings and result of the whole check over an inventory of plain data."""
    hosts = hosts or {"one": {}}
    names = list(hosts)
    groups = {"all": names, "cryptobot": names, **dict.fromkeys(GROUPS, names)} if groups is None else groups
    checked = CatalogueCheck(InventoryVariables({name: {**variables, **own} for name, own in hosts.items()}, groups))
    resolved = checked.run()
    return list(checked.findings), resolved
