"""A host on which nothing is wrong, for the tests to break."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.host import Disk, Host
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.wishes import wishes
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped


@pytest.fixture(scope="session")
def resolved() -> dict[str, Any]:
    return resolve(validate(shipped()).usable, one_host(), {})


@pytest.fixture
def wanted(resolved: dict[str, Any]) -> dict[str, Any]:
    return wishes(resolved, "one")


@pytest.fixture
def sound(wanted: dict[str, Any]) -> Host:
    return Host(
        os="Debian GNU/Linux 12 (bookworm)",
        os_id="debian",
        os_version="12",
        kernel="6.1.0-18-amd64",
        systemd="252",
        systemd_runs=True,
        cgroup2=True,
        python="3.11.2",
        memory_mb=8192,
        available_mb=7000,
        cores=4,
        disks=tuple(Disk(row["path"], "/", 50_000, 60_000, 1_000_000, True) for row in wanted["disk"]),
        clock_synchronised=True,
        clock=1000.0,
        interpreters={"python3": "3.11.2"},
        postgresql=15,
    )
