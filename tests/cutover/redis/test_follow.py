"""The module `redis_follow` on two servers: what it makes, leaves, puts right after a restart, and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis_window as lab
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.following import Following
from ansible_collections.cryptobot.native.plugins.modules.redis_follow import work


def options(stage: lab.Stage, side: str = "docker", **more: Any) -> dict[str, Any]:
    found = {
        "datastore": stage.pair(side).datastore, "side": side, "source": stage.options(side),
        "target": stage.options(lab.other(side)), "reached": {}, "replace": False, "seconds": 30.0, "state": "following",
        "directory": str(stage.state), "sides": str(stage.folder / "migration"),
    }  # fmt: skip
    return {**found, **more}


def writes_natively(stage: lab.Stage) -> None:
    """The record of sides says so."""
    folder = Path(options(stage)["sides"])
    folder.mkdir(exist_ok=True)
    entry = {"writer": "native", "run": "r", "since": "s"}
    record = {"version": 1, "groups": {}, "datastores": {stage.pair("docker").datastore: entry}}
    (folder / "sides.json").write_text(json.dumps(record))


@pytest.fixture
def fresh(tmp_path):
    """Two servers of which neither follows."""
    with lab.Stage(tmp_path) as found:
        yield found


def keys(stage: lab.Stage, side: str) -> int:
    with stage.connect(side) as redis:
        return redis.call("DBSIZE")


def test_it_follows_once_and_check_mode_changes_nothing(fresh) -> None:
    with fresh.connect("docker") as redis:
        redis.call("SET", "queue:1", "1")
    before = fresh.connect("docker").call("ACL", "LIST")
    assert work(options(fresh), check=True)["changed"] and keys(fresh, "native") == 0
    assert fresh.connect("docker").call("ACL", "LIST") == before
    done = work(options(fresh), check=False)
    assert (done["changed"], done["following"]) == (True, True)
    with fresh.connect("native") as redis, pytest.raises(RedisError, match="NOPERM"):
        assert redis.call("GET", "queue:1") == "1"
        redis.call("SET", "queue:2", "1")
    assert not work(options(fresh), check=False)["changed"]


def test_keys_from_elsewhere_are_not_replaced(fresh) -> None:
    with fresh.connect("native") as redis:
        redis.call("SET", "queue:theirs", "1")
    with pytest.raises(RedisError, match="holds 1 keys that came from elsewhere.*FLUSHALL"):
        work(options(fresh), check=False)
    assert keys(fresh, "native") == 1
    assert work(options(fresh, replace=True), check=False)["following"]


def test_the_side_that_writes_is_followed_and_no_other(fresh) -> None:
    writes_natively(fresh)
    with pytest.raises(RedisError, match="is native, not docker: following would replace"):
        work(options(fresh), check=False)


def test_both_must_be_of_one_version(fresh, monkeypatch) -> None:
    from ansible_collections.cryptobot.native.plugins.module_utils.redis import facts

    seen = facts.gather

    def older(endpoint):
        found = seen(endpoint)
        new = str(fresh.servers["native"].port) in found.title
        return found if new else type(found)(**{**vars(found), "version": (6, 2, 1)})

    monkeypatch.setattr(facts, "gather", older)
    assert "is Redis 6.2.1 and" in Following(options(fresh)).refusals()[0]


def test_after_a_restart_it_follows_again_the_way_back_too(walled) -> None:
    """The old one, with its users on its command line, has come back as a server of its own: it follows again, closed."""
    walled.window()
    lab.restarted(walled)
    writes_natively(walled)
    assert work(options(walled, "native"), check=False)["following"]
    with lab.load(walled) as writers:
        walled.window()
    assert lab.lost(walled, "docker", writers) == set()


def test_nobody_follows_any_more_and_both_are_as_before(fresh) -> None:
    """There and back by two windows, so that either has been closed; then it is given up, and begun anew."""
    before = {side: fresh.rights(side) for side in lab.SIDES}
    (fresh.state / f"redis-{fresh.pair('docker').datastore}.json").unlink(missing_ok=True)
    with fresh.connect("docker") as redis:
        redis.call("SET", "queue:1", "1")
    work(options(fresh), check=False)
    for __ in range(2):
        fresh.window()
    assert keys(fresh, "native") > 0
    absent = options(fresh, state="absent")
    assert work(absent, check=True)["changed"] and keys(fresh, "native") > 0
    assert work(absent, check=False)["changed"] and keys(fresh, "native") == 0
    assert not work(absent, check=False)["changed"]
    for side in lab.SIDES:
        with fresh.connect(side) as redis:
            assert {*redis.call("ACL", "USERS")} & lab.OURS == set()
            assert redis.call("KEYS", "migration:*") == [] and "role:master" in redis.call("INFO", "replication")
    with fresh.connect("native") as redis:
        redis.call("SET", "queue:2", "1")
        redis.call("FLUSHALL")
    assert work(options(fresh), check=False)["following"]
    assert {side: fresh.rights(side) for side in ["docker"]} == {"docker": before["docker"]}


def test_what_is_written_natively_goes_back_first(fresh) -> None:
    work(options(fresh), check=False)
    writes_natively(fresh)
    with pytest.raises(RedisError, match="is written natively, and Docker's Redis follows.*cryptobot.native.rollback"):
        work(options(fresh, state="absent"), check=False)
