"""A target's file is written anew before a copy counts as kept."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis import follow, replica
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError

FAILED = "aof_rewrite_in_progress:0\r\naof_last_bgrewrite_status:err\r\naof_last_write_status:ok\r\n"
AT_WORK = FAILED.replace("in_progress:0", "in_progress:1")
WRITTEN = FAILED.replace("status:err", "status:ok")


class Server:
    """Says what it has been given, one answer after the other; refuses to write anew with these words."""

    def __init__(self, refusal: str, *answers: str) -> None:
        self.refusal, self.answers = refusal, list(answers)
        self.asked: list[str] = []

    def call(self, *words: str) -> object:
        if words[0] == "INFO":
            return self.answers.pop(0)
        self.asked.append(words[0])
        if words[0] == "BGREWRITEAOF" and self.refusal:
            raise RedisError(self.refusal)
        return "OK"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "PAUSE", 0)


def test_a_file_that_the_server_writes_anew_by_itself_is_waited_for() -> None:
    server = Server("ERR Background append only file rewriting already in progress", FAILED, AT_WORK, WRITTEN)
    assert replica.settle(server, append_only=True) == {"persistence": "append-only file"}
    assert server.asked == ["CONFIG", "BGREWRITEAOF"] and server.answers == []


def test_any_other_refusal_is_told() -> None:
    with pytest.raises(RedisError, match="NOPERM"):
        replica.settle(Server("NOPERM", FAILED), append_only=True)


def test_a_file_that_fails_twice_is_told() -> None:
    with pytest.raises(RedisError, match=r"could not write its file \(aof_last_bgrewrite_status\).*space on its disk"):
        replica.settle(Server("", FAILED, AT_WORK, FAILED), append_only=True)


LINKING = "role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6379\r\nmaster_link_status:down\r\nmaster_sync_in_progress:{}\r\n"


class Follower:
    """Has waited for ever longer each time it is asked; `idle`: seconds since its source's last sign of life."""

    def __init__(self, clock: list[float], syncing: bool, idle: str = "") -> None:
        self.clock, self.asked = clock, 0
        self.text = LINKING.format(int(syncing)) + (f"master_sync_last_io_seconds_ago:{idle}\r\n" if idle else "")

    def call(self, *words: str) -> str:
        self.clock[0] += 10
        self.asked += 1
        return self.text


@pytest.mark.parametrize(
    ("syncing", "idle", "waits"), [(False, "", False), (True, "61", False), (True, "1", True)]
)
def test_a_source_that_gives_no_sign_of_life_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, syncing: bool, idle: str, waits: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr(follow.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(follow.time, "sleep", lambda __: None)
    said = "within 1800 s" if waits else r"can't follow 10\.0\.0\.9:6379: nothing has come from there for 60 s"
    with pytest.raises(RedisError, match=said):
        follow.wait(Follower(clock, syncing, idle), "Redis on this host", 1800)
