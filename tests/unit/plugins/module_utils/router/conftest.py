"""A small project as the engine shows it, without an engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import NUMBER, PROJECT, SERVICE, Container
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine
from ansible_collections.cryptobot.native.plugins.module_utils.router import adopting as work, maps
from ansible_collections.cryptobot.native.plugins.module_utils.router.adopting import Adopting
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import Door
from ansible_collections.cryptobot.native.plugins.module_utils.router.flows import Flow
from ansible_collections.cryptobot.native.plugins.module_utils.router.maps import Files
from ansible_collections.cryptobot.native.plugins.module_utils.router.workers import Router, Workers


def container(
    service: str,
    address: str = "",
    published: Sequence[tuple[str, str]] = (),
    mode: str = "shop_default",
    number: int = 1,
) -> Container:
    networks = {} if mode == "host" else {"shop_default": {"IPAddress": address}}
    return Container(
        {
            "Id": f"{service}{number}",
            "Name": f"/shop_{service}_{number}",
            "Config": {
                "Labels": {PROJECT: "shop", SERVICE: service, NUMBER: str(number)},
            },
            "State": {"Running": bool(address), "Pid": 100 + number if address else 0},
            "HostConfig": {
                "NetworkMode": mode,
                "PortBindings": {"8000/tcp": [{"HostIp": ip, "HostPort": port} for ip, port in published]},
            },
            "NetworkSettings": {"Networks": networks},
        }
    )


def door(name: str, group: str = "first", public: int = 37000, internal: int = 27000) -> Door:
    return Door(
        f"{name}_web", group, name, 8000, public, internal, f"{name.upper()}_WEB_CONTAINER", bridges=["172.20.0.1"]
    )


@pytest.fixture
def doors() -> list[Door]:
    return [door("front"), door("back", "second", 37010, 27010)]


@pytest.fixture
def containers() -> list[Container]:
    return [
        container("front", "172.20.0.4", [("", "7000")]),
        container("back", "172.20.0.2", [("127.0.0.1", "7010"), ("192.0.2.1", "7011")]),
        container("store", "172.20.0.9", [("127.0.0.1", "15432")]),
    ]


NETWORKS = {"shop_default": {"interface": "br-1", "gateway": "172.20.0.1"}}


@pytest.fixture
def networks() -> dict[str, dict[str, str]]:
    return NETWORKS


@pytest.fixture
def client() -> Callable[..., Any]:
    """The engine's client over the given containers."""

    def made(containers: Sequence[Container]) -> Callable[..., Any]:
        def run(words: Sequence[str], timeout: float | None) -> subprocess.CompletedProcess[bytes]:
            network = {
                "Name": "shop_default",
                "Id": "1" * 64,
                "Options": {},
                "IPAM": {"Config": [{"Subnet": "172.20.0.0/16", "Gateway": "172.20.0.1"}]},
            }
            said = {
                "ps": " ".join(one.id for one in containers) if f"label={PROJECT}=shop" in words else "",
                "container": json.dumps([dict(one.raw) for one in containers]),
                "network": "shop_default" if words[1] == "ls" else json.dumps([network]),
            }[words[0]]
            return subprocess.CompletedProcess(list(words), 0, said.encode(), b"")

        return run

    return made


class Proxy:
    """One worker that writes down what it is told, in the order of everything.

    ``clients``: requests in a worker of before a reload, beside an access.
    ``streams``: by backend what it says to one look after the other that is on its way.
    """

    def __init__(self, files: Files, events: list[str]) -> None:
        self.files, self.events, self.streams, self.old, self.clients = files, events, {}, "", 0
        self.workers = Workers(self.ask, lambda: True, limit=0.2)

    def ask(self, line: str) -> str:
        if line == "show proc":
            return f"# workers\n12 worker 0\n# old workers\n{self.old}# programs\n"
        command = line.partition(" ")[2]
        if command.startswith("show map"):
            path = Path(command.split()[2])
            return "".join(f"0x1 {row}\n" for row in path.read_text().splitlines())
        if command.startswith("show stat"):
            server = {"2": "BACKEND", "4": "docker"}[command.split()[3]]
            rows = [f"{name},{server},0,0,{counts.pop(0) if counts else 0},http\n" for name, counts in self.streams.items()]
            if line.startswith("@!11 "):
                rows = [f"front_web_write,{server},0,0,{self.clients},http\n", f"access_store,{server},0,0,7,tcp\n"]
            return "# pxname,svname,qcur,qmax,scur,mode\n" + "".join(rows)
        if command == "show servers state":
            return ""
        self.events.append(command)
        return "IP changed" if command.startswith("set server") else ""


class Tables:
    """The kernel's."""

    def __init__(self, events: list[str]) -> None:
        self.on, self.events = None, events

    def read(self):
        return self.on

    def put(self, adoption) -> None:
        self.events.append("table on" if adoption else "table off")
        self.on = adoption


class Flows:
    def __init__(self, *found: list[Flow]) -> None:
        self.found = list(found)

    def around(self, targets) -> list[Flow]:
        return self.found.pop(0) if len(self.found) > 1 else self.found[0]


@pytest.fixture(autouse=True)
def bridged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "calls_pass_the_table", lambda: True)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    for name, values in maps.first_values({"first": "docker", "second": "docker"}).items():
        made.write_map(name, values)
    return made


@pytest.fixture
def events() -> list[str]:
    return []


@pytest.fixture
def adopting(files, events, doors, containers, client):
    def made(*flows: list[Flow], now=None) -> Adopting:
        made.proxy = Proxy(files, events)
        subject = Adopting(
            "shop",
            doors,
            Router(files, made.proxy.workers),
            Engine(client(containers if now is None else now)),
            made.tables,
            Flows(*(flows or ([],))),
        )
        return subject

    made.tables = Tables(events)
    return made
