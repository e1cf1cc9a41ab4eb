"""The wall as nft reads it, on disk before it is on."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.client import RedisError
from ansible_collections.cryptobot.native.plugins.module_utils.redis.wall import FILE, RULES, Wall, Walls

WALL = Wall("redis docker", {"host": "172.18.0.3"}, ("172.18.0.3", 6379), (("172.18.0.1", 41234),))


class Nft:
    def __init__(self, said: str = "", there: bool = True) -> None:
        self.said, self.there, self.given = said, there, []

    def __call__(self, words, text) -> subprocess.CompletedProcess:
        if "list" in words:
            return subprocess.CompletedProcess(words, not self.there, "", "")
        self.given.append(text)
        return subprocess.CompletedProcess(words, 1 if self.said else 0, "", self.said)


def test_all_but_the_controller_and_the_link_are_refused() -> None:
    text = WALL.text()
    assert text.startswith("table inet cryptobot_redis_redis_docker\ndelete table inet cryptobot_redis_redis_docker\n")
    assert text.count("ip saddr 172.18.0.1 tcp sport 41234 ip daddr 172.18.0.3 tcp dport 6379 accept") == 3
    assert text.count("ip daddr 172.18.0.3 tcp dport 6379 meta mark != 1667387971 counter reject with tcp reset") == 3
    assert "ip6 daddr fd00::3" in Wall("a", {}, ("fd00::3", 6379)).text()


def test_walls_are_kept_and_found_again(tmp_path) -> None:
    nft = Nft()
    walls = Walls(tmp_path, nft)
    walls.put(WALL)
    assert Walls(tmp_path).read() == {"redis docker": WALL}
    assert walls.again(lambda server: ("172.18.0.9", 6379)) == ["redis docker"]
    assert (tmp_path / RULES).read_text() == nft.given[-1]
    assert walls.again(lambda server: ("172.18.0.9", 6379)) == []
    assert "172.18.0.9" in nft.given[-1] and walls.read()["redis docker"].address == ("172.18.0.9", 6379)
    walls.remove("redis docker")
    walls.remove("redis docker")
    assert walls.read() == {} and len(nft.given) == 3


def test_one_that_was_taken_away_is_put_on_again_where_it_was(tmp_path) -> None:
    Walls(tmp_path, Nft()).put(WALL)
    nft = Nft(there=False)

    def stopped(server):
        raise DockerError("it does not run")

    assert Walls(tmp_path, nft).again(stopped) == ["redis docker"] and "172.18.0.3" in nft.given[-1]


def test_what_nft_says_is_told_and_the_file_stays(tmp_path) -> None:
    with pytest.raises(RedisError, match="cannot be put on. nft says: no"):
        Walls(tmp_path, Nft("no")).put(WALL)
    assert Walls(tmp_path).read() == {"redis docker": WALL}
    with pytest.raises(RedisError, match="cannot be taken down"):
        Walls(tmp_path, Nft("no")).remove("redis docker")
    assert Walls(tmp_path).read() == {"redis docker": WALL}
    (tmp_path / FILE).write_text("{")
    with pytest.raises(RedisError, match="damaged"):
        Walls(tmp_path).read()
