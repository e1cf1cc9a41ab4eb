"""Two Redis servers between which a window moves, and a load that goes past every door."""

from __future__ import annotations

import importlib.util
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.definitions import CLOSED
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.fence.row import Row
from ansible_collections.cryptobot.native.plugins.module_utils.redis import pair as pairs
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import PACKET_MARK, Connection, RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.fence import Fence
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.sessions import OURS
from ansible_collections.cryptobot.native.plugins.module_utils.redis.instances import Instance
from ansible_collections.cryptobot.native.plugins.module_utils.redis.wall import Walls

ROOT = Path(__file__).resolve().parents[3]
SIDES = ("docker", "native")
PASSWORD = "the-applications"
USERS = (
    "user default on >{password} ~* &* +@all",
    "user broker on >{password} ~queue:* resetchannels &c:* -@all +@read +@write +@connection +@transaction +@pubsub "
    "-@dangerous +info",
    "user cache on >{password} ~cache:* resetchannels -@all +@connection (~cache:* resetchannels -@all +@read +set +eval +incr)",
    "user reader on >{password} ~* resetchannels -@all +@read +@connection",
    "user owner on >{password} ~* &* +@all -flushall",
    "user gone off ~* &* +@all",
)
REFUSALS = ("NOPERM", "READONLY", "can't run this command", "has no permissions to run")
PAUSE = 0.002
NUMBERS = itertools.count(1)


