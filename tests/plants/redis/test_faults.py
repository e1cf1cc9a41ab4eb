"""What goes wrong with Redis is said in a sentence, nothing half is taken for whole, and the next run ends well.

pytest tests/plants/redis/test_faults.py

As root: a small disk is mounted.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis import follow, pages, replica
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive import redis as archive
from ansible_collections.cryptobot.native.plugins.module_utils.store_archive.manifest import ArchiveError

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / "servers")]

from lines import Line  # noqa: E402
from redis_lab import assert_equal, copied, emptied, seeded, servers  # noqa: E402

APPEND_ONLY = ("--appendonly", "yes")
SNAPSHOT = ("--save", "3600 1")
KILLED = """
import os, signal, sys
from pathlib import Path
from ansible_collections.cryptobot.native.plugins.module_utils.migration import faults
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from ansible_collections.cryptobot.native.plugins.module_utils.redis.endpoint import Endpoint
from ansible_collections.cryptobot.native.plugins.module_utils.redis import pages
from ansible_collections.cryptobot.native.plugins.module_utils.redis.transfer import Task, Transfer

point, source, target, way, folder = sys.argv[1:]
pages.REPORT_EVERY = 500
faults.point = lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None
ends = [Endpoint.from_options({"host": "127.0.0.1", "port": int(port)}) for port in (source, target)]
transfer = Transfer(Task("run", "redis", *ends, {}, way), Journal(folder))
transfer.copied()
transfer.active()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator:
    with seeded(tmp_path_factory.mktemp("source")) as made:
        with Endpoint.from_options(made.options).connect() as redis:
            redis.call("CONFIG", "SET", "requirepass", "")
        yield made


@pytest.fixture(scope="module")
def source(server) -> Endpoint:
    return Endpoint.from_options({"host": "127.0.0.1", "port": server.port})


@pytest.fixture
def target(tmp_path) -> Iterator:
    with servers.Server(servers.free_port(), tmp_path / "target", more=APPEND_ONLY) as made:
        yield made


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=3m")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def mount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)


def endpoint(server, **more) -> Endpoint:
    return replace(Endpoint.from_options(server.options), **more)


def test_a_server_that_is_not_there_is_named(source, tmp_path):
    gone = Endpoint.from_options({"host": "127.0.0.1", "port": servers.free_port()})
    with pytest.raises(RedisError, match=rf"127.0.0.1:{gone.port} does not answer: Connection refused"):
        copied(gone, source, "auto", tmp_path)


def test_a_wrong_password_is_said_and_not_shown(source, target, tmp_path):
    with pytest.raises(RedisError, match="does not let us in") as refusal:
        copied(replace(source, password="not this one", user="default2"), endpoint(target), "auto", tmp_path)
    assert "not this one" not in str(refusal.value)
    assert Journal(tmp_path).lines() == []


def test_too_little_memory_is_refused_with_figures(source, target, tmp_path):
    with endpoint(target).connect() as redis:
        redis.call("CONFIG", "SET", "maxmemory", "4mb")
    with pytest.raises(RedisError, match=r"may use 4 MB, and about \d+ MB are needed"):
        copied(source, endpoint(target), "auto", tmp_path)


def test_a_small_disk_is_refused_with_figures(source, small_disk, tmp_path):
    with servers.Server(servers.free_port(), small_disk, more=APPEND_ONLY) as target:
        with pytest.raises(RedisError, match=rf"About \d+ MB are needed .*, and 2 MB are free on their disk \({small_disk}\)"):
            copied(source, endpoint(target, local=True), "auto", tmp_path / "journal")
        with endpoint(target).connect() as redis:
            assert redis.call("DBSIZE") == 0


@pytest.mark.parametrize("way", ["replica", "restore"])
def test_a_disk_that_fills_up_ends_in_a_sentence_and_room_in_a_whole_copy(source, small_disk, tmp_path, way, monkeypatch):
    monkeypatch.setattr(follow, "SILENT_SECONDS", 5.0)
    with servers.Server(servers.free_port(), small_disk, more=APPEND_ONLY) as target:
        ends = source, endpoint(target)
        with pytest.raises(RedisError, match="disk|no headway"):
            copied(*ends, way, tmp_path / "journal")
        with pytest.raises(RedisError, match="not copied whole yet"):
            Transfer(Task("run", "redis", *ends, {}, way), Journal(tmp_path / "journal")).active()
        mount(small_disk, "remount,size=200m")
        copied(*ends, way, tmp_path / "journal").active()
        assert_equal(*ends)


@pytest.fixture
def line(server) -> Iterator[Line]:
    made = Line(server.port)
    yield made
    made.close()


