"""Two sides, a router before them, a guardian, and a load: what a window is tried on, without Docker and systemd.

The router is the project's own configuration with sockets of its own; the guardian and the module `cutover` run as the
programs that they are. Of systemd there is only what starts a guardian again that has ended.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lab
import postgresql
from ansible_collections.cryptobot.native.plugins.module_utils.edge_catalogue import listen, sided_doors
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.follow.call import Follow
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer.call import wish
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import HOLD, SIDE, Files, first_values

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
VERSIONS = os.environ.get("POSTGRESQL_VERSIONS", "15 17").split()
SIDES = ("docker", "native")
DATASTORES = ("api", "trade")
GROUP = "critical"
SETTINGS = {
    "shared_buffers": "64MB", "max_wal_size": "256MB", "max_connections": "120", "wal_level": "logical",
    "synchronous_commit": "off", "max_prepared_transactions": "2", "wal_retrieve_retry_interval": "200ms",
    "max_wal_senders": "20", "max_replication_slots": "20",
}  # fmt: skip
SCHEMA = {
    "trade": "CREATE TABLE orders (id text UNIQUE NOT NULL, n bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());"
    "CREATE TABLE journal (id text, at timestamptz DEFAULT clock_timestamp())",
    "api": "CREATE TABLE calls (id text UNIQUE NOT NULL, n bigserial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp());"
    "CREATE TABLE notes (id text, at timestamptz DEFAULT clock_timestamp())",
}
TABLES = {"trade": ("orders", "journal"), "api": ("calls", "notes")}
COLLECTION = "ansible_collections.cryptobot.native.plugins"


def other(side: str) -> str:
    return SIDES[side == SIDES[0]]


def program(name: str, package: str) -> str:
    """A program that the tests need, installed where it is missing."""
    if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        # Only the program: its service would take the router's place.
        subprocess.run(["systemctl", "mask", f"{package}.service"], check=False, capture_output=True)
        apt = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": False, "capture_output": True}
        words = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        if subprocess.run(words, **apt).returncode:
            subprocess.run(["apt-get", "update"], **apt)
            if subprocess.run(words, **apt).returncode:
                raise RuntimeError(f"{name} is not here and could not be installed: apt-get install {package}")
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") or name


class Guardian:
    """The guardian's program, started again whenever it ends. ``said`` are its lines with their times."""

    def __init__(self, stage: Stage, module: str = f"{COLLECTION}.module_utils.cutover.guardian") -> None:
        self._words = [sys.executable, "-m", module, "--directory", str(stage.state), "--socket", str(stage.socket),
                       "--master", str(stage.master)]  # fmt: skip
        self._environment, self._over = stage.environment, threading.Event()
        self.said: list[tuple[float, str]] = []
        self.process = self._start()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(self._words, env=self._environment, stderr=subprocess.PIPE, text=True, cwd="/")

    def _keep(self) -> None:
        while True:
            assert self.process.stderr
            for line in self.process.stderr:
                self.said.append((time.time(), line.rstrip()))
            self.process.wait()
            if self._over.is_set():
                return
            self.process = self._start()

    def since(self, moment: float, text: str) -> float | None:
        """When a line with this text came."""
        return next((at for at, line in self.said if at >= moment and text in line), None)

    def stop(self) -> None:
        self._over.set()
        self.process.kill()
        self._thread.join(10)


