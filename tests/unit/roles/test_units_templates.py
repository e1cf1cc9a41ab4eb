"""Every unit is rendered with each optional thing alone, and is one that systemd can read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import pytest

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "roles" / "units" / "templates" / "etc" / "systemd" / "system"

BARE: dict[str, Any] = {
    "name": "cryptobot-auth-web@1.service", "service": "auth", "process": "web", "instance": 1, "runtime": "python", "user": "cryptobot-auth",
    "group": "cryptobot-auth", "exec_start": "/usr/lib/cryptobot/launch -- /bin/true", "working_directory": "/opt/x", "path": "/usr/bin",
    "runtime_directory": "cryptobot/auth-web-1", "environment": [], "environment_files": [], "credentials": {}, "files": ["/etc/a"], "groups": [],
    "read_write": [], "umask": "0077", "executable": [], "ports": [], "sockets": False, "addresses": [], "open_egress": False, "resources": {},
    "kill_signal": "SIGTERM", "start_timeout": 90, "stop_timeout": 30,
    "condition": "",
}
ALONE: list[tuple[dict[str, Any], str]] = [
    ({"environment": ['"A=b c"']}, 'Environment="A=b c"'),
    ({"environment_files": ["/etc/e"]}, "EnvironmentFile=/etc/e"),
    ({"credentials": {"key": "/etc/k"}}, "LoadCredential=key:/etc/k"),
    ({"groups": ["one", "two"]}, "SupplementaryGroups=one two"),
    ({"read_write": ["/var/lib/d"]}, "ReadWritePaths=/var/lib/d"),
    ({"umask": "0007"}, "# UMask=0077 is off: it shares files with others of the directory's group.\nUMask=0007"),
    ({"executable": ["/opt/x"]}, "ExecPaths=/usr /lib -/lib64 /bin /opt/x"),
    ({"ports": [18000]}, "SocketBindDeny=any\nSocketBindAllow=tcp:18000"),
    ({"sockets": True}, "FileDescriptorStoreMax=4"),
    ({"addresses": ["10.0.0.2/32"]}, "IPAddressAllow=localhost 10.0.0.2/32"),
    ({"open_egress": True}, "# IPAddressDeny=any is off: the catalogue lets it connect anywhere (egress: [any])"),
    ({"resources": {"memory_max": "1G", "cpu_weight": 200, "io_weight": 50, "nice": 5, "tasks_max": 9}}, "MemoryMax=1G"),
    ({"condition": "/usr/lib/cryptobot/side --group x"}, "\nExecCondition=+/usr/lib/cryptobot/side --group x\n"),
    ({"runtime": "binary"}, "KillSignal=SIGTERM"),
    ({"kill_signal": "SIGQUIT", "runtime": "static"}, "KillSignal=SIGQUIT"),
]
LINE = re.compile(r"(#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=.*|)")


def render(template: str, unit: dict[str, Any], **variables: Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["combine"] = lambda one, other: {**one, **other}
    environment.filters["regex_replace"] = lambda text, pattern, by: re.sub(pattern, by, text)
    known = {
        "__units_systemd_version": 252, "units_watchdog_seconds": 0, "units_sandbox_off": {"python": {}, "binary": {}, "static": {}},
        "units_sandbox_off_by_service": {},
    }
    return environment.get_template(template).render(unit={**BARE, **unit}, **{**known, **variables})


def readable(text: str) -> None:
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
        assert line.count('"') % 2 == 0 or line.startswith(("Exec", "#")), line
    assert "{{" not in text and "None" not in text


@pytest.mark.parametrize("template", ["process.service.j2", "migrate.service.j2"])
@pytest.mark.parametrize(("unit", "expected"), [({}, "NoNewPrivileges=yes"), *ALONE])
def test_each_thing_alone(template: str, unit: dict[str, Any], expected: str) -> None:
    text = render(template, unit)
    readable(text)
    if template.startswith("process") or "condition" in unit:
        assert expected in text


@pytest.mark.parametrize(("version", "there"), [(252, False), (254, True), (257, True)])
def test_newer_directives_only_where_they_are_known(version: int, there: bool) -> None:
    assert ("\nRestartMode=direct\n" in render("process.service.j2", {}, __units_systemd_version=version)) is there


def test_a_watchdog_only_when_asked_for() -> None:
    assert "WatchdogSec" not in render("process.service.j2", {})
    assert "\nWatchdogSec=30\n" in render("process.service.j2", {}, units_watchdog_seconds=30)


def test_what_is_left_out_says_why() -> None:
    off = {"MemoryDenyWriteExecute": "its library makes code as it runs"}
    text = render("process.service.j2", {}, units_sandbox_off_by_service={"auth": off})
    assert "\n# MemoryDenyWriteExecute=yes is off: its library makes code as it runs\n" in text
    assert "\nMemoryDenyWriteExecute=" not in text
    readable(text)


def test_nothing_is_run_from_where_it_writes() -> None:
    text = render("process.service.j2", {"read_write": ["/var/lib/d"]})
    denied = re.search(r"^NoExecPaths=(.*)$", text, re.MULTILINE)[1].split()
    assert {"/", "/tmp", "/var/lib/cryptobot/auth", "/var/log/cryptobot/auth", "/run/cryptobot/auth-web-1", "/var/lib/d"} <= set(denied)
