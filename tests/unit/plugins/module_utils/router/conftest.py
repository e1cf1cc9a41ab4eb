"""A small project as the engine shows it, without an engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container
from ansible_collections.cryptobot.native.plugins.module_utils.router.containers import Door


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
                "Labels": {"com.docker.compose.service": service, "com.docker.compose.container-number": str(number)}
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
                "IPAM": {"Config": [{"Gateway": "172.20.0.1"}]},
            }
            said = {
                "ps": " ".join(one.id for one in containers),
                "container": json.dumps([dict(one.raw) for one in containers]),
                "network": "shop_default" if words[1] == "ls" else json.dumps([network]),
            }[words[0]]
            return subprocess.CompletedProcess(list(words), 0, said.encode(), b"")

        return run

    return made