class Stage:
    """Everything below one folder; `with` starts and removes it."""

    def __init__(self) -> None:
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
        self.ports = {side: {name: lab.free_port() for name in DATASTORES} for side in SIDES}
        self.doors = {name: self._door(name) for name in DATASTORES}
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

    # Its parts

    def _door(self, name: str) -> dict[str, Any]:
        servers = [{"name": "a1", "address": f"127.0.0.1:{self.ports['native'][name]}"}]
        return {"name": f"{name}_web", "service": name, "process": "web", "public": lab.free_port(),
                "internal": lab.free_port(), "servers": servers, "live": "/live"}  # fmt: skip

    @property
    def catalogue(self) -> dict[str, Any]:
        process = {"web": {"docker": {"service": "x", "port": 80}}}
        return {
            "edge": {"port": lab.free_port(), "bind": "127.0.0.1"},
            "hosts": {"box": {"address": "127.0.0.1", "services": list(DATASTORES)}},
            "doors": list(self.doors.values()),
            "services": {name: {"migration_group": GROUP, "processes": process} for name in DATASTORES},
            "routes": [],
        }

    @property
    def sided(self) -> list[dict[str, Any]]:
        return sided_doors(self.catalogue, "box", {"groups": {GROUP: "docker"}})

    def place(self, side: str, name: str) -> lab.Place:
        return lab.Place(self.servers[side], f"{name}_db" if side == "docker" else name)

    def __enter__(self) -> Stage:
        # Told to end, everything below the folder ends, too.
        signal.signal(signal.SIGTERM, lambda *__: sys.exit(143))
        try:
            self._start()
        except BaseException:
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
        for server in self.servers.values():
            with suppress(Exception):
                server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self) -> None:
        self.password.write_text(postgresql.PASSWORD)
        (self.folder / "bin").mkdir()
        fake = self.folder / "bin" / "systemctl"
        fake.write_text("#!/bin/sh\necho active\n")
        fake.chmod(0o755)
        for server in self.servers.values():
            server.start()
            lab.Place(server, "postgres").sql(f"CREATE ROLE {lab.APP} LOGIN PASSWORD '{lab.APP}'")
        for name in DATASTORES:
            place = self.place("docker", name)
            lab.Place(self.servers["docker"], "postgres").sql(f"CREATE DATABASE {place.database} OWNER {lab.APP}")
            place.sql("GRANT ALL ON SCHEMA public TO app")
            place.sql(SCHEMA[name], user=lab.APP)
        self._follow()
        for side in SIDES:
            for name in DATASTORES:
                self._service(side, name)
        # Before the router, which would count them down.
        for port in [port for ports in self.ports.values() for port in ports.values()]:
            _answers(port, "/live")
        self._router()
        for door in self.doors.values():
            _answers(door["public"], "/count")
        self.guardian = Guardian(self)

    def _follow(self) -> None:
        given = [
            wish({"datastore": name, "source": f"{name}_db", "target": name, "owner": lab.APP, "access": {}})
            for name in DATASTORES
        ]
        ends = [self.place(side, DATASTORES[0]).endpoint for side in SIDES]
        Follow(Journal(self.folder / "journal"), "run", *ends, given, 2, 30.0).begin()

    def _service(self, side: str, name: str) -> None:
        dsns = [
            f"host=127.0.0.1 port={self.servers[side].port} user=app password=app dbname={self.place(side, each).database}"
            for each in ("trade", "api")
        ]
        inner = f"http://127.0.0.1:{self.doors['api']['internal']}"
        self.spawn([sys.executable, HERE / "service.py", self.ports[side][name], *dsns, inner])

    def _router(self) -> None:
        self.state.mkdir()
        (self.state / "lock").touch()
        files = Files(self.state)
        for name, values in first_values({GROUP: "docker"}).items():
            files.write_map(name, values)
        sides = {"groups": {GROUP: "docker"}}
        catalogue = self.catalogue
        given = {
            "edge_catalogue": catalogue, "edge_sides": sides, "__edge_state": str(self.state), "edge_check_timeout_seconds": 3,
            "__edge_hold": str(self.folder / "hold.lua"), "edge_server_seconds": 25, "edge_hold_seconds": 10,
        }  # fmt: skip
        render = _module("edge_templates", ROOT / "tests" / "unit" / "roles" / "test_edge_templates.py").render
        sockets = {name.upper(): address for name, address in listen(catalogue, "box", 0, sides).items()}
        text = re.sub(r'"fd@\$\{(\w+)\}"', lambda found: sockets[found[1]], render("edge.cfg.j2", **given))
        text = text.replace("/run/cryptobot-edge/", f"{self.folder}/").replace("log stderr format raw daemon info", "")
        (self.folder / "edge.cfg").write_text(text.replace("    server-state-file", "    # server-state-file"))
        template = ROOT / "roles" / "edge" / "templates" / "usr" / "lib" / "cryptobot" / "router" / "hold.lua.j2"
        lua = template.read_text().replace("{{ __edge_state }}", str(self.state)).replace("{{ edge_hold_seconds }}", "10")
        (self.folder / "hold.lua").write_text(lua)
        self.start_haproxy()

    def start_haproxy(self) -> None:
        words = [program("haproxy", "haproxy"), "-W", "-S", f"{self.master},mode,660", "-f", self.folder / "edge.cfg"]
        containers = {
            door["variable"]: f"127.0.0.1:{self.ports['docker'][door['name'].removesuffix('_web')]}" for door in self.sided
        }
        self.haproxy = self.spawn(words, containers)

    def spawn(self, words: list[Any], environment: dict[str, str] | None = None) -> subprocess.Popen:
        """A program that ends with the stage."""
        with (self.folder / "programs.log").open("a") as said:
            process = subprocess.Popen(
                [str(word) for word in words], env={**self.environment, **(environment or {})}, stdout=said, stderr=said
            )
        self._running.append(process)
        return process

    # A window

    def arguments(self, to: str, **more: Any) -> dict[str, Any]:
        servers = {
            side: {"host": "127.0.0.1", "port": server.port, "user": "postgres", "password_file": str(self.password)}
            for side, server in self.servers.items()
        }
        databases = [
            {"datastore": name, **{side: self.place(side, name).database for side in SIDES}} for name in DATASTORES
        ]
        return {
            "to": to, "groups": [GROUP], "doors": self.sided, "servers": servers, "databases": databases,
            "directory": str(self.state), "sides": str(self.sides), "socket": str(self.socket), "master": str(self.master),
            **more,
        }  # fmt: skip

    def begin(self, to: str, faults: str = "", hollow: str = "", check: bool = False, **more: Any) -> subprocess.Popen:
        """The module `cutover`, as Ansible runs it. ``faults``: lines for the fault points."""
        self.faults.unlink(missing_ok=True)
        descriptor = os.open(self.faults, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(faults)
        given = {"_ansible_check_mode": check, "_ansible_diff": True, "_ansible_remote_tmp": "/tmp"}
        words = [sys.executable, str(HERE / "hollow.py") if hollow else str(ROOT / "plugins" / "modules" / "cutover.py")]
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

    @contextmanager
    def load(self) -> Iterator[None]:
        process = self.spawn([sys.executable, HERE / "load.py", self.doors["trade"]["public"], self.log])
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
        """Answers that came in between."""
        with self.log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 6_000_000))
            lines = file.read().decode().splitlines()
        found = [Request(*parts) for line in lines if len(parts := line.split("\t")) == 6 and parts[0][:1].isdigit()]
        return [each for each in found if each.end >= since and (until is None or each.end <= until)]

    def writer(self) -> str | None:
        """The side on which every database is open; None while that is not so of exactly one."""
        open_ = []
        for side in SIDES:
            with suppress(Exception):
                rows = [self.place(side, name).sql("SELECT state FROM migration.fence")[0][0] for name in DATASTORES]
                if set(rows) == {"open"}:
                    open_.append(side)
        return open_[0] if len(open_) == 1 else None

    def rows(self, side: str, since: float) -> dict[str, dict[str, int]]:
        """By table, ids that were written since, and how often each is there."""
        found = {}
        for name, tables in TABLES.items():
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


