"""Two sides, a router before them, a guardian, and a load: what a window is tried on, without Docker and systemd.

The router is the project's own configuration with sockets of its own; the guardian and the module `cutover` run as the
programs that they are. Of systemd there is only what starts a guardian again that has ended, and processes that run on
one side alone, where the setup has some: they take a host with systemd (on_host.py).
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lab
import postgresql
import setups
from ansible_collections.cryptobot.native.plugins.module_utils.cutover.intent import Intents
from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import listen, sided_doors
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call import Follow
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import wish
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import HOLD, SIDE, Files, first_values
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import UNIT
from caches import NAME as CACHE
from caches import Caches
from parts import SIDES, Guardian, Request, Sampler, answers, other, program, requests, result
from workers import Workers, containers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VERSIONS = os.environ.get("POSTGRESQL_VERSIONS", "15 17").split()
GROUP = "critical"
SERVICES = ("api", "trade")
HOLD_SECONDS = 22
"""Below what clients wait for."""
SETTINGS = {
    "shared_buffers": "64MB", "max_wal_size": "256MB", "max_connections": "120", "wal_level": "logical",
    "synchronous_commit": "off", "max_prepared_transactions": "2", "wal_retrieve_retry_interval": "200ms",
    "max_wal_senders": "20", "max_replication_slots": "20",
}  # fmt: skip
_TABLES = """
CREATE TABLE {} (id text UNIQUE NOT NULL, n bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());
CREATE TABLE {} (id text, at timestamptz DEFAULT clock_timestamp())"""


class Stage:
    """Everything below one folder; `with` starts and removes it."""

    durable = True
    """Whether what applications are told outlives a crash of the server, whose own default is that it need not."""

    def __init__(self, setup: setups.Setup = setups.TWO) -> None:
        self.setup, self.datastores = setup, tuple(setup.tables)
        self.folder = Path(tempfile.mkdtemp(prefix="cryptobot-window-"))
        self.folder.chmod(0o755)
        self.state, self.faults = self.folder / "router", self.folder / "faults"
        self.sides = self.folder / "sides"
        self.socket, self.master = self.folder / "guardian" / "guardian.sock", self.folder / "master.sock"
        self.log, self.password = self.folder / "load.log", self.folder / "password"
        self.servers = {
            side: postgresql.Server(version, lab.free_port(), self.folder / side, SETTINGS)
            for side, version in zip(SIDES, VERSIONS, strict=True)
        }
        self.ports = {side: {name: lab.free_port() for name in setup.services} for side in SIDES}
        self.doors = {name: self._door(name) for name in setup.services}
        self._sockets: dict[str, socket.socket] = {}
        self._running: list[subprocess.Popen] = []
        self.guardian: Guardian | None = None
        self.haproxy: subprocess.Popen | None = None
        fake = self.folder / "bin"
        self.environment = {
            **os.environ,
            "PATH": f"{fake}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
            "CRYPTOBOT_FAULTS": str(self.faults),
        }
        self.caches = Caches(self.folder / "redis", self.state) if setup.cache else None
        ports = {side: self.ports[side].get("jobs", 0) for side in SIDES}
        self.workers = Workers(self.folder, ports, self.environment["PYTHONPATH"]) if setup.jobs else None

    # Its parts

    def _door(self, name: str) -> dict[str, Any]:
        servers = [{"name": "a1", "address": f"127.0.0.1:{self.ports['native'][name]}"}]
        return {"name": f"{name}_web", "service": name, "process": "web", "public": lab.free_port(),
                "internal": lab.free_port(), "servers": servers, "live": "/live"}  # fmt: skip

    @property
    def catalogue(self) -> dict[str, Any]:
        processes = {
            name: {"web": {"docker": {"service": name, "port": port}}} for name, port in self.ports["docker"].items()
        }
        return {
            "edge": {"port": lab.free_port(), "bind": "127.0.0.1"},
            "hosts": {"box": {"address": "127.0.0.1", "services": list(self.doors)}},
            "doors": list(self.doors.values()),
            "services": {name: {"migration_group": GROUP, "processes": processes[name]} for name in self.doors},
            "routes": [],
        }

    @property
    def sided(self) -> list[dict[str, Any]]:
        return sided_doors(self.catalogue, "box", {"groups": {GROUP: "docker"}})

    @property
    def intents(self) -> Intents:
        return Intents(self.state)

    def place(self, side: str, name: str) -> lab.Place:
        return lab.Place(self.servers[side], f"{name}_db" if side == "docker" else name)

    def __enter__(self) -> Stage:
        # Told to end, everything below the folder ends, too.
        signal.signal(signal.SIGTERM, lambda *__: sys.exit(143))
        try:
            self._start()
        except BaseException as error:
            with suppress(OSError):
                error.add_note((self.folder / "programs.log").read_text(errors="replace")[-2000:])
            self.__exit__()
            raise
        return self

    def __exit__(self, *__: object) -> None:
        if self.guardian:
            self.guardian.stop()
        for process in reversed(self._running):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
        for part in (self.workers, self.caches):
            with suppress(Exception):
                if part:
                    part.stop()
        for server in self.servers.values():
            with suppress(Exception):
                server.remove()
        for each in self._sockets.values():
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        self.password.write_text(postgresql.PASSWORD)
        (self.folder / "bin").mkdir()
        self.state.mkdir()
        self._fake_programs()
        if self.datastores:
            self._databases()
        if self.caches:
            self.caches.start()
        if self.workers:
            self.workers.start()
        for side in SIDES:
            for name in SERVICES:
                self._service(side, name)
        # Before the router, which would count them down.
        for port in [ports[name] for ports in self.ports.values() for name in SERVICES]:
            answers(port, "/live")
        self._router()
        for door in self.doors.values():
            answers(door["public"], "/count")
        self.guardian = Guardian(self)

    def _fake_programs(self) -> None:
        """The router is no unit here, and containers are units."""
        unit = self.workers.units["docker"] if self.workers else ""
        book = self.folder / "containers.json"
        book.write_text(containers(self.setup.services, unit))
        for name, text in {
            "systemctl": f'case "$*" in *{UNIT}) echo active ;; *) exec /usr/bin/systemctl "$@" ;; esac',
            "docker": f'exec {sys.executable} -I {HERE / "fake_docker.py"} {book} "$@"',
        }.items():
            fake = self.folder / "bin" / name
            fake.write_text(f"#!/bin/sh\n{text}\n")
            fake.chmod(0o755)

    def _databases(self) -> None:
        for server in self.servers.values():
            server.start()
            lab.Place(server, "postgres").sql(f"CREATE ROLE {lab.APP} LOGIN PASSWORD '{lab.APP}'")
            if self.durable:
                lab.Place(server, "postgres").sql(f"ALTER ROLE {lab.APP} SET synchronous_commit = on")
        for name, tables in self.setup.tables.items():
            place = self.place("docker", name)
            lab.Place(self.servers["docker"], "postgres").sql(f"CREATE DATABASE {place.database} OWNER {lab.APP}")
            place.sql("GRANT ALL ON SCHEMA public TO app")
            for pair in zip(tables[::2], tables[1::2], strict=True):
                place.sql(_TABLES.format(*pair), user=lab.APP)
        self.fill()
        self.following.begin()

    def fill(self) -> None:
        """What is in the databases before anything follows them: nothing."""

    @property
    def following(self) -> Follow:
        given = [
            wish({"datastore": name, "source": f"{name}_db", "target": name, "owner": lab.APP, "access": {}})
            for name in self.datastores
        ]
        ends = [self.place(side, self.datastores[0]).endpoint for side in SIDES]
        return Follow(Journal(self.folder / "journal"), "run", *ends, given, 2, 30.0)

    def _service(self, side: str, name: str) -> None:
        given: dict[str, Any] = {"inner": self.doors["api"]["internal"]}
        for table in ("orders", "calls", "entries"):
            if database := self.setup.database(table):
                place = self.place(side, database)
                at = f"host=127.0.0.1 port={place.server.port} dbname={place.database}"
                given[table] = f"{at} user={lab.APP} password={lab.APP}"
        if self.caches:
            given["cache"] = self.caches.spec(side)
        if self.workers:
            given["jobs"] = self.doors["jobs"]["internal"]
        path = self.folder / f"service-{side}.json"
        path.write_text(json.dumps(given))
        self.spawn([sys.executable, HERE / "service.py", self.ports[side][name], path])

    def _router(self) -> None:
        (self.state / "lock").touch()
        files = Files(self.state)
        for name, values in first_values({GROUP: "docker"}).items():
            files.write_map(name, values)
        sides = {"groups": {GROUP: "docker"}}
        catalogue = self.catalogue
        given = {
            "edge_catalogue": catalogue, "edge_sides": sides, "__edge_state": str(self.state),
            "edge_check_timeout_seconds": 3, "__edge_hold": str(self.folder / "hold.lua"), "edge_server_seconds": 25,
            "edge_hold_seconds": HOLD_SECONDS,
        }  # fmt: skip
        render = _module("edge_templates", ROOT / "tests" / "unit" / "roles" / "test_edge_templates.py").render
        for name, address in listen(catalogue, "box", 0, sides).items():
            at, __, port = address.rpartition(":")
            self._sockets[name.upper()] = socket.create_server((at, int(port)), backlog=1024)
        text = render("edge.cfg.j2", **given).replace("/run/cryptobot-edge/", f"{self.folder}/")
        text = text.replace("log stderr format raw daemon info", "")
        (self.folder / "edge.cfg").write_text(text.replace("    server-state-file", "    # server-state-file"))
        template = ROOT / "roles" / "edge" / "templates" / "usr" / "lib" / "cryptobot" / "router" / "hold.lua.j2"
        lua = template.read_text().replace("{{ __edge_state }}", str(self.state))
        lua = lua.replace("{{ edge_hold_seconds }}", str(HOLD_SECONDS))
        (self.folder / "hold.lua").write_text(lua)
        self.start_haproxy()

    def start_haproxy(self) -> None:
        """With sockets that outlive it, as systemd keeps them on a host."""
        words = [program("haproxy", "haproxy"), "-W", "-S", f"{self.master},mode,660", "-f", self.folder / "edge.cfg"]
        ports = self.ports["docker"]
        containers = {
            door["variable"]: f"127.0.0.1:{ports[door['name'].removesuffix('_web')]}" for door in self.sided
        }
        descriptors = {name: each.fileno() for name, each in self._sockets.items()}
        given = {name: str(number) for name, number in descriptors.items()}
        self.haproxy = self.spawn(words, {**containers, **given}, tuple(descriptors.values()))

    def spawn(
        self, words: list[Any], environment: dict[str, str] | None = None, descriptors: tuple[int, ...] = ()
    ) -> subprocess.Popen:
        """A program that ends with the stage."""
        with (self.folder / "programs.log").open("a") as said:
            process = subprocess.Popen(
                [str(word) for word in words], env={**self.environment, **(environment or {})},
                stdout=said, stderr=said, pass_fds=descriptors,
            )  # fmt: skip
        self._running.append(process)
        return process

    # A window

    def arguments(self, to: str, **more: Any) -> dict[str, Any]:
        servers = {
            side: {"host": "127.0.0.1", "port": server.port, "user": "postgres", "password_file": str(self.password)}
            for side, server in self.servers.items()
        }
        databases = [
            {"datastore": name, **{side: self.place(side, name).database for side in SIDES}} for name in self.datastores
        ]
        caches = [{"datastore": CACHE, **{side: self.caches.options(side) for side in SIDES}}] if self.caches else []
        return {
            "to": to, "groups": [GROUP], "doors": self.sided, "servers": servers, "databases": databases,
            "directory": str(self.state), "sides": str(self.sides), "socket": str(self.socket),
            "master": str(self.master), "caches": caches, **(self.workers.arguments() if self.workers else {}), **more,
        }  # fmt: skip

    def begin(self, to: str, faults: str = "", hollow: str = "", check: bool = False, **more: Any) -> subprocess.Popen:
        """The module `cutover`, as Ansible runs it. ``faults``: lines for the fault points."""
        self.faults.unlink(missing_ok=True)
        descriptor = os.open(self.faults, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(faults)
        given = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
        if self.workers:
            if to != self.writer():
                self.workers.copy(to, self.sides)
            hollow = f"{hollow},adoption"
        module = HERE / "hollow.py" if hollow else ROOT / "plugins" / "modules" / "cutover.py"
        words = [sys.executable, str(module)]
        process = subprocess.Popen(
            words, env={**self.environment, "HOLLOW": hollow}, text=True, cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {**self.arguments(to, **more), **given}}))
        process.stdin.close()
        process.stdin = None
        return process

    def switch(self, to: str, **more: Any) -> dict[str, Any]:
        """A whole window, and the module's result."""
        return result(self.begin(to, **more))

    def points(self) -> list[str]:
        """The points that were reached."""
        return [line for line in self.faults.read_text().splitlines() if line]

    # What is there

    def clients(self, port: int, log: Path, *words: object) -> subprocess.Popen:
        """Writers and readers, until they are told to end."""
        return self.spawn([sys.executable, HERE / "clients.py", port, log, *words])

    @contextmanager
    def load(self, *words: object) -> Iterator[None]:
        """What `clients.py` does with these words, and the look for two open sides."""
        process = self.clients(self.doors["trade"]["public"], self.log, *words)
        sampler = Sampler(self)
        try:
            time.sleep(1.5)
            self.both_open = sampler.found
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            sampler.stop()

    def requests(self, since: float, until: float | None = None) -> list[Request]:
        """Answers of the load that came in between."""
        return requests(self.log, since, until)

    def writer(self) -> str | None:
        """The side on which every database is open, and the Redis; None while that is not so of exactly one."""
        open_ = []
        for side in SIDES:
            with suppress(Exception):
                places = [self.place(side, name) for name in self.datastores]
                states = {place.sql("SELECT state FROM migration.fence")[0][0] for place in places}
                if states <= {"open"} and (self.caches is None or self.caches.writable(side)):
                    open_.append(side)
        return open_[0] if len(open_) == 1 else None

    def rows(self, side: str, since: float) -> dict[str, dict[str, int]]:
        """By table, ids that were written since, and how often each is there."""
        found = {}
        for name, tables in self.setup.tables.items():
            for table in tables:
                text = f"SELECT id, count(*) FROM {table} WHERE at > to_timestamp(%s) GROUP BY id"
                found[table] = dict(self.place(side, name).sql(text, since))
        return found

    def map(self, name: str) -> dict[str, str]:
        return Files(self.state).read_map(name)

    def led(self) -> str:
        return self.map(SIDE)[GROUP]

    def held(self) -> bool:
        return any(value != "0" and float(value.split(",")[0]) > time.time() for value in self.map(HOLD).values())


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
