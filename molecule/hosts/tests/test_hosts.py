"""A test host is bare, runs systemd, and enforces what units ask for."""

from __future__ import annotations

import pytest


def succeeds(host, protection: str, action: str) -> bool:
    """Whether a transient unit with this property can do it. Asked by a word: ssh has its own use for exit code 255."""
    unit = f"systemd-run --quiet --wait --pipe --collect -p {protection} {action}"
    return host.check_output(f"{unit} >/dev/null 2>&1 && echo yes || echo no") == "yes"


def test_everything_has_started(host) -> None:
    assert host.check_output("systemctl is-system-running") == "running"


@pytest.mark.parametrize("package", ["python3-apt", "python3-psycopg2", "python3-venv", "curl"])
def test_it_is_bare(host, package: str) -> None:
    assert not host.package(package).is_installed


def test_it_has_no_package_lists(host) -> None:
    assert host.check_output("ls /var/lib/apt/lists") == ""


def test_credentials_arrive(host) -> None:
    """They come by a mount that a private root would keep from the unit."""
    reads = "sh -c 'grep -q arrived $CREDENTIALS_DIRECTORY/word'"
    assert succeeds(host, "DynamicUser=yes -p SetCredential=word:arrived", reads)
    assert not succeeds(host, "DynamicUser=yes", reads)


@pytest.mark.parametrize(
    ("protection", "action"),
    [
        ("ProtectSystem=strict", "sh -c 'touch /usr/probe && rm /usr/probe'"),
        ("PrivateTmp=yes", "test -e /tmp/probe"),
        ("SystemCallFilter='~mkdir mkdirat'", "sh -c 'mkdir /run/probe && rmdir /run/probe'"),
        ("TasksMax=1", "sh -c 'true & wait $!'"),
        ("MemoryMax=16M", "python3 -c 'bytearray(64_000_000)'"),
        ("IPAddressDeny=any", "python3 -c 'import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b\"x\", (\"127.0.0.1\", 9))'"),
    ],
)
def test_protections_protect(host, protection: str, action: str) -> None:
    host.check_output("touch /tmp/probe")
    assert succeeds(host, "Nice=0", action)
    assert not succeeds(host, protection, action)
