"""What tests of several scenarios use, and the order of the tests of all."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

BOOT_SECONDS = 300
STATE = f"timeout {BOOT_SECONDS} systemctl is-system-running --wait"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform is looked at as it was installed, before other tests stop parts of it."""
    items.sort(key=lambda item: item.path.name != "test_platform.py")


@pytest.fixture(scope="module")
def reboot(host: Any) -> Callable[..., None]:
    """Starts the test host anew, `at_once` as when its power is cut; returns when systemd has started everything."""

    def again(at_once: bool = False) -> None:
        container = host.ansible.get_variables()["ansible_host"]
        stop = ["kill"] if at_once else ["stop", "--time=120"]
        for words in (stop, ["start"]):
            subprocess.run(["docker", *words, container], check=True, capture_output=True)
        # What a test host needs at each start, and a machine has anyway: units get their credentials by mounts.
        subprocess.run(["docker", "exec", container, "mount", "--make-rshared", "/"], check=True)
        until = time.monotonic() + BOOT_SECONDS
        # In its first moments systemd does not answer at all.
        while not (state := host.run(STATE).stdout.strip()) and time.monotonic() < until:
            time.sleep(0.2)
        assert state == "running", host.run("systemctl --failed").stdout

    return again
