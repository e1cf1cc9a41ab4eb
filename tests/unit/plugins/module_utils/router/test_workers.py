"""Every worker is told, those of before a reload too, and files and workers are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files, RouterError
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import (
    Router,
    Workers,
    parse_addresses,
    parse_workers,
)

SHOWN = """#<PID>          <type>          <reloads>       <uptime>        <version>
900             master          1               0d00h01m03s     2.6.12-1
# workers
{current}# old workers
{old}# programs

"""


def listed(current: list[int], old: list[int]) -> str:
    rows = [
        "".join(f"{pid}             worker          0               0d00h00m03s     2.6.12-1\n" for pid in some)
        for some in (current, old)
    ]
    return SHOWN.format(current=rows[0], old=rows[1])


class Haproxy:
    """A master and its workers, each with maps of its own."""

    def __init__(self, *pids: int) -> None:
        self.maps = {pid: {"first": "docker", "second": "docker"} for pid in pids}
        self.current, self.appears, self.silent = list(pids), [], 0
        self.old: list[int] = []

    def ask(self, line: str) -> str:
        if line == "show proc":
            if self.silent:
                self.silent -= 1
                raise ConnectionRefusedError("refused")
            return listed(self.current, self.old)
        pid, __, command = line[2:].partition(" ")
        there = self.maps.get(int(pid))
        if there is None:
            return "Can't find the target PID matching the prefix '@!'."
        words = command.split()
        if words[:2] == ["show", "map"]:
            return "".join(f"0x55 {key} {value}\n" for key, value in there.items())
        if self.appears:
            # A reload comes in between: the old one goes on with what it has, the new one has read the file.
            new = self.appears.pop()
            self.maps[new], self.old, self.current = {"first": "docker", "second": "docker"}, self.current, [new]
        if words[3] not in there:
            return "entry not found."
        there[words[3]] = words[4]
        return ""


def router(tmp_path: Path, haproxy: Haproxy, runs: bool = True) -> Router:
    files = Files(tmp_path)
    files.write_map("side", {"first": "docker", "second": "docker"})
    return Router(files, Workers(haproxy.ask, lambda: runs, limit=0.3))


def test_workers_are_listed_with_those_of_before_a_reload() -> None:
    assert parse_workers(listed([12], [10, 11])) == ([12], [10, 11])
    with pytest.raises(OSError):
        parse_workers("")


def test_all_are_told_and_one_that_comes_meanwhile_too(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    haproxy.appears = [20]
    assert router(tmp_path, haproxy).set_map("side", {"first": "native"}) == 2
    assert [one["first"] for one in haproxy.maps.values()] == ["native", "native"]
    assert Files(tmp_path).read_map("side") == {"first": "native", "second": "docker"}


def test_a_master_between_two_lives_is_waited_for(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    haproxy.silent = 3
    assert router(tmp_path, haproxy).set_map("side", {"first": "native"}) == 1


def test_without_a_router_the_file_is_enough(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    haproxy.silent = 1000
    assert router(tmp_path, haproxy, runs=False).set_map("side", {"first": "native"}) == 0
    assert Files(tmp_path).read_map("side")["first"] == "native"


def test_one_that_runs_and_says_nothing_is_an_error(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    haproxy.silent = 100000
    with pytest.raises(RouterError, match="gives no worker"):
        router(tmp_path, haproxy).set_map("side", {"first": "native"})


def test_a_refusal_is_an_error_and_one_that_has_ended_is_not(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    with pytest.raises(RouterError, match="entry not found"):
        router(tmp_path, haproxy).set_map("side", {"third": "native"})
    ended = Haproxy(10)
    seen = iter([listed([10], [9]), listed([10], []), listed([10], []), listed([10], [])])

    def ask(line: str) -> str:
        return next(seen, listed([10], [])) if line == "show proc" else ended.ask(line)

    files = Files(tmp_path)
    assert Router(files, Workers(ask, lambda: True, limit=0.3)).workers.tell(["set map /x first native"]) == 2


def test_a_difference_between_file_and_worker_is_named(tmp_path: Path) -> None:
    haproxy = Haproxy(10)
    subject = router(tmp_path, haproxy)
    haproxy.maps[10]["second"] = "native"
    assert subject.map_differs("side") == ["second"]
    assert subject.map_differs("side", ["first"]) == []


def test_streams_are_counted_over_all_workers() -> None:
    stat = "# pxname,svname,qcur,qmax,scur\nauth_docker_write,BACKEND,0,0,3\nauth_read,BACKEND,0,0,9\n\n"
    workers = Workers(lambda line: listed([12], [11]) if line == "show proc" else stat, lambda: True)
    assert workers.sessions(["auth_docker_write", "auth_docker_ws"]) == {"auth_docker_write": 6, "auth_docker_ws": 0}


def test_a_worker_that_says_nothing_is_not_one_without_streams() -> None:
    there = [listed([12], [])]

    def ask(line: str) -> str:
        if line == "show proc":
            return there[0]
        raise TimeoutError("timed out")

    with pytest.raises(RouterError, match=r"does not say what is on its way through it \(12: 'nothing \(timed out\)'"):
        Workers(ask, lambda: True).sessions(["auth_write"])
    seen = iter([listed([12], [11])])
    ended = Workers(lambda line: next(seen, listed([12], [])) if line == "show proc" else "", lambda: True)
    ended._said = lambda pid, command: "" if pid == 11 else "# pxname,svname,scur\nauth_write,BACKEND,4\n"
    assert ended.sessions(["auth_write"]) == {"auth_write": 4}


def test_an_access_has_one_server(tmp_path: Path) -> None:
    shown = "1\n# be_name srv_name srv_addr srv_port\naccess_redis docker 172.18.0.4 6379\n"
    workers = Workers(lambda line: listed([12], []) if line == "show proc" else shown, lambda: True)
    files = Files(tmp_path)
    files.write_containers({"ACCESS_REDIS_CONTAINER": "172.18.0.4:6379"})
    row = {"name": "access_redis", "variable": "ACCESS_REDIS_CONTAINER", "backends": ["access_redis"]}
    assert Router(files, workers).containers_differ([row]) == []
    files.write_containers({"ACCESS_REDIS_CONTAINER": "172.18.0.5:6379"})
    assert Router(files, workers).containers_differ([row]) == ["access_redis"]


def test_an_old_worker_without_requests_is_none_of_a_window(tmp_path: Path) -> None:
    said = {
        9: "# pxname,svname,scur,mode\nauth_web_write,BACKEND,0,http\nauth_web_docker_ws,BACKEND,3,http\naccess_redis,BACKEND,9,tcp\n",
        10: "# pxname,svname,scur,mode\nauth_web_docker_read,BACKEND,1,http\n",
        11: "",
    }
    workers = Workers(lambda line: listed([12], [9, 10, 11]), lambda: True)
    workers._said = lambda pid, command: said[pid]
    assert workers.old_with_requests() == [10, 11], "also one that does not say"


def test_addresses_of_servers_are_read() -> None:
    shown = (
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_port\n"
        "4 auth_docker_read 1 docker 172.18.0.4 2 8000\n4 auth_read 1 a1 127.0.0.1 2 18000\n"
    )
    assert parse_addresses(shown) == {"auth_docker_read": "172.18.0.4:8000"}
