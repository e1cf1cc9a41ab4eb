"""A small application with versions: a service with a database, a program that binds its own port, and a page."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "examples/cryptobot/services/auth/requirements.lock"
DOOR, PROGRAM, PAGE = 7500, 7600, 7700

MAIN = '''\
"""Keeps rows; says its version."""

import json
import os
import time

import psycopg2

VERSION, HEALTHY, WELL_FOR = "{version}", {healthy}, {well_for}
STARTED = time.monotonic()


def database():
    return psycopg2.connect(os.environ["STORE_URL"])


def ready():
    if not HEALTHY or time.monotonic() - STARTED > WELL_FOR:
        return 503, {{"status": "broken"}}
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return 200, {{"status": "ok"}}


def keep(body):
    with database() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO row_of (name) VALUES (%s)", (json.loads(body)["id"],))
    return 201, {{}}


def answer(method, path, body):
    if path == "/health/ready":
        return ready()
    if (method, path) == ("POST", "/rows"):
        return keep(body)
    return 200, {{"status": "ok", "version": VERSION}}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status, document = answer(scope["method"], scope["path"], body)
    data = json.dumps(document).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({{"type": "http.response.start", "status": status, "headers": headers}})
    await send({{"type": "http.response.body", "body": data}})
'''
ENV = """\
import os

from alembic import context
from sqlalchemy import create_engine

engine = create_engine(os.environ["STORE_URL"].replace("postgresql:", "postgresql+psycopg2:", 1))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""
SCRIPT = '''\
"""{title}"""

from alembic import op

revision = "{revision}"
down_revision = {before!r}
{serves}

def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''
PROGRAM_TEXT = """\
#!/usr/bin/python3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"status": "ok", "version": "%s"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Script:
    """A revision: statements there, statements back."""

    revision: str
    there: tuple[str, ...]
    back: tuple[str, ...] = ()
    title: str = "A change"
    serves_from: str = ""

    def text(self, before: str | None) -> str:
        def body(statements: tuple[str, ...]) -> str:
            return "\n".join(f"    op.execute({statement!r})" for statement in statements) or "    pass"

        serves = f'serves_from = "{self.serves_from}"\n' if self.serves_from else ""
        words = {"revision": self.revision, "before": before, "title": self.title, "serves": serves}
        return SCRIPT.format(**words, upgrade=body(self.there), downgrade=body(self.back))


FIRST = Script("0001", ("CREATE TABLE row_of (id bigserial PRIMARY KEY, name text NOT NULL)",), ("DROP TABLE row_of",), "Rows")
SECOND = Script("0002", ("ALTER TABLE row_of ADD note text",), ("ALTER TABLE row_of DROP note",), "Notes", "0001")


@dataclass
class Shelf:
    """Its source is written anew for each version."""

    folder: Path
    url: str

    def write(
        self,
        version: str,
        scripts: tuple[Script, ...] = (FIRST,),
        healthy: bool = True,
        well_for: float = 1e9,
        program: str = "1",
        page: str = "1",
        file: str = "index.html",
    ) -> None:
        """``well_for``: seconds for which it is healthy; ``file``: what the page consists of."""
        source = self.folder / "source"
        shutil.rmtree(source, ignore_errors=True)
        home = source / "keeper"
        (home / "migrations/versions").mkdir(parents=True)
        (home / "main.py").write_text(MAIN.format(version=version, healthy=healthy, well_for=well_for))
        (home / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
        (home / "migrations/env.py").write_text(ENV)
        (home / "migrations/script.py.mako").write_text("")
        shutil.copy(LOCK, home / "requirements.lock")
        before = None
        for script in scripts:
            (home / f"migrations/versions/{script.revision}.py").write_text(script.text(before))
            before = script.revision
        (source / "teller").mkdir()
        (source / "teller/program").write_text(PROGRAM_TEXT % program)
        (source / "page/dist").mkdir(parents=True)
        (source / "page/dist" / file).write_text(f"version {page}")

    @property
    def lock(self) -> Path:
        return self.folder / "source/keeper/requirements.lock"

    def variables(self) -> dict[str, Any]:
        """The inventory that deploys it."""
        program = self.folder / "source/teller/program"
        health = {"path": "/health/ready", "expect": {"status": "ok"}, "live": "/health/live"}
        return {
            "cryptobot_catalogue": "none",
            "cryptobot_source": {"path": str(self.folder / "source")},
            "cryptobot_migration_groups": ["all-at-once"],
            "cryptobot_entrance": {"port": 8088},
            "cryptobot_datastores__shelf": {"store": {"kind": "postgresql"}},
            "cryptobot_services__scenario": {},
            "cryptobot_secrets": {},
            "cryptobot_services__shelf": {
                "keeper": {
                    "runtime": "python",
                    "source": "keeper",
                    "python": {"migrate": ["alembic", "upgrade", "head"]},
                    "processes": {
                        "web": {
                            "command": ["uvicorn", "main:app", "--fd", "3", "--no-access-log"],
                            "port": DOOR,
                            "listen": 17500,
                            "start_timeout": 20,
                            "drain_seconds": 5,
                            "health": health,
                        },
                        "worker": {
                            "command": ["python3", "-c", "import time; time.sleep(1e6)"],
                            "exclusive": True,
                            "health": {"command": ["true"]},
                        },
                    },
                    "uses": {"store": {}},
                    "environment": {"STORE_URL": "{datastores.store.url}"},
                },
                "teller": {
                    "runtime": "binary",
                    "source": "teller",
                    "build": {
                        "kind": "none",
                        "binary": "program",
                        "url": self.url,
                        "checksum": f"sha256:{hashlib.sha256(program.read_bytes()).hexdigest()}",
                    },
                    "processes": {
                        "web": {
                            "command": ["program", "{listen.port}"],
                            "port": PROGRAM,
                            "listen": 17600,
                            "socket": "own",
                            "start_timeout": 20,
                            "health": health,
                        }
                    },
                },
                "page": {
                    "runtime": "static",
                    "source": "page",
                    "build": {"kind": "none"},
                    "processes": {"web": {"port": PAGE, "listen": 17700, "health": health}},
                },
            },
        }

    def command(self, playbook: str, *words: str, **changes: Any) -> tuple[list[str], dict[str, str]]:
        given = self.folder / "variables.yml"
        given.touch(mode=0o600)
        given.write_text(yaml.safe_dump(self.variables() | changes), encoding="utf-8")
        made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
        inventories = [f"--inventory={ROOT / 'molecule' / 'default' / 'inventory'}", f"--inventory={made}"]
        command = [str(Path(sys.executable).with_name("ansible-playbook")), *inventories, "-e", f"@{given}", *words]
        return [*command, str(ROOT / playbook)], {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}

    def play(self, playbook: str, *words: str, fails: bool = False, **changes: Any) -> str:
        """What Ansible said; that it failed, or did not, is asserted."""
        command, environment = self.command(playbook, *words, **changes)
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False
        )
        said = done.stdout + done.stderr
        assert bool(done.returncode) == fails, said[-8000:]
        return said

    def release(self, *words: str, service: str = "keeper", **more: Any) -> str:
        return self.play("playbooks/release.yml", "-e", f"release_service={service}", *words, **more)

    def go_back(self, *words: str, service: str = "keeper", **more: Any) -> str:
        return self.play("playbooks/rollback_release.yml", "-e", f"release_service={service}", *words, **more)
