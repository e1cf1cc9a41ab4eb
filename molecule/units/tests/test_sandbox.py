"""What a process may not do, and that what it needs does reach it."""

from __future__ import annotations

import json
import re

import pytest

PROCESSES = ("ledger-web@1", "gate-web@1", "late-web@1", "late-web@2", "jobs-worker@1", "page-web@1")
DIRECTIVES = (
    "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers", "ProtectProc", "ProtectControlGroups",
    "RestrictNamespaces", "MemoryDenyWriteExecute", "RestrictAddressFamilies", "SystemCallFilter", "IPAddressDeny", "CapabilityBoundingSet",
)
DENIED = (
    "write_outside", "read_another_ones_secret", "connect_elsewhere", "run_what_it_wrote", "become_root", "trace", "see_others",
    "make_a_namespace", "read_a_device",
)


def asked(host, port: int, path: str) -> dict[str, object]:
    script = f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:{port}{path}', timeout=20).read().decode())"
    return json.loads(host.check_output(f'python3 -c "{script}"'))


@pytest.mark.parametrize("process", [*(f"cryptobot-{name}" for name in PROCESSES), "cryptobot-edge"])
def test_exposure(host, process: str) -> None:
    shown = host.check_output(f"systemd-analyze security --no-pager {process}.service | tail -1")
    exposure = float(re.search(r"(\d+\.\d+) ", shown)[1])
    print(f"{process}: {exposure}")
    assert exposure <= 1.5


@pytest.mark.parametrize("process", PROCESSES)
def test_what_is_off_has_its_reason(host, process: str) -> None:
    unit = host.file(f"/etc/systemd/system/cryptobot-{process}.service").content_string
    for name in DIRECTIVES:
        assert re.search(rf"^{name}=|^# {name}=.* is off: \S", unit, re.MULTILINE), name


@pytest.mark.parametrize("action", DENIED)
def test_denied(host, action: str) -> None:
    answer = asked(host, 7200, f"/deny/{action}")
    print(action, answer)
    assert "denied" in answer, answer


def test_a_port_that_is_not_its_own(host) -> None:
    """systemd 252 in a container accepts the directive without enforcing it: `SocketBindDeny` needs a newer one."""
    if host.system_info.release.startswith("12"):
        pytest.skip("SocketBindDeny has no effect on systemd 252")
    assert "denied" in asked(host, 7200, "/deny/listen_elsewhere")


def test_the_credential_arrives_and_nothing_else_shows_it(host) -> None:
    answer = asked(host, 7100, "/secret")
    assert answer == {"length": 64, "variables": []}
    secret = host.check_output("cat /etc/cryptobot/secrets/ledger.word")
    assert host.file("/etc/cryptobot/secrets/ledger.word").mode == 0o600
    for shown in ("systemctl show cryptobot-ledger-web@1", "cat /etc/systemd/system/cryptobot-ledger-web@1.service", "journalctl --no-pager"):
        assert secret not in host.check_output(shown)
