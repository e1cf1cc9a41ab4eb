"""The router of the scenario's host, driven by its modules, and a load beside it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "scenarios"))

from fixtures import programs, under_load  # noqa: E402, F401

INNER = {4: "192.0.2.1", 6: "fd00:7::1"}
STATS = """
import socket
def ask(line):
    with socket.socket(socket.AF_UNIX) as master:
        master.connect("/run/cryptobot-edge/master.sock")
        master.sendall(line.encode() + b"\\n")
        master.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: master.recv(65536), b"")).decode()
for row in ask("show proc").splitlines():
    if " worker " in row and row[:1].isdigit():
        print(ask("@!" + row.split()[0] + " show stat"))
"""


class Router:
    """What a play would do, one module at a time."""

    def __init__(self, host: Any) -> None:
        self.host = host

    def module(self, name: str, good: bool = True, check: bool = False, **options: Any) -> dict[str, Any]:
        result = self.host.ansible(f"cryptobot.native.router_{name}", json.dumps(options), check=check)
        # A failed one is known by what it says; these modules say nothing otherwise.
        assert ("msg" in result) is not good, result
        return result

    def steer(self, *words: object, good: bool = True) -> dict[str, Any]:
        done = self.host.run(f"python3 /srv/shop/steer.py {' '.join(map(str, words))}")
        assert done.rc == (0 if good else 3), done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else {}

    def refused(self, *words: object) -> str:
        return self.steer(*words, good=False)["refused"]

    def adopt(self) -> dict[str, Any]:
        return self.steer("adopted")

    def side(self, side: str, *groups: str) -> None:
        self.steer("side", side, *(groups or ("first", "second")))

    def hold(self, seconds: float, *doors: str, method: str = "writes") -> None:
        self.steer("hold", seconds, method, *doors)

    def settings(self) -> dict[str, Any]:
        known = json.loads(self.host.check_output("cat /etc/cryptobot/router.doors"))
        return {name: known[name] for name in ("project", "doors")}

    def release(self) -> None:
        self.steer("release")

    def stat(self, backend: str, column: int = 7) -> int:
        """A column of a backend's line, summed over all workers; 7 are all its sessions, 4 those under way."""
        said = self.host.check_output(f"python3 -c {shlex.quote(STATS)}")
        rows = [line.split(",") for line in said.splitlines() if line.startswith(f"{backend},BACKEND,")]
        return sum(int(row[column]) for row in rows)

    def answers(self, port: int, path: str = "/who") -> dict[str, Any]:
        said = self.host.run(f"curl -s --max-time 20 http://127.0.0.1:{port}{path}")
        return (
            json.loads(said.stdout)
            if said.rc == 0 and said.stdout.startswith("{")
            else {"side": f"nothing ({said.rc})"}
        )

    def eventually(self, port: int, side: str, within: float = 60, path: str = "/who") -> float:
        began = time.monotonic()
        while (said := self.answers(port, path)).get("side") != side:
            assert time.monotonic() - began < within, f"port {port} answers {said}, and {side} was expected"
            time.sleep(0.1)
        return time.monotonic() - began

    def containers(self) -> str:
        """What adoption must not change: which containers there are, since when, and how they are made."""
        form = "{{.Id}} {{.State.StartedAt}} {{.RestartCount}} {{json .HostConfig}} {{json .Config}}"
        return self.host.check_output(f"docker inspect --format '{form}' $(docker ps -aq) | sort | sha256sum")

    def container(self, service: str) -> str:
        return self.host.check_output(
            f"docker ps -a --format '{{{{.Names}}}}' --filter label=com.docker.compose.service={service}"
        )

    def address(self, name: str) -> str:
        network = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.host.check_output(f"docker inspect -f '{network}' {name}")

    def rows(self) -> list[list[str]]:
        return [line.split() for line in self.host.check_output("cat /srv/shop/rows").splitlines()]

    def forget_rows(self) -> None:
        self.host.check_output("rm -f /srv/shop/rows")


@pytest.fixture
def router(host) -> Router:
    """As a test finds it: on the Docker side, nothing held and nothing adopted."""
    found = Router(host)
    yield found
    found.release()
    found.side("docker")
    found.steer("released")


@pytest.fixture(scope="module")
def outside(host) -> Callable[[str, int], bool]:
    """Whether a port of the host answers to somebody elsewhere, by IPv4 and IPv6 alike."""
    host.check_output(
        "ip netns add outside && ip link add inner type veth peer name outer netns outside && ip link set inner up && "
        f"ip address add {INNER[4]}/24 dev inner && ip -6 address add {INNER[6]}/64 dev inner nodad && "
        "ip -n outside link set outer up && ip -n outside address add 192.0.2.2/24 dev outer && "
        "ip -n outside -6 address add fd00:7::2/64 dev outer nodad"
    )

    def answers(version: int, port: int) -> bool:
        line = f"import socket; socket.create_connection(('{INNER[version]}', {port}), 3).close()"
        return host.run(f'ip netns exec outside python3 -c "{line}"').rc == 0

    yield answers
    host.run("ip netns delete outside")


@pytest.fixture
def once(router) -> Any:
    """Asserts that every acknowledged write is there, and none twice."""

    def check(report: dict[str, Any]) -> None:
        ids = [row[0] for row in router.rows() if row[0] != "MARK"]
        assert len(ids) == len(set(ids)), "a write was done twice"
        assert not set(report["acknowledged"]) - set(ids), "an acknowledged write is lost"

    return check
