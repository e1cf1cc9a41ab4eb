"""Reading a host: the kernel's tables, what programs print, settings of package tools."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.preflight import software, sources
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.listeners import Listener, listeners, unit_of
from ansible_collections.cryptobot.native.plugins.module_utils.preflight.table import table

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 777 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1538 0100007F:A2B4 01 00000000:00000000 00:00000000 00000000   105        0 778 1 0000000000000000 100 0 0 10 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 900 1
"""
POLICY = """\
redis-server:
  Installed: (none)
  Candidate: 5:7.0.15-1~deb12u4
  Version table:
     5:7.0.15-1~deb12u4 500
cargo-web:
  Installed: (none)
  Candidate: (none)
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A kernel's tables, with one socket that a process has as well as systemd, and one that nobody here has."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "tcp6").write_text(TCP6)
    for pid, name, unit in (
        (1, "systemd", "/init.scope"),
        (70, "postgres", "/system.slice/postgresql@15-main.service"),
    ):
        process = tmp_path / str(pid)
        (process / "fd").mkdir(parents=True)
        (process / "fd" / "5").symlink_to("socket:[777]")
        (process / "comm").write_text(f"{name}\n")
        (process / "cgroup").write_text(f"4:memory:/other\n0::{unit}\n")
    return tmp_path


def test_listeners(proc: Path) -> None:
    assert listeners(proc) == [
        Listener(80, "::1"),
        Listener(5432, "127.0.0.1", 70, "postgres", "postgresql@15-main.service"),
    ]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/nginx.service", "nginx.service"),
        (
            "12:cpu:/a\n1:name=systemd:/docker/f/cryptobot.slice/cryptobot-auth-web@1.service/x\n0::/",
            "cryptobot-auth-web@1.service",
        ),
        ("0::/docker/abc", ""),
        ("", ""),
    ],
)
def test_units(text: str, unit: str) -> None:
    assert unit_of(text) == unit


@pytest.mark.parametrize(
    ("version", "oldest", "older"),
    [
        ("5:7.0.15-1~deb12u1", "7.0", False),
        ("5:6.0.16-1", "7.0", True),
        ("2.6.12-1+deb12u2", "2.6", False),
        ("3.11", "3.11.2", True),
        ("6.1.0-18-amd64", "5.10", False),
        ("5.4", "5.10", True),
        ("unreadable", "5.10", False),
    ],
)
def test_versions(version: str, oldest: str, older: bool) -> None:
    assert software.older(version, oldest) is older


def test_candidates_and_states() -> None:
    candidates = software.parse_policy(POLICY)
    assert candidates == {"redis-server": "5:7.0.15-1~deb12u4", "cargo-web": ""}
    wanted = [
        {"name": "redis-server", "needed_by": "redis", "oldest": "7.0"},
        {"name": "cargo-web | cargo", "needed_by": "release", "oldest": ""},
        {"name": "postgresql-{postgresql}", "needed_by": "postgresql", "oldest": "15"},
    ]
    rows = software.inventory(wanted, {"postgresql-15": "15.6-0+deb12u1"}, candidates, True, 15)
    assert [(row.name, row.state) for row in rows] == [
        ("redis-server", "to install"),
        ("cargo-web", "nowhere"),
        ("postgresql-15", "present"),
    ]
    assert software.inventory(wanted[:1], {}, {}, False, 15)[0].state == "not knowable before apt update"


def test_python_sources(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    assert [one.setting for one in sources.python_sources("", {}, home, root)] == ["uv, pip: its own default"]
    (root / "etc" / "pip.conf").write_text("[global]\nindex-url = https://u:canary@pypi.example/simple/\n")
    found = sources.python_sources("", {}, home, root)
    assert [one.setting.split(":")[0] for one in found] == ["uv", "pip"]
    assert found[1].probe == "https://u:canary@pypi.example/simple/uv/"
    assert [one.url for one in sources.python_sources("https://own.example/", {"PIP_INDEX_URL": "x"}, home, root)] == [
        "https://own.example/"
    ]


def test_npm_and_cargo_settings(tmp_path: Path) -> None:
    assert sources.npm_source("", {}, tmp_path, tmp_path).url == "https://registry.npmjs.org"
    (tmp_path / ".npmrc").write_text("audit=false\nregistry = https://npm.example/\n")
    assert sources.npm_source("", {}, tmp_path, tmp_path).probe == "https://npm.example/-/ping"
    assert sources.cargo_source("", {}, tmp_path).probe == "https://index.crates.io/config.json"
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "m"\n[source.m]\nregistry = "sparse+https://crates.example/i/"\n'
    )
    assert sources.cargo_source("", {}, tmp_path).probe == "https://crates.example/i/config.json"


def test_apt_sources() -> None:
    printed = (
        "'http://deb.example/debian/dists/bookworm/InRelease' a 0"
        " \n'http://deb.example/debian/dists/bookworm/main/x.xz' b 0 \n"
    )
    assert [one.url for one in sources.apt_sources(printed)] == ["http://deb.example/debian/dists/bookworm"]
    assert sources.apt_sources("", "http://m/debian", "trixie")[0].probe == "http://m/debian/dists/trixie/InRelease"


def test_why_apt_could_not() -> None:
    said = "E: Failed to fetch http://deb.invalid/InRelease  Could not resolve 'deb.invalid'\nE: Download Failed\n"
    assert sources.why_not_fetched(said) == "Could not resolve 'deb.invalid'"
    assert sources.why_not_fetched("E: Something else\n") == "Something else"
    assert sources.why_not_fetched("") == ""


class Server(http.server.BaseHTTPRequestHandler):
    """Answers by its path, and keeps what was sent as a password."""

    seen: list[str] = []  # noqa: RUF012

    def do_GET(self) -> None:
        type(self).seen.append(self.headers.get("Authorization") or "")
        self.send_response({"/ok/uv/": 200, "/gone/uv/": 404}.get(self.path, 403))
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


def test_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://u:canary@127.0.0.1:{server.server_port}"
        asked = [sources._python("uv", f"{base}/{path}", "x") for path in ("ok", "gone", "shut")]
        asked.append(sources.Source("cargo", "git@example:index", "x"))
        answers = sources.ask_all(asked, lambda source: sources.ask_http(source, 5))
        server.shutdown()
    assert [one.reached for one in answers] == [True, True, False, True]
    assert "403" in answers[2].said
    assert "canary" not in str(answers) and "dTpjYW5hcnk=" in Server.seen[0]


def test_nobody_there_is_said() -> None:
    assert sources.ask_http(sources._python("uv", "http://127.0.0.1:9/", "x"), 2)
    assert sources.ask_http(sources._python("uv", "nonsense", "x"), 2)


def test_table_takes_findings_of_others() -> None:
    lines = table(
        [{"severity": "decision", "code": "x", "object": "services.auth", "text": "Say which.", "remedy": "a: b"}]
    )
    assert lines[0] == "DECISION  x (services.auth)" and lines[-1] == "1 decision."
    assert table([]) == ["No findings."]