class Request:
    """One line of the load's log."""

    def __init__(self, start: str, end: str, kind: str, status: str, row: str, said: str) -> None:
        self.start, self.end, self.write = float(start), float(end), kind == "w"
        self.status, self.row, self.said = int(status), row, said


class Sampler:
    """Looks for two open sides: one, the other, and the first again, so that it is never the order of reading."""

    def __init__(self, stage: Stage) -> None:
        self._stage, self._over = stage, threading.Event()
        self.found: list[tuple[float, str]] = []
        self._sessions: dict[tuple[str, str], Any] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _open(self, side: str, name: str) -> bool:
        try:
            if (side, name) not in self._sessions:
                self._sessions[side, name] = self._stage.place(side, name).connect("postgres")
            with self._sessions[side, name].cursor() as cursor:
                cursor.execute("SELECT state FROM migration.fence")
                return cursor.fetchone()[0] == "open"
        except Exception:
            self._sessions.pop((side, name), None)
            return False

    def _run(self) -> None:
        while not self._over.wait(0.02):
            for name in DATASTORES:
                if self._open(SIDES[0], name) and self._open(SIDES[1], name) and self._open(SIDES[0], name):
                    self.found.append((time.time(), name))

    def stop(self) -> None:
        self._over.set()
        self._thread.join(10)
        for session in self._sessions.values():
            session.close()


def result(process: subprocess.Popen, seconds: float = 90) -> dict[str, Any]:
    """What a module said; `killed` where it was."""
    out, err = process.communicate(timeout=seconds)
    if not out:
        return {"failed": True, "killed": process.returncode == -signal.SIGKILL, "msg": err[-2000:]}
    return json.loads(out)


def _answers(port: int, path: str, seconds: float = 60) -> None:
    """Wait until something answers there, with whatever status."""
    until = time.monotonic() + seconds
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            connection.getresponse()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        finally:
            connection.close()


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
