from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import lock
from ansible_collections.cryptobot.native.plugins.module_utils.migration.lock import Lock, LockHeld, Owner

MINE = {"host": "here", "boot": "b1", "pid": 10, "started": "100", "user": "anna"}
OTHER = {**MINE, "pid": 20}
HOLD = "import sys, time\nfrom {} import Lock\nwith Lock(sys.argv[1]).held('copy'):\n    print('held', flush=True)\n    time.sleep(60)"


@pytest.fixture
def worker(tmp_path):
    """Another process that holds the lock."""
    program = HOLD.format(Lock.__module__)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_two_processes_exclude_each_other(tmp_path, worker) -> None:
    with pytest.raises(LockHeld) as refused, Lock(tmp_path).held("verify"):
        pass
    text = str(refused.value)
    assert f"kill {worker.pid}" in text
    assert "copy" in text
    assert refused.value.holder["pid"] == worker.pid


def test_the_lock_of_a_dead_process_is_free(tmp_path, worker) -> None:
    worker.kill()
    worker.wait()
    with Lock(tmp_path).held("verify"):
        assert Lock(tmp_path).holder()["command"] == "verify"
    assert Lock(tmp_path).holder() == {}


def test_what_a_dead_play_left_working_is_ended(tmp_path, worker) -> None:
    Owner(tmp_path).take(OTHER, "migrate")
    assert Owner(tmp_path).take(MINE, "migrate", dead=lock.token(OTHER))
    assert worker.wait(5) != 0
    with Lock(tmp_path).held("verify"):
        pass


def test_nobody_else_is_ended_for_having_its_pid(tmp_path, worker) -> None:
    path = tmp_path / lock.LOCK
    path.write_text(json.dumps({**json.loads(path.read_text()), "started": "1"}), encoding="utf-8")
    assert not Lock(tmp_path).end_holder()
    assert worker.poll() is None


def test_a_second_play_is_refused_and_told_who_and_how(tmp_path) -> None:
    Owner(tmp_path).take(OTHER, "migrate")
    with pytest.raises(LockHeld) as refused:
        Owner(tmp_path).take(MINE, "rollback")
    for word in ("migrate", "anna", "here", "20", "migration_takeover=true"):
        assert word in str(refused.value)


def test_the_same_play_goes_on(tmp_path) -> None:
    owner = Owner(tmp_path)
    assert not owner.take(MINE, "migrate")
    since = owner.read()["since"]
    assert not owner.take(MINE, "migrate")
    assert owner.read()["since"] == since
    assert owner.release(MINE)
    assert owner.read() == {}
    assert not owner.release(MINE)


def test_a_play_does_not_release_another(tmp_path) -> None:
    Owner(tmp_path).take(OTHER, "migrate")
    assert not Owner(tmp_path).release(MINE)
    assert Owner(tmp_path).read()["pid"] == 20


def test_silence_and_force_give_the_host_free(tmp_path) -> None:
    owner = Owner(tmp_path)
    owner.take(OTHER, "migrate")
    assert owner.take(MINE, "rollback", force=True)
    path = tmp_path / lock.OWNER
    long_ago = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=lock.SILENCE + 5)).isoformat()
    path.write_text(json.dumps({**json.loads(path.read_text()), "seen": long_ago}), encoding="utf-8")
    assert owner.take(OTHER, "migrate")


def test_a_silent_play_keeps_the_host_while_its_process_works(tmp_path, worker) -> None:
    owner = Owner(tmp_path)
    owner.take(OTHER, "migrate")
    path = tmp_path / lock.OWNER
    long_ago = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=lock.SILENCE + 5)).isoformat()
    path.write_text(json.dumps({**json.loads(path.read_text()), "seen": long_ago}), encoding="utf-8")
    with pytest.raises(LockHeld):
        owner.take(MINE, "rollback")
    assert worker.poll() is None
    owner.beat(OTHER)
    assert lock.seconds_since(owner.read()["seen"]) < lock.SILENCE
    with pytest.raises(LockHeld):
        owner.beat(MINE)


def test_a_process_is_alive_only_with_its_start() -> None:
    assert lock.alive(os.getpid())
    assert lock.alive(os.getpid(), lock.started(os.getpid()))
    assert not lock.alive(os.getpid(), "1")
    assert not lock.alive(0)


def test_only_a_play_of_this_machine_is_seen_to_be_dead() -> None:
    here = lock.process(os.getpid())
    assert not lock.dead(here, here)
    assert lock.dead({**here, "started": "1"}, here)
    assert lock.dead({**here, "boot": "before"}, here)
    assert not lock.dead({**here, "host": "elsewhere", "boot": "another"}, here)
    # Its name alone is the same.
    assert not lock.dead({**here, "machine": "another", "boot": "another"}, here)
