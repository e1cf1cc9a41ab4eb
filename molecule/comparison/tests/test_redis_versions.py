"""Redis 7.0 of Debian 12 and 8.0 of Debian 13, there and back: what is newer is never followed, and what is planted is named."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from both import ROOT, made

sys.path.insert(0, str(ROOT / "tests" / "plants" / "redis"))

from redis_lab import KEYS, assert_equal, compared, copied, emptied, scattered  # noqa: E402
from redis_plants import expected, named, planted  # noqa: E402

PORT = 6390
SERVER = f"""mkdir -p /var/lib/plants && exec redis-server --port {PORT} --bind 0.0.0.0 --protected-mode no --dir /var/lib/plants \\
  --save '' --appendonly yes --repl-diskless-sync-delay 0 --daemonize yes"""
SEED = ROOT / "tests" / "seed" / "redis.py"


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Endpoint]]:
    """A server on each host, which reaches the other."""
    for each in made.values():
        subprocess.run(["docker", "exec", each["container"], "sh", "-c", SERVER], check=True)
    yield {name: Endpoint.from_options({"host": each["cryptobot_address"], "port": PORT}) for name, each in made.items()}
    for each in made.values():
        subprocess.run(["docker", "exec", each["container"], "redis-cli", "-p", str(PORT), "shutdown", "nosave"], check=True)


def seeded(end: Endpoint) -> None:
    emptied(end)
    words = [sys.executable, str(SEED), "--host", end.host, "--port", str(end.port), "--keys", str(KEYS)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    scattered(end)


@pytest.mark.parametrize(("source", "target", "way"), [("twelve", "thirteen", "replica"), ("thirteen", "twelve", "typewise")])
def test_everything_arrives_and_what_is_planted_is_named(servers, source, target, way, tmp_path):
    ends = servers[source], servers[target]
    seeded(ends[0])
    emptied(ends[1])
    transfer = copied(*ends, "auto", tmp_path)
    assert transfer.copied()[1]["way"] == way
    transfer.active()
    found = assert_equal(*ends)
    assert found["versions"]["source"].split(".")[0] != found["versions"]["target"].split(".")[0]
    planted(ends[1])
    assert named(compared(*ends)) == expected()


@pytest.mark.parametrize("way", ["replica", "restore"])
def test_a_newer_source_is_refused_before_anything_is_changed(servers, way, tmp_path):
    old = servers["twelve"]
    emptied(old)
    with old.connect(5) as redis:
        redis.call("SET", "what is there", "1")
    with pytest.raises(RedisError, match=rf"is Redis 8[.0-9]+, newer than .* by way of {way} the target would empty itself"):
        copied(servers["thirteen"], old, way, tmp_path)
    with old.connect(5) as redis:
        assert (redis.call("DBSIZE"), redis.call("GET", "what is there")) == (1, "1")
        assert "role:master" in redis.call("INFO", "replication")