def test_a_line_that_is_cut_ends_in_a_sentence_and_the_copy_goes_on(source, target, line, tmp_path, monkeypatch):
    far, near = replace(source, port=line.port), endpoint(target)
    monkeypatch.setattr(pages, "REPORT_EVERY", 500)
    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", lambda name: line.cut() if name == "copy:redis:redis:50%" else None)
        with pytest.raises(RedisError, match=rf"127.0.0.1:{line.port} (closed the connection|went away).* run again"):
            copied(far, near, "restore", tmp_path)
    with near.connect() as redis:
        assert redis.call("DBSIZE") == 0
    with pytest.raises(RedisError, match="not copied whole yet"):
        Transfer(Task("run", "redis", far, near, {}, "restore"), Journal(tmp_path)).active()
    line.mend()
    copied(far, near, "restore", tmp_path).active()
    assert_equal(source, near)


def test_a_line_that_is_cut_leaves_nobody_following(source, target, line, tmp_path, monkeypatch):
    far, near = replace(source, port=line.port), endpoint(target)
    wait = replica._wait_for_link

    def cut(*words) -> None:
        line.cut()
        wait(*words)

    monkeypatch.setattr(follow, "SILENT_SECONDS", 3.0)
    with monkeypatch.context() as patch:
        patch.setattr(replica, "_wait_for_link", cut)
        with pytest.raises(RedisError, match=rf"can't follow .*127.0.0.1:{line.port}: no headway for 3 s"):
            copied(far, near, "replica", tmp_path)
    with near.connect() as redis:
        assert "role:master" in redis.call("INFO", "replication")
        assert redis.call("CONFIG", "GET", "masterauth") == ["masterauth", ""]
    line.mend()
    copied(far, near, "replica", tmp_path).active()
    assert_equal(source, near)


@pytest.mark.parametrize("point", ["copy:redis:redis:50%", "copy:redis:redis:90%", "rename:activate:redis:redis"])
def test_a_copy_that_is_killed_goes_on(source, target, tmp_path, point):
    ports = str(source.port), str(target.port)
    words = [sys.executable, "-c", KILLED, point, *ports, "restore", str(tmp_path / "journal")]
    done = subprocess.run(words, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with endpoint(target).connect() as redis:
        assert redis.call("DBSIZE") == 0
    transfer = copied(source, endpoint(target), "restore", tmp_path / "journal")
    transfer.active()
    assert_equal(source, endpoint(target))


@pytest.mark.parametrize(("way", "kept"), [("replica", APPEND_ONLY), ("replica", SNAPSHOT), ("restore", APPEND_ONLY), ("restore", SNAPSHOT)])
def test_a_target_that_starts_again_has_everything_and_follows_nobody(source, tmp_path, way, kept):
    with servers.Server(servers.free_port(), tmp_path / "target", more=kept) as target:
        end = endpoint(target)
        emptied(end)
        copied(source, end, way, tmp_path / "journal").active()
        target.stop(signal.SIGKILL)
        target.start()
        with end.connect() as redis:
            assert "role:master" in redis.call("INFO", "replication")
            assert redis.call("CONFIG", "GET", "masterauth") == ["masterauth", ""]
        assert_equal(source, end)
        with source.connect() as redis:
            redis.call("SET", "written later", "1")
        try:
            with end.connect() as redis:
                assert redis.call("EXISTS", "written later") == 0
        finally:
            with source.connect() as redis:
                redis.call("DEL", "written later")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.write_bytes(b""), "has 0 bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "it was cut off or changed"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"zoo:number", b"zoo:nomber")), "SHA-256 is another one"),
        (lambda path: path.unlink(), "missing from the archive"),
        (lambda path: (path.parent / "manifest.json").unlink(), "no whole archive"),
    ],
)
def test_an_archive_that_is_damaged_is_refused_and_the_target_stays(source, target, tmp_path, damage, says):
    archive.save(source, tmp_path / "archive", "redis")
    damage(tmp_path / "archive" / archive.FILE)
    with endpoint(target).connect() as redis:
        redis.call("SET", "what is there", "1")
        with pytest.raises(ArchiveError, match=says):
            archive.restore(tmp_path / "archive", endpoint(target), "redis", "run", Journal(tmp_path / "journal"))
        assert (redis.call("DBSIZE"), redis.call("GET", "what is there")) == (1, "1")


def test_an_archive_brings_everything_back(source, target, tmp_path):
    saved = archive.save(source, tmp_path / "archive", "redis")
    with endpoint(target).connect() as redis:
        redis.call("SET", "what is there", "1")
    restored, found = archive.restore(tmp_path / "archive", endpoint(target), "redis", "run", Journal(tmp_path / "journal"))
    assert (restored, found["entries"]) == (True, saved["entries"])
    assert_equal(source, endpoint(target))
