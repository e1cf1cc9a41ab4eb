"""All hosts go and come back, the database's last, without a play."""

from __future__ import annotations

import time

import platform_of_hosts as platform
import pytest

testinfra_hosts = ["ansible://edge"]
SECONDS = 300


def test_they_serve_again_when_the_database_comes_last() -> None:
    addresses = {host: platform.address(host) for host in platform.HOSTS}
    platform.docker("stop", "--time=120", *(platform.container(host) for host in platform.HOSTS))
    platform.boot("app2", "app1", "edge", "cache")
    activating = "systemctl list-units --plain --no-legend --state=activating 'cryptobot-auth-web@*'"
    until = time.monotonic() + SECONDS
    while not platform.docker("exec", platform.container("app1"), "sh", "-c", activating, check=False) and time.monotonic() < until:
        time.sleep(0.5)
    assert platform.on("app1", activating), "it waits for its database"
    platform.boot("database")
    assert {host: platform.settle(host) for host in platform.HOSTS} == dict.fromkeys(platform.HOSTS, "running")
    for host, address in addresses.items():
        assert address in platform.on(host, "hostname -I").split()
    # systemd has started them; the proxy looks once a second.
    until = time.monotonic() + 60
    while True:
        try:
            platform.journey()
            break
        except AssertionError:
            if time.monotonic() > until:
                raise


@pytest.mark.parametrize("host", ["app1", "app2"])
def test_no_process_gave_up(host: str) -> None:
    assert platform.on(host, "cat /var/log/cryptobot/alerts 2>/dev/null || true") == ""
