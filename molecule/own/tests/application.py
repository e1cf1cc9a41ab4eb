"""Makes up an application that is not Cryptobot: two Python services, a program from elsewhere, two shared datastores."""

from __future__ import annotations

import hashlib
import random
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOCK = "examples/cryptobot/services/auth/requirements.lock"
FIRST = ("amber", "brisk", "calm", "dusty", "eager", "frosty", "gentle", "hollow")
SECOND = ("badger", "comet", "dune", "ember", "falcon", "grove", "harbor", "inlet")

MAIN = '''\
"""A service of two routes: what it has stored, and what its neighbour has."""

import json
import os
import pathlib
import urllib.request

import psycopg2
import redis


def store():
    return psycopg2.connect(os.environ["STORE_URL"])


def counter():
    password = pathlib.Path(os.environ["COUNTER_PASSWORD_FILE"]).read_text().strip()
    return redis.Redis.from_url(os.environ["COUNTER_URL"], password=password)


def add():
    with store() as database, database.cursor() as cursor:
        cursor.execute("INSERT INTO thing (maker) VALUES (%s) RETURNING id", (os.environ["MAKER"],))
        made = cursor.fetchone()[0]
    counter().incr(os.environ["COUNTER_PREFIX"] + "made")
    return 201, {"id": made}


def things():
    with store() as database, database.cursor() as cursor:
        cursor.execute("SELECT maker, count(*) FROM thing GROUP BY maker")
        return 200, dict(cursor.fetchall())


def ready():
    with store() as database, database.cursor() as cursor:
        cursor.execute("SELECT 1")
    counter().get(os.environ["COUNTER_PREFIX"] + "made")
    return 200, {"fine": True}


def neighbour():
    with urllib.request.urlopen(os.environ["NEIGHBOUR"], timeout=5) as answer:
        return 200, json.loads(answer.read())


ROUTES = {("POST", "/things"): add, ("GET", "/things"): things, ("GET", "/ready"): ready, ("GET", "/neighbour"): neighbour}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    try:
        status, found = ROUTES.get((scope["method"], scope["path"]), lambda: (404, {}))()
    except Exception as error:
        status, found = 503, {"error": type(error).__name__}
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(found).encode()})
'''
MIGRATE = '''\
"""Makes the table."""

import os

import psycopg2

with psycopg2.connect(os.environ["STORE_URL"]) as database, database.cursor() as cursor:
    cursor.execute("CREATE TABLE IF NOT EXISTS thing (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, maker text NOT NULL)")
'''
PROJECT = """\
[project]
name = "{name}"
version = "0.7.0"
requires-python = ">=3.11"

[build-system]
requires = ["uv_build>=0.8"]
build-backend = "uv_build"
"""


@dataclass
class Application:
    """Names, source and inventory variables. ``program`` is an executable file of anyone's, served at ``url``."""

    seed: int
    folder: Path
    program: Path
    url: str
    names: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        drawn = random.Random(self.seed)
        firsts, seconds = drawn.sample(FIRST, 5), drawn.sample(SECOND, 5)
        self.names = [f"{first}-{second}" for first, second in zip(firsts, seconds, strict=True)]
        self.front, self.back, self.pages, self.store, self.counter = self.names
        self.passwords = {name: secrets.token_urlsafe(24) for name in (self.front, self.back)}

    def write(self, root: Path) -> None:
        """Writes the source; the lock is one that exists, for these services need no more."""
        for service in (self.front, self.back):
            package = service.replace("-", "_")
            home = self.folder / "parts" / service
            (home / "src" / package).mkdir(parents=True)
            (home / "src" / package / "__init__.py").touch()
            (home / "src" / package / "main.py").write_text(MAIN, encoding="utf-8")
            (home / "src" / package / "migrate.py").write_text(MIGRATE, encoding="utf-8")
            (home / "pyproject.toml").write_text(PROJECT.format(name=service), encoding="utf-8")
            shutil.copy(root / LOCK, home / "requirements.lock")
        home = self.folder / "parts" / self.pages
        home.mkdir(parents=True)
        (home / "state.json").write_text('{"fine": true, "pages": 3}\n', encoding="utf-8")

    def variables(self) -> dict[str, Any]:
        """The inventory that deploys it."""
        first, second, pages = self.front, self.back, self.pages
        return {
            "cryptobot_catalogue": "none",
            "cryptobot_source": {"path": str(self.folder)},
            "cryptobot_migration_groups": ["all-at-once"],
            "cryptobot_entrance": {"port": 8088},
            "cryptobot_datastores__own": {
                self.store: {"kind": "postgresql", "moves_with": "all-at-once"},
                self.counter: {"kind": "redis", "moves_with": "all-at-once"},
            },
            "cryptobot_services__own": {
                first: self._python(first, 7100, second, "/things", migrate=True),
                second: self._python(second, 7200, pages, "/state.json"),
                pages: {
                    "runtime": "binary",
                    "source": f"parts/{pages}",
                    "build": {
                        "kind": "none",
                        "binary": "busybox",
                        "url": self.url,
                        "checksum": f"sha256:{hashlib.sha256(self.program.read_bytes()).hexdigest()}",
                        "files": ["state.json"],
                    },
                    "processes": {
                        "server": {
                            "command": ["busybox", "httpd", "-f", "-p", "{listen}", "-h", "{release}/source"],
                            "port": 7300,
                            "listen": 17300,
                            "socket": "own",
                            "health": {"path": "/state.json", "expect": {"fine": True}, "live": "/state.json"},
                        }
                    },
                },
            },
            "cryptobot_secrets": {name: {"redis_password": password} for name, password in self.passwords.items()},
        }

    def _python(self, name: str, port: int, neighbour: str, path: str, migrate: bool = False) -> dict[str, Any]:
        package = name.replace("-", "_")
        python: dict[str, Any] = {"packages": [f"parts/{name}"]}
        if migrate:
            python["migrate"] = ["python", "-m", f"{package}.migrate"]
        return {
            "runtime": "python",
            "source": f"parts/{name}",
            "python": python,
            "processes": {
                "front": {
                    "command": ["uvicorn", f"{package}.main:app", "--fd", "3", "--timeout-keep-alive", "75"],
                    "port": port,
                    "listen": port + 10_000,
                    "health": {"path": "/ready", "expect": {"fine": True}},
                    "routes": [{"path": f"/{name}", "strip": True}],
                }
            },
            "uses": {self.store: {}, self.counter: {"prefix": f"{name}:"}},
            "calls": [neighbour],
            "environment": {
                "MAKER": "{service}",
                "STORE_URL": f"{{datastores.{self.store}.url}}",
                "COUNTER_URL": f"{{datastores.{self.counter}.url}}",
                "COUNTER_PREFIX": f"{{datastores.{self.counter}.prefix}}",
                "COUNTER_PASSWORD_FILE": "{credentials.redis_password}",
                "NEIGHBOUR": f"{{urls.{neighbour}}}{path}",
            },
        }
