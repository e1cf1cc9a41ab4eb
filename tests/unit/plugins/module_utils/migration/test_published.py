"""Which published ports only programs of the host reach."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.docker.containers import Container
from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import DockerError, Engine
from ansible_collections.cryptobot.native.plugins.module_utils.migration.published import (
    containers_of,
    on_loopback,
    published_ports,
)


def container(**ports: list[tuple[str, str]]) -> Container:
    bindings = {
        f"{port.lstrip('p')}/tcp": [{"HostIp": ip, "HostPort": host} for ip, host in some]
        for port, some in ports.items()
    }
    return Container(
        {"Config": {"Labels": {"com.docker.compose.service": "front"}}, "HostConfig": {"PortBindings": bindings}}
    )


def test_a_port_is_closed_from_outside_only_where_all_its_addresses_are() -> None:
    some = [
        container(p80=[("127.0.0.1", "8000"), ("", "8001")]),
        container(p81=[("127.0.0.1", "8001"), ("::1", "8002"), ("", "0")]),
    ]
    assert on_loopback(some) == [8000, 8002]
    assert set(published_ports(some)) == {8000, 8001, 8002}


def test_bindings_say_whether_an_address_was_given() -> None:
    one = container(p80=[("", "8000"), ("0.0.0.0", "8001")])
    assert [binding.address for binding in one.bindings] == ["", "0.0.0.0"]
    assert [binding.address for binding in one.published] == ["0.0.0.0", "0.0.0.0"]


def test_a_project_without_containers_says_nothing() -> None:
    engine = Engine(lambda words, timeout: subprocess.CompletedProcess(list(words), 0, b"", b""))
    with pytest.raises(DockerError, match="no container of the Compose project shop"):
        containers_of(engine, "shop")
