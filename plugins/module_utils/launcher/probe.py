# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health questions and what was seen: HTTP status and JSON, TCP, UNIX socket, command."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

BODY_LIMIT = 65536
EXCERPT = 200


@dataclass(frozen=True)
class Seen:
    """`saw` is a phrase for people: the status and the start of the body, or why there was no answer."""

    healthy: bool
    saw: str


def fits(expected: Any, actual: Any) -> bool:
    """`actual` has everything that `expected` names: mappings by key, at any depth; everything else by equality."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(key in actual and fits(value, actual[key]) for key, value in expected.items())
    return bool(expected == actual)


def excerpt(body: bytes) -> str:
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1] + "…"


def judge(status: int, body: bytes, expect: Any = None, wanted: int = 200, location: str = "") -> Seen:
    """An open port, a redirect to a login page and a JSON document that says otherwise are all unhealthy."""
    saw = f"{status} {excerpt(body)}".rstrip()
    if status != wanted:
        redirected = f", redirected to {location}" if location else ""
        return Seen(False, f"{saw}{redirected} (expected {wanted})")
    if expect is None:
        return Seen(True, saw)
    try:
        document = json.loads(body)
    except ValueError:
        return Seen(False, f"{saw} (expected JSON)")
    if fits(expect, document):
        return Seen(True, saw)
    return Seen(False, f"{saw} (expected {json.dumps(expect)})")


def reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _connection(scheme: str, host: str, port: int | None, timeout: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=timeout)
    return http.client.HTTPConnection(host, port, timeout=timeout)


def ask_http(url: str, expect: Any = None, wanted: int = 200, timeout: float = 2.0, headers: Mapping[str, str] | None = None) -> Seen:
    """One GET; redirects are not followed, since the page behind one says nothing about this path."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "127.0.0.1", parts.port, timeout)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path, headers={"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        return judge(answer.status, answer.read(BODY_LIMIT), expect, wanted, answer.getheader("Location", ""))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Seen(False, reason(error))
    finally:
        connection.close()


def ask_socket(family: int, address: Any, timeout: float = 2.0) -> Seen:
    try:
        with socket.socket(family) as attempt:
            attempt.settimeout(timeout)
            attempt.connect(address)
        return Seen(True, "accepts connections")
    except OSError as error:
        return Seen(False, reason(error))


def ask_tcp(host: str, port: int, timeout: float = 2.0) -> Seen:
    return ask_socket(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port), timeout)


def ask_command(argv: Sequence[str], timeout: float = 10.0, env: Mapping[str, str] | None = None) -> Seen:
    """Exit status 0 is healthy; the last line that it wrote is what was seen."""
    try:
        done = subprocess.run(
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, env=env, check=False
        )
    except subprocess.TimeoutExpired:
        return Seen(False, f"{argv[0]} did not end within {timeout:.0f} s")
    except OSError as error:
        return Seen(False, f"{argv[0]}: {reason(error)}")
    lines = done.stdout.strip().splitlines()
    last = excerpt(lines[-1]) if lines else ""
    return Seen(done.returncode == 0, f"exit {done.returncode} {last}".rstrip())


def ask(url: str, expect: Any = None, timeout: float = 2.0) -> Seen:
    """By scheme: ``http(s)://host:port/path``, ``tcp://host:port``, ``unix:///path``."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return ask_http(url, expect, timeout=timeout)
    if parts.scheme == "tcp" and parts.hostname and parts.port:
        return ask_tcp(parts.hostname, parts.port, timeout)
    if parts.scheme == "unix":
        return ask_socket(socket.AF_UNIX, parts.path, timeout)
    raise ValueError(f"{url!r} is not a health address; write http://host:port/path, tcp://host:port or unix:///path")


def celery_ping(command: Sequence[str], hostname: str) -> list[str]:
    """The command that asks the very worker which `command` starts: same application, its own node name."""
    given = dict(zip(command, command[1:], strict=False))
    for word in command:
        name, equals, value = word.partition("=")
        if equals:
            given[name] = value
    application = given.get("-A") or given.get("--app")
    if not application:
        raise ValueError("health celery: ping needs the application in the command, as in: celery -A package.module worker")
    node = given.get("-n") or given.get("--hostname") or "celery@%h"
    node = node.replace("%h", hostname).replace("%n", hostname.partition(".")[0])
    return [command[0], "-A", application, "inspect", "ping", "-d", node if "@" in node else f"{node}@{hostname}", "-t", "5"]