def _module(path: Path) -> ModuleType:
    """By its path, for a package on the disk may have its name."""
    spec = importlib.util.spec_from_file_location(f"servers_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


servers = _module(ROOT / "tests" / "servers" / "redis.py")


def other(side: str) -> str:
    return SIDES[side == SIDES[0]]


@dataclass(frozen=True)
class Intent:
    """What a pair reads of a window's intent."""

    id: str
    source: str
    target: str
    epoch: int


class Stage:
    """A server as a container has it, whose users are on its command line, and one that keeps them in a file."""

    def __init__(self, folder: Path, walls: bool = False, state: Path | None = None, more: tuple[str, ...] = ()) -> None:
        """``state``: where the book and the walls are, as the router's folder is on a host; ``more``: words of both
        servers."""
        self.folder, self._walls, self.state, self._more = folder, walls, state or folder, more
        self.servers = {side: self._server(side) for side in SIDES}
        self.writer = SIDES[0]

    def _server(self, side: str) -> Any:
        folder, port = self.folder / side, servers.free_port()
        folder.mkdir(parents=True)
        lines = [line.format(password=PASSWORD) for line in USERS]
        more: list[str] = ["--appendonly", "yes", *self._more]
        if side == SIDES[1]:
            (folder / "users.acl").write_text("\n".join(lines) + "\n")
            more += ["--aclfile", str(folder / "users.acl")]
        else:
            (folder / "redis.conf").write_text("\n".join(lines) + "\n")
        return servers.Server(port, folder, more=tuple(more), config=str(folder / "redis.conf") if side == SIDES[0] else "")

    def __enter__(self) -> Stage:
        for server in self.servers.values():
            server.__enter__()
        return self

    def __exit__(self, *__: object) -> None:
        # At once: one that ends in peace waits for whoever follows it.
        for server in self.servers.values():
            with suppress(ProcessLookupError):
                server.stop(signal.SIGKILL)

    def options(self, side: str) -> dict[str, Any]:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        return {"host": "127.0.0.1", "port": self.servers[side].port, "user": "default", "password_file": str(secret)}

    def pair(self, source: str, epoch: int = 0, before: int = 0) -> pairs.Pair:
        ends = self.options(source), self.options(other(source))
        instance = Instance(f"redis-{self.servers[SIDES[0]].port}", *ends, str(self.state), walled=self._walls, before=before)
        name = f"window-{next(NUMBERS)}"
        return pairs.Pair(Intent(name, source, other(source), epoch), instance, name)

    def connect(self, side: str, user: str = "default") -> Connection:
        redis = Connection(port=self.servers[side].port)
        redis.call("AUTH", user, PASSWORD)
        return redis

    def rights(self, side: str) -> list[str]:
        """Everyone's rights but our own users', word by word: Redis changes the words' order by itself."""
        pair = self.pair(side)
        try:
            lines = pair.session("source").call("ACL", "LIST")
        finally:
            pair.forget()
        others = [line for line in lines if line.split()[1] not in OURS]
        parts = ([" ".join(sorted(part.split())) for part in re.split(r"[()]", line)] for line in others)
        return sorted(" ( ".join(part) for part in parts)

    def begin(self) -> None:
        pair = self.pair(self.writer)
        pair.follow(30)
        pair.forget()

    def window(
        self, fenced: bool = True, until: str = "", before: dict[str, Callable[[pairs.Pair], object]] | None = None
    ) -> dict[str, float]:
        """One window, in the order of the module's; times of its steps. ``until``: the step before which it is given up,
        ``before``: what else is done before a step."""
        pair = self.windowed()
        steps = {
            "prepare": pair.prepare, "arm": pair.arm, "close": lambda: pair.close(3, False), "mark": pair.mark,
            "wait_for_mark": pair.wait_for_mark, "check": pair.check, "point": pair.point, "hand_over": lambda: None,
            "open": pair.open, "flip": lambda: setattr(self, "writer", pair.intent.target),
            "follow_back": pair.follow_back,
        }  # fmt: skip
        times: dict[str, float] = {}
        closing = Fence.close
        if not fenced:
            Fence.close = hollow
            steps.update(check=lambda: None, follow_back=lambda: None)
        try:
            for name, step in steps.items():
                if name == until:
                    give_up(pair)
                    break
                (before or {}).get(name, lambda pair: None)(pair)
                began = time.monotonic()
                step()
                times[name] = time.monotonic() - began
        finally:
            Fence.close = closing
            pair.forget()
        return times

    def windowed(self) -> pairs.Pair:
        """A pair as a window has it after its guard."""
        probe, until = self.pair(self.writer), time.monotonic() + 10
        while (found := probe.obstacles())[0] and time.monotonic() < until:
            time.sleep(0.05)
        probe.forget()
        assert not found[0], found[0]
        return self.pair(self.writer, max(found[1]) + 1, found[1][0])


def restarted(stage: Stage, side: str = "docker") -> None:
    """With its own command line, killed and started as a container is; a wall lets the look pass that it answers."""
    server = stage.servers[side]
    server.stop(signal.SIGKILL)
    server.launch()
    until = time.monotonic() + 30
    while True:
        try:
            with Connection(port=server.port, mark=PACKET_MARK) as redis:
                redis.call("AUTH", "default", PASSWORD)
                redis.call("PING")
                return
        except RedisError:
            if time.monotonic() > until:
                raise
        time.sleep(0.05)


def give_up(pair: pairs.Pair) -> None:
    """As the recovery does, with sessions of its own."""
    again = pairs.Pair(pair.intent, pair.database, f"recovery {pair.intent.id}")
    again.end_sessions(pair.intent.id, set())
    for step in (again.reopen, again.follow_on, again.disarm, again.drop_reverse):
        step()
    again.forget()


def hollow(self: Fence, epoch: int, seen: int, kept: object) -> None:
    """A fence without its rules: the key changes, and everyone may go on."""
    self._swap("closed", Row(CLOSED, epoch), {}, lambda row: True)


def one(redis: Connection, name: str, row: str) -> None:
    redis.call("SET", f"queue:{row}", "1")


def listed(redis: Connection, name: str, row: str) -> None:
    redis.call("RPUSH", f"queue:{name}", row)


def transaction(redis: Connection, name: str, row: str) -> None:
    """Queued, a pause, and carried out."""
    redis.call("MULTI")
    try:
        redis.call("RPUSH", f"queue:{name}", row)
        time.sleep(0.003)
    except RedisError:
        with suppress(RedisError):
            redis.call("DISCARD")
        raise
    redis.call("EXEC")


def scripted(redis: Connection, name: str, row: str) -> None:
    redis.call("EVAL", "return redis.call('RPUSH', KEYS[1], ARGV[1])", "1", f"queue:{name}", row)


def elsewhere(redis: Connection, name: str, row: str) -> None:
    """In another numbered database, with an expiry."""
    redis.call("SELECT", "3")
    redis.call("SET", f"queue:{row}", "1", "EX", "3600")


def cached(redis: Connection, name: str, row: str) -> None:
    """By a selector's rights."""
    redis.call("SET", f"cache:{row}", "1")


KINDS: dict[str, tuple[str, Callable[[Connection, str, str], None]]] = {
    "single": ("default", one), "list": ("broker", listed), "transaction": ("owner", transaction),
    "script": ("owner", scripted), "elsewhere": ("default", elsewhere), "selector": ("cache", cached),
}  # fmt: skip


@dataclass
class Writer:
    """Writes to the side that it is told of, and to the old one too while that lets it."""

    stage: Stage
    name: str
    stays: bool = False
    acknowledged: list[str] = field(default_factory=list)
    refused: int = 0
    failed: list[str] = field(default_factory=list)
    longest: float = 0.0

    def run(self, over: threading.Event) -> None:
        user, write = KINDS[self.name.split("-")[0]]
        lines: dict[str, Connection] = {}
        home, number = self.stage.writer, 0
        last = time.monotonic()
        while not over.is_set():
            side = home if self.stays else self.stage.writer
            number += 1
            row = f"{self.name}:{number}"
            try:
                if side not in lines:
                    lines[side] = self.stage.connect(side, user)
                write(lines[side], self.name, row)
                self.acknowledged.append(row)
                time.sleep(PAUSE)
                self.longest, last = max(self.longest, time.monotonic() - last), time.monotonic()
            except RedisError as error:
                if any(word in str(error) for word in REFUSALS):
                    self.refused += 1
                else:
                    self.failed.append(str(error))
                    if side in lines:
                        lines.pop(side).__exit__()
                time.sleep(0.001)
        for line in lines.values():
            line.__exit__()


@contextmanager
def load(stage: Stage, stays: bool = False, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[list[Writer]]:
    """One writer of each kind; ``stays``: they never change sides, as a job past the doors."""
    over = threading.Event()
    writers = [Writer(stage, f"{kind}-{next(NUMBERS)}", stays) for kind in kinds]
    threads = [threading.Thread(target=each.run, args=(over,)) for each in writers]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        yield writers
    finally:
        over.set()
        for thread in threads:
            thread.join()


def there(stage: Stage, side: str) -> set[str]:
    """Every row that a server has."""
    found: set[str] = set()
    with stage.connect(side) as redis:
        for index in ("0", "3"):
            redis.call("SELECT", index)
            for key in redis.call("KEYS", "*:*"):
                if key.startswith("migration:"):
                    continue
                if redis.call("TYPE", key) == "list":
                    found |= set(redis.call("LRANGE", key, "0", "-1"))
                else:
                    found.add(key.partition(":")[2])
    return found


def lost(stage: Stage, side: str, writers: list[Writer]) -> set[str]:
    return {row for each in writers for row in each.acknowledged} - there(stage, side)


def doubled(stage: Stage, side: str, writers: list[Writer]) -> list[str]:
    """Rows of lists that are there twice."""
    found: list[str] = []
    with stage.connect(side) as redis:
        for each in writers:
            if redis.call("TYPE", f"queue:{each.name}") == "list":
                rows = redis.call("LRANGE", f"queue:{each.name}", "0", "-1")
                found += sorted({row for row in rows if rows.count(row) > 1}) if len(rows) != len(set(rows)) else []
    return found


def program(name: str, package: str) -> None:
    """A program that the tests need, installed where it is missing."""
    if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        words = ["apt-get", "install", "--yes", "--no-install-recommends", package]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(words, env=environment, check=False, capture_output=True).returncode:
            raise RuntimeError(f"{name} is not here and could not be installed: apt-get install {package}")


def tear_down(stage: Stage) -> None:
    """No wall outlives its test."""
    walls = Walls(stage.state)
    for name in walls.read():
        walls.remove(name)
