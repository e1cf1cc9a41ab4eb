"""The application made up in application.py with more of what a catalogue can say, in two releases."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from application import MIGRATE, PROJECT, Application

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import install  # noqa: E402

SEED = 7
SECOND = '    cursor.execute("CREATE TABLE IF NOT EXISTS word (id bigint PRIMARY KEY, said text)")\n'


class Releases:
    """The application's source and inventory, in its first release or its second: another version, another table, other settings."""

    def __init__(self, folder: Path, url: str) -> None:
        self.made, self.folder = Application(SEED, folder, Path("/bin/busybox"), url), folder
        self.made.write(ROOT)

    def first(self) -> dict[str, Any]:
        """Its inventory: with a directory that services share, and a pooled database."""
        return self._source("0.7.0", MIGRATE)

    def second(self) -> dict[str, Any]:
        """One service has a setting more, another a directory of pages; the database gets a table."""
        variables = self._source("0.8.0", MIGRATE + SECOND)
        variables["cryptobot_services__own"][self.made.back]["environment"]["GREETING"] = "hello"
        return variables

    def _source(self, version: str, migrate: str) -> dict[str, Any]:
        front = self.made.front
        home = self.folder / "parts" / front
        (home / "pyproject.toml").write_text(PROJECT.format(name=front).replace("0.7.0", version), encoding="utf-8")
        (home / "src" / front.replace("-", "_") / "migrate.py").write_text(migrate, encoding="utf-8")
        variables = self.made.variables()
        services = variables["cryptobot_services__own"]
        variables["cryptobot_datastores__own"]["files"] = {"kind": "directory", "moves_with": "all-at-once"}
        for name in (front, self.made.back):
            services[name]["uses"]["files"] = {}
        services[front]["uses"][self.made.store] = {"pool": "session"}
        secrets = variables["cryptobot_secrets"][front]
        secrets["postgresql_password"] = secrets["redis_password"][::-1]
        return variables


@contextlib.contextmanager
def releases(folder: Path) -> Iterator[Releases]:
    """With its program at a web server; what plays say afterwards is what a user reads, without colours."""
    for name in ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["ANSIBLE_NOCOLOR"] = "1"
    install(["busybox-static"])
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(SimpleHTTPRequestHandler, directory="/bin"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Releases(folder, f"http://127.0.0.1:{server.server_port}/busybox")
    server.shutdown()
