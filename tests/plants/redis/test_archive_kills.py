"""An archive of Redis is saved and restored although its process dies at every point: each call goes on.

pytest tests/plants/redis/test_archive_kills.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from kill_walk import walk  # noqa: E402
from redis_lab import assert_equal, seeded, servers  # noqa: E402

IMPORTS = """
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import redis as archive

end, folder = Endpoint.from_options({"host": "127.0.0.1", "port": int(sys.argv[3])}), Path(sys.argv[4])
"""
SAVE = IMPORTS + "archive.save(end, folder / 'archive', 'redis')"
RESTORE = IMPORTS + "archive.restore(folder / 'archive', end, 'redis', 'run', Journal(folder / 'journal'))"


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[list[Endpoint]]:
    """A server with the zoo, and one that holds something else."""
    with (
        seeded(tmp_path / "source") as source,
        servers.Server(servers.free_port(), tmp_path / "target", more=["--appendonly", "yes"]) as target,
    ):
        with Endpoint.from_options(source.options).connect() as redis:
            redis.call("CONFIG", "SET", "requirepass", "")
        found = [Endpoint.from_options({"host": "127.0.0.1", "port": each.port}) for each in (source, target)]
        with found[1].connect(5) as redis:
            redis.call("SET", "left over", "1")
        yield found


def test_saving_and_restoring_survive_every_death(ends: list[Endpoint], tmp_path: Path) -> None:
    source, target = ends
    assert walk(SAVE, [source.port, tmp_path], tmp_path) == ["backup:redis:redis:manifest"]
    died = walk(RESTORE, [target.port, tmp_path], tmp_path)
    assert {"begin:restore:redis:redis", "rename:restore:redis:redis", "done:restore:redis:redis"} <= set(died)
    assert_equal(source, target)
    with target.connect(5) as redis:
        assert redis.call("EXISTS", "left over") == 0
