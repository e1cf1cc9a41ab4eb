# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for texts in the catalogue: placeholders that exist, URLs that are some.

The texts themselves are never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .findings import Findings, suggestion
from .placeholders import INSTANCE, PlaceholderError, names, render, showable

DATASTORE_KEYS = {
    "postgresql": ("url", "host", "port", "database", "user"),
    "redis": ("url", "host", "port", "user", "index", "prefix"),
    "sqlite": ("path", "url", "directory"),
    "directory": ("path",),
}
EVERYWHERE = ("service", "release", "state", "config", "environment")
# Schemes whose URLs may go without a host.
HOSTLESS = {"file", "postgresql", "postgres", "postgresql+psycopg", "sqlite", "unix", "redis+socket", "rediss+socket"}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S*")


def check_templates(full: Mapping[str, Any], findings: Findings) -> None:
    """Every text of every service."""
    for name, service in full["services"].items():
        known = set(_known(name, full))
        path = f"services.{name}"
        credentials = {f"credentials.{key}" for key, secret in _secrets(service, full).items() if secret != "env"}
        for where, text in _texts(service["settings"], f"{path}.settings"):
            _check(
                where, text, known - {other for other in known if other.startswith("settings.")}, credentials, findings
            )
        for where, text in _texts(service["environment"], f"{path}.environment"):
            _check(where, text, known | credentials, set(), findings)
        for key, process in service["processes"].items():
            inside = f"{path}.processes.{key}"
            own = known | ({"port"} if process.get("port") else set())
            own |= set(INSTANCE) if process.get("listen") else {"instance"}
            for where, text in _texts(process["environment"], f"{inside}.environment"):
                _check(where, text, own | credentials, set(), findings)
            for where, text in _texts(process["command"], f"{inside}.command"):
                _check(where, text, own, credentials, findings)
            _check_own_socket(inside, process, findings)
        for of in ("python", "build"):
            for where, text in _texts(service[of].get("migrate", []), f"{path}.{of}.migrate"):
                _check(where, text, known, credentials, findings)


def _known(name: str, full: Mapping[str, Any]) -> Iterator[str]:
    service = full["services"][name]
    yield from EVERYWHERE
    yield from (f"urls.{other}" for other in service["calls"])
    yield from (f"settings.{key}" for key, value in service["settings"].items() if not isinstance(value, dict | list))
    for store in service["uses"]:
        kind = full["datastores"].get(store, {}).get("kind", "")
        yield from (f"datastores.{store}.{key}" for key in DATASTORE_KEYS.get(kind, ()))


def _secrets(service: Mapping[str, Any], full: Mapping[str, Any]) -> dict[str, str]:
    """Name and way of every secret that a placeholder may name, those that follow from datastores included."""
    found = {key: secret["as"] for key, secret in service["secrets"].items()}
    if any(full["datastores"].get(store, {}).get("kind") == "redis" for store in service["uses"]):
        found["redis_password"] = "credential"
    return found


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, element in value.items():
            yield from _texts(element, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, element in enumerate(value):
            yield from _texts(element, f"{path}[{index}]")


def _check(path: str, text: str, known: set[str], elsewhere: set[str], findings: Findings) -> None:
    try:
        found = list(names(text))
    except PlaceholderError as error:
        findings.add(path, str(error), "{service}, or {{literal}}")
        return
    for name in found:
        if name in known:
            continue
        if name in elsewhere:
            problem = f"{showable(name)} cannot stand here: where a secret lies is known in environment alone"
            findings.add(path, problem, f'environment: {{{name.rpartition(".")[2].upper()}_FILE: "{{{name}}}"}}')
        elif name in INSTANCE or name == "port":
            problem = f"{showable(name)} belongs to a process that listens"
            findings.add(path, problem, 'processes: {web: {listen: 18000, environment: {LISTEN: "{listen}"}}}')
        else:
            _unknown(path, name, known, findings)
    fault = url_fault(render(text, lambda name: "8000" if name.endswith(("port", "index")) else "placeholder"))
    # A whole URL out of a placeholder is ours and right.
    if fault and not any(name.endswith(".url") or name.startswith("urls.") for name in found):
        findings.add(path, fault, "https://exchange.example.com:8443/path")


def _unknown(path: str, name: str, known: set[str], findings: Findings) -> None:
    kind, __, rest = name.partition(".")
    why = {
        "urls": "{} is not in calls",
        "datastores": "{} is not a value of a datastore in uses",
        "credentials": "{} is not in secrets",
        "settings": "{} is not a plain value in settings",
    }.get(kind if rest else "", "{} is not a placeholder")
    hint = suggestion(name, known) if showable(name).startswith("{") else ""
    close = hint if hint.startswith("did you mean") else ""
    findings.add(
        path,
        why.format(showable(name)) + (f"; {close}" if close else ""),
        "{" + (sorted(known)[0]) + "}" if known else "",
    )


def _check_own_socket(path: str, process: Mapping[str, Any], findings: Findings) -> None:
    texts = [text for key in ("command", "environment") for __, text in _texts(process[key], "")]
    if process["socket"] == "own" and process.get("listen") and not any("{listen" in text for text in texts):
        problem = "says socket: own, but neither command nor environment tells the program where to listen"
        findings.add(path, problem, 'environment: {LISTEN: "{listen}"}')


def url_fault(text: str) -> str:
    """What is wrong with a text that is a URL; empty for any other text."""
    if not _URL.fullmatch(text.strip()) or " " in text.strip():
        return ""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return "is a malformed URL: host or port cannot be read"
    if parts.password:
        return "is a URL that holds a password; URLs never do here, secrets have a place of their own"
    if parts.scheme not in HOSTLESS and not parts.hostname:
        return "is a malformed URL: it has no host"
    if port == 0:
        return "is a malformed URL: port 0"
    return ""
