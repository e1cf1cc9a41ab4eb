"""Two Redis servers, what is copied between them, and how both are compared."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis.compare import Comparison, Wish
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer

TESTS = Path(__file__).resolve().parents[2]
KEYS = 3000
LATER = 4_102_444_800_000


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), TESTS / path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


servers = load("servers/redis.py")


@contextmanager
def seeded(folder: Path, keys: int = KEYS) -> Iterator:
    """A server with the zoo, and a password."""
    with servers.Server(servers.free_port(), folder, password="canary") as server:
        server.seed(keys)
        scattered(Endpoint.from_options(server.options))
        yield server


def scattered(source: Endpoint) -> None:
    """Sets and hashes whose members each server keeps in an order of its own."""
    with source.connect() as redis:
        commands = [("SADD", f"tags:{n}", *(f"tag-{n % 7}-{step}-{'x' * 70}" for step in range(9))) for n in range(300)]
        commands += [("HSET", f"page:{n}", *(part for step in range(9) for part in (f"f{step}", f"{n}-{'y' * 90}"))) for n in range(300)]
        redis.many(commands)


def emptied(target: Endpoint) -> None:
    with target.connect() as redis:
        redis.call("REPLICAOF", "NO", "ONE")
        redis.call("FLUSHALL")
        redis.call("FUNCTION", "FLUSH")


def copied(source: Endpoint, target: Endpoint, way: str, folder: Path, run: str = "run") -> Transfer:
    transfer = Transfer(Task(run, "redis", source, target, {}, way), Journal(folder))
    transfer.copied()
    return transfer


def compared(source: Endpoint, target: Endpoint, indices: dict | None = None) -> dict:
    return Comparison(source, target, Wish("redis", {int(a): b for a, b in (indices or {}).items()})).run()


def assert_equal(source: Endpoint, target: Endpoint, indices: dict | None = None) -> dict:
    found = compared(source, target, indices)
    assert (found["differences"], found["equal"], found["unnamed"]) == ([], True, 0)
    assert found["keys"] > KEYS
    for each in found["indices"].values():
        assert (each["keys"], each["digest"]) == (each["target_keys"], each["target_digest"])
    return found
