"""Networks of test hosts: in one of its own a host keeps its address, in the engine's default one whoever boots first gets the first."""

from __future__ import annotations

import ipaddress
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine import docker
from machine import MachineError, lock

LABEL = "cryptobot-native.network"
# Of documentation and tests (RFC 2544): no network of a machine that works is among them.
RANGE = ipaddress.ip_network("198.18.0.0/16")
FIRST = 10


@contextmanager
def place(name: str) -> Iterator[list[str]]:
    """The words of `docker create` for a free address in the network of that name, which is made when it is not there.

    Until the container is there nobody else is given one. Without a name there are no words.
    """
    if not name:
        yield []
        return
    with lock("networks"):
        network = _ensure(name)
        taken = {_pinned(entry) for entry in _containers() if name in entry["NetworkSettings"]["Networks"]}
        free = next(str(address) for address in list(network.hosts())[FIRST:] if str(address) not in taken)
        yield ["--network", name, "--ip", free]


def of(host: str) -> list[str]:
    """Those of ours that a host is in."""
    found = json.loads(docker("inspect", host))[0]["NetworkSettings"]["Networks"]
    ours = docker("network", "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split()
    return [name for name in found if name in ours]


def tidy(names: Sequence[str]) -> None:
    """Removes those that nobody is in any more; the engine refuses the others."""
    for name in names:
        docker("network", "rm", name, check=False)


def address(entry: dict) -> str:
    """A container's address; of one that is stopped that which it will have again, if it has one of its own."""
    settings = entry["NetworkSettings"]
    return settings["IPAddress"] or next(filter(None, map(_of, settings["Networks"].values())), "")


def _pinned(entry: dict) -> str:
    return next(filter(None, map(_of, entry["NetworkSettings"]["Networks"].values())), "")


def _of(network: dict) -> str:
    return network["IPAddress"] or (network["IPAMConfig"] or {}).get("IPv4Address", "")


def _containers() -> list[dict]:
    names = docker("ps", "-aq").split()
    return json.loads(docker("inspect", *names)) if names else []


def _ensure(name: str) -> ipaddress.IPv4Network:
    known = docker("network", "ls", "--filter", f"label={LABEL}", "--format", "{{.Name}}").split()
    if name not in known:
        subnets = list(RANGE.subnets(new_prefix=24))
        begin = zlib.crc32(name.encode()) % len(subnets)
        for subnet in subnets[begin:] + subnets[:begin]:
            if docker("network", "create", "--label", LABEL, "--subnet", str(subnet), name, check=False).strip():
                return subnet
        raise MachineError(f"No network is free in {RANGE}. Remove some: docker network prune")
    (config,) = json.loads(docker("network", "inspect", name))[0]["IPAM"]["Config"]
    return ipaddress.IPv4Network(config["Subnet"])
