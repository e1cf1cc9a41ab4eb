"""How a platform looks from outside: what its doors answer, whatever a play said about it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

CATALOGUE = Path(__file__).resolve().parents[2] / "catalogues" / "cryptobot.yml"
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Sight:
    """One process as a user of the platform, or who asks systemd, sees it."""

    service: str
    unit: str
    health: str
    version: str
    url: str

    def row(self) -> dict[str, str]:
        return asdict(self)


def look(address: str, shell: Callable[[str], str]) -> list[Sight]:
    """All processes of the shipped catalogue, each asked at its public door.

    One without a door is asked of systemd, by what a shell on the host prints: its unit is active only after its own
    health check has answered. A version that nobody tells is the installed release's.
    """
    services = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))["services"]
    processes = [(service, name, spec) for service, whole in services.items() for name, spec in whole["processes"].items()]
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda each: _sight(*each, address, shell), processes))


def _sight(service: str, process: str, spec: dict[str, Any], address: str, shell: Callable[[str], str]) -> Sight:
    unit = f"cryptobot-{service}-{process}@1.service"
    if "port" not in spec:
        found = shell(f"systemctl is-active {unit}")
        return Sight(service, unit, "healthy" if found == "active" else found, _release(shell, service), "")
    url = f"http://{address}:{spec['port']}"
    health, version = _ask(url + spec["health"].get("path", "/"), spec["health"].get("expect", {}))
    return Sight(service, unit, health, version or _release(shell, service), url)


def _release(shell: Callable[[str], str], service: str) -> str:
    try:
        return str(json.loads(shell(f"cat /opt/cryptobot/{service}/current/release.json"))["version"])
    except (ValueError, KeyError):
        return ""


def _ask(url: str, expected: dict[str, Any]) -> tuple[str, str]:
    """"healthy" or what is wrong, and the version that the service tells."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return f"{error.code}: {error.read(200).decode(errors='replace')}", ""
    except (OSError, ValueError) as error:
        return f"no answer: {error}", ""
    wrong = {key: found.get(key) for key, value in expected.items() if found.get(key) != value}
    return (f"unexpected {wrong}" if wrong else "healthy"), str(found.get("version", ""))


def table(rows: list[Sight]) -> str:
    """The same for people."""
    lines = [("service", "unit", "health", "version", "URL"), *((s.service, s.unit, s.health, s.version, s.url) for s in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join("  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[4]]) for line in lines)
