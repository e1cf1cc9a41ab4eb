"""The launcher as a program: it becomes the command, with its socket, its secrets and its readiness."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[5]
LAUNCH = ROOT / "roles/launcher/files/usr/lib/cryptobot/launch"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A copy of what the role installs."""
    programs = tmp_path / "lib"
    programs.mkdir()
    (programs / "launch").write_bytes(LAUNCH.read_bytes())
    (programs / "launcher").symlink_to(ROOT / "plugins/module_utils/launcher")
    (tmp_path / "run").mkdir()
    return tmp_path


class Manager:
    """systemd's end of the notification socket."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(15)
        self.told: list[str] = []

    def until(self, what: str) -> None:
        while not any(what in text for text in self.told):
            data, descriptors, __, __ = socket.recv_fds(self.socket, 4096, 4)
            self.told.append(data.decode())
            for descriptor in descriptors:
                os.close(descriptor)


@pytest.fixture
def manager(tmp_path: Path):
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


def start(home: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    known = {"PATH": os.environ["PATH"], "RUNTIME_DIRECTORY": str(home / "run")}
    return subprocess.Popen(
        [sys.executable, "-I", str(home / "lib/launch"), *words], env={**known, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_it_becomes_the_program(home: Path) -> None:
    done = start(home, "--", "sh", "-c", "echo $0 $FOO", FOO="as it was", NOTIFY_SOCKET="")
    out, err = done.communicate(timeout=20)
    assert (out, err, done.returncode) == ("sh as it was\n", "", 0)


def test_ready_means_healthy(home: Path, manager: Manager) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    program = textwrap.dedent("""
        import http.server, os, socket, time
        sick = time.monotonic() + 0.5
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b'{"status": "%s"}' % (b"sick" if time.monotonic() < sick else b"ok"))
        server = http.server.HTTPServer(("", 0), Handler, bind_and_activate=False)
        server.socket = socket.socket(fileno=3)
        assert "NOTIFY_SOCKET" not in os.environ
        server.serve_forever()
    """)
    words = ["--listen", address, "--health", f"http://{address}/health", "--expect", '{"status": "ok"}', "--", sys.executable, "-c", program]
    running = start(home, *words, NOTIFY_SOCKET=manager.path)
    try:
        manager.until("READY=1")
    finally:
        running.kill()
        running.communicate(timeout=10)
    assert any(text.startswith("FDSTORE=1\nFDNAME=listen") for text in manager.told)
    assert any("waiting for health" in text and "sick" in text for text in manager.told)


def test_it_waits_for_what_comes_first(home: Path, manager: Manager) -> None:
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        running = start(home, "--after", "store=tcp://127.0.0.1:%d" % first.getsockname()[1], "--", "echo", "begun", NOTIFY_SOCKET=manager.path)
        manager.until("waiting for store: connection refused")
        assert running.poll() is None
        first.listen()
        out, err = running.communicate(timeout=20)
    assert (out, running.returncode) == ("begun\n", 0)
    assert "waiting for store: connection refused" in err
    assert any("EXTEND_TIMEOUT_USEC" in text for text in manager.told)


def test_secrets_as_files(home: Path) -> None:
    (home / "cred").mkdir()
    for name, text in (("pgpass", "*:*:*:a:b\n"), ("key", "k")):
        (home / "cred" / name).write_text(text)
        (home / "cred" / name).chmod(0o440)
    done = start(home, "--passfile", "pgpass", "--file", "key", "--", "sh", "-c", 'cat "$PGPASSFILE"', CREDENTIALS_DIRECTORY=str(home / "cred"))
    out, __ = done.communicate(timeout=20)
    assert out == "*:*:*:a:b\n"
    for name in ("pgpass", "key"):
        assert stat.S_IMODE((home / "run" / name).stat().st_mode) == 0o600


def book(home: Path, count: int) -> None:
    last = time.clock_gettime(time.CLOCK_BOOTTIME)
    (home / "run/failures.json").write_text(json.dumps({"count": count, "last": last}))


def test_a_start_is_put_off_and_says_so(home: Path) -> None:
    book(home, 2)
    began = time.monotonic()
    __, err = start(home, "--", "true").communicate(timeout=20)
    assert time.monotonic() - began >= 1
    assert "failure 2 of 10: next start in 1 s" in err
    assert "failure 2 of 10: delay of 1 s is over" in err


def test_past_the_limit_it_gives_up_once(home: Path) -> None:
    book(home, 3)
    done = start(home, "--limit", "3", "--", "true")
    __, err = done.communicate(timeout=20)
    assert (done.returncode, "giving up" in err) == (78, True)
    done = start(home, "--limit", "3", "--", "true")
    done.communicate(timeout=20)
    assert done.returncode == 0, "a plain start works again"


def test_a_program_that_is_not_there_is_named(home: Path) -> None:
    done = start(home, "--", "/opt/nowhere/program")
    __, err = done.communicate(timeout=20)
    assert (done.returncode, err) == (1, "<3>cannot start /opt/nowhere/program: No such file or directory\n")


def test_it_works_in_the_first_directory_that_exists(home: Path) -> None:
    (home / "current").mkdir()
    done = start(home, "--in", str(home / "next"), "--in", str(home / "current"), "--", "pwd")
    assert done.communicate(timeout=20)[0].strip() == str(home / "current")
