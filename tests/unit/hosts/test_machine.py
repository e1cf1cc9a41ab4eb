"""What is read from a machine's apt settings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "hosts"))

import machine  # noqa: E402

STANZAS = """\
Types: deb
# http://snapshot.example/archive
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
LINES = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://lines.example/debian bookworm main
deb http://lines.example/security/ bookworm-security main
deb-src http://sources.example/debian bookworm main
"""


@pytest.fixture(autouse=True)
def bookworm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_os_release", lambda: {"VERSION_CODENAME": "bookworm", "VERSION_ID": "12"})


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "apt.conf.d").mkdir()
    return tmp_path


def test_stanzas(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(STANZAS)
    assert machine.archive(etc) == machine.Archive("http://mirror.example/debian", "https://mirror.example/debian-security")


def test_lines(etc: Path) -> None:
    (etc / "sources.list").write_text(LINES)
    assert machine.archive(etc) == machine.Archive("http://lines.example/debian", "http://lines.example/security")


def test_other_archives_are_not_debian(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(STANZAS)
    (etc / "sources.list.d" / "other.list").write_text("deb https://other.example/apt other-bookworm main\n")
    assert machine.archive(etc).main == "http://mirror.example/debian"


def test_nothing_said(etc: Path) -> None:
    assert machine.archive(etc) == machine.Archive()


def test_sources_of_another_release() -> None:
    text = machine.Archive("http://m.example/debian", "http://m.example/security").sources("trixie")
    assert [line.split()[-3:] for line in text.splitlines()] == [
        ["http://m.example/debian", "trixie", "main"],
        ["http://m.example/debian", "trixie-updates", "main"],
        ["http://m.example/security", "trixie-security", "main"],
    ]


def test_only_what_reaching_the_archive_needs(etc: Path) -> None:
    (etc / "apt.conf.d" / "10a").write_text('Acquire::Check-Valid-Until "false";\nAcquire::GzipIndexes "true";\n')
    (etc / "apt.conf.d" / "20b").write_text('  Acquire::http::Proxy "http://proxy.example:3142";\nDPkg::Post-Invoke {"true";};\n')
    assert machine.acquire_settings(etc) == (
        'Acquire::Check-Valid-Until "false";\nAcquire::http::Proxy "http://proxy.example:3142";\n'
    )


def test_cache_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert machine.cache_directory() == Path("/elsewhere/cryptobot-native")


def test_a_failing_command_tells_what_it_said() -> None:
    with pytest.raises(machine.MachineError, match="ended with 3:\nso it is"):
        machine.run(["sh", "-c", "echo so it is; exit 3"])
    with pytest.raises(machine.MachineError, match="is not installed"):
        machine.run(["no-such-program"])
    with pytest.raises(machine.MachineError, match="no end after"):
        machine.run(["sleep", "5"], timeout=0.05)
