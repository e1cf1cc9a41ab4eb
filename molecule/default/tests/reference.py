"""What the tests know of the reference application: its resolved catalogue, and a user who is logged in."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "examples" / "cryptobot"), str(ROOT / ".ansible" / "collections")]

import journey  # noqa: E402
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_files import load_shipped  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate  # noqa: E402

GROUPS = frozenset(f"cryptobot_{part}" for part in ("database", "cache", "app", "edge", "build"))


@cache
def catalogue() -> dict[str, Any]:
    """The shipped catalogue as one host sees it."""
    shipped, __ = load_shipped(ROOT / "catalogues", "cryptobot")
    inventory = Inventory((Host("platform", "127.0.0.1", GROUPS),), "staging")
    return resolve(validate(shipped).usable, inventory, {})


def doors() -> dict[str, dict[str, Any]]:
    """The doors by service; each service of the reference application has one."""
    return {door["service"]: door for door in catalogue()["doors"]}


@cache
def token(address: str) -> str:
    """The access token of a new user."""
    user = journey.Journey(journey.Api(f"http://{address}", {}), exchange=None)
    user.register()
    user.log_in()
    return user.api.token
