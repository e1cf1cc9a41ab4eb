"""Reports of catalogues of several sizes."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.inventory_report.inventory import inventory
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped

SIZES = (1, 2, 7, 50)


def made_up(count: int) -> dict[str, Any]:
    """A catalogue of so many services that call each other, cycles included; the same one every time."""
    chance, base = random.Random(count), shipped()
    pattern = base["services"]["reporting"]
    names = [f"service-{number:02d}" for number in range(count)]
    catalogue = {key: base[key] for key in ("migration_groups", "edge")} | {"datastores": {}, "services": {}}
    for number, name in enumerate(names):
        service = copy.deepcopy(pattern)
        service["processes"]["web"] |= {
            "port": 8000 + number,
            "internal_port": 28000 + number,
            "listen": 10000 + 10 * number,
            "routes": [{"path": f"/api/{number}", "strip": True}],
        }
        del service["processes"]["web"]["docker"]
        others = [other for other in names if other != name]
        calls = sorted(chance.sample(others, min(len(others), chance.choice([0, 1, 1, 2, 3]))))
        service |= {
            "migration_group": base["migration_groups"][number * 4 // count],
            "calls": calls,
            "after": [other for other in calls if other < name],
            "uses": {f"store-{number % 7}": {}},
            "environment": {},
            "secrets": {},
        }
        catalogue["services"][name] = service
        catalogue["datastores"][f"store-{number % 7}"] = {"kind": "postgresql", "moves_with": "edge"}
    return catalogue


@pytest.fixture(scope="session", params=["shipped", *SIZES, "no datastores"])
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    catalogue = shipped() if request.param == "shipped" else made_up(request.param if request.param in SIZES else 7)
    if request.param == "no datastores":
        catalogue["datastores"] = {}
        for service in catalogue["services"].values():
            service["uses"] = {}
    checked = validate(catalogue)
    assert checked.usable is not None and not len(checked.findings)
    return inventory(resolve(checked.usable, one_host(), {}))


@pytest.fixture(scope="session")
def shipped_report() -> dict[str, Any]:
    return inventory(resolve(validate(shipped()).usable, one_host(), {}))
