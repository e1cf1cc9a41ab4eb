"""What counts as healthy, and what is said of it, against a real server."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher import probe

ANSWERS = {
    "/ok": (200, {"status": "ok", "service": "auth", "checks": {"database": "ok"}}),
    "/sick": (503, {"status": "unavailable", "checks": {"database": "down: refused"}}),
    "/lies": (200, {"status": "unavailable"}),
    "/error": (500, {}),
    "/login": (302, {}),
    "/text": (200, None),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, document = ANSWERS.get(self.path, (404, {}))
        body = b"<html>" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/ok")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.mark.parametrize(
    ("path", "expect", "healthy", "said"),
    [
        ("/ok", None, True, "200"),
        ("/ok", {"status": "ok"}, True, "200"),
        ("/ok", {"checks": {"database": "ok"}}, True, "200"),
        ("/ok", {"checks": {"redis": "ok"}}, False, "expected"),
        ("/sick", {"status": "ok"}, False, "503 .*database.*down: refused"),
        ("/lies", {"status": "ok"}, False, "200 .*unavailable.*expected"),
        ("/error", None, False, "500 .*expected 200"),
        ("/missing", None, False, "404 .*expected 200"),
        ("/login", None, False, "302 .*redirected to /ok"),
        ("/text", {"status": "ok"}, False, "expected JSON"),
    ],
)
def test_http(server: str, path: str, expect, healthy: bool, said: str) -> None:
    seen = probe.ask(server + path, expect)
    assert seen.healthy is healthy
    assert __import__("re").search(said, seen.saw), seen.saw


def test_a_closed_port_says_so() -> None:
    assert probe.ask("tcp://127.0.0.1:1") == probe.Seen(False, "connection refused")
    assert probe.ask("http://127.0.0.1:1/x").saw == "connection refused"


def test_an_open_port(server: str) -> None:
    assert probe.ask(server.replace("http", "tcp")).healthy


def test_commands() -> None:
    assert probe.ask_command(["sh", "-c", "echo fine"]) == probe.Seen(True, "exit 0 fine")
    assert probe.ask_command(["sh", "-c", "echo one; echo two >&2; exit 3"]) == probe.Seen(False, "exit 3 two")
    assert probe.ask_command(["/nowhere/x"]).saw == "/nowhere/x: no such file or directory"
    assert probe.ask_command(["sleep", "5"], timeout=0.05).saw == "sleep did not end within 0 s"


def test_an_unknown_kind_of_address_is_explained() -> None:
    with pytest.raises(ValueError, match="write http://host:port/path"):
        probe.ask("ftp://127.0.0.1")


@pytest.mark.parametrize(
    ("command", "application", "node"),
    [
        (["celery", "-A", "a.worker", "worker"], "a.worker", "celery@box.example"),
        (["celery", "--app=a.worker", "worker", "-n", "w1@%h"], "a.worker", "w1@box.example"),
        (["celery", "-A", "a", "worker", "--hostname=w2"], "a", "w2@box.example"),
        (["celery", "-A", "a", "worker", "-n", "x@%n"], "a", "x@box"),
    ],
)
def test_the_ping_goes_to_the_worker_itself(command: list[str], application: str, node: str) -> None:
    ping = probe.celery_ping(command, "box.example")
    assert ping[:6] == ["celery", "-A", application, "inspect", "ping", "-d"]
    assert ping[6] == node


def test_a_ping_needs_an_application() -> None:
    with pytest.raises(ValueError, match="needs the application"):
        probe.celery_ping(["celery", "worker"], "box")
