# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listening sockets that outlive their program: the service manager keeps a copy of each (``FDSTORE=1``)."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from .notify import notify

BACKLOG = 4096
FIRST_DESCRIPTOR = 3
AWAITED = re.compile(r"_bridge[0-9]+$")
"""Names of sockets whose address is that of a container network's bridge, which comes with the engine."""
IP_FREEBIND = 15
"""Of Linux; the socket module has no name for it."""


class Address(NamedTuple):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ListenError(OSError):
    """Says which addresses could not be listened on; `kept` are the others, which are served."""

    def __init__(self, failed: list[str], kept: dict[str, int]) -> None:
        super().__init__(f"cannot listen on {'; '.join(failed)}")
        self.kept = kept


def parse_address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not an address; write host:port, for example 127.0.0.1:18000")
    return Address(host.strip("[]"), int(port))


def parse_listen(lines: Iterable[str]) -> dict[str, Address]:
    """``NAME=HOST:PORT`` lines; ``#`` starts a comment. Names become environment variables, so they are identifiers."""
    wanted: dict[str, Address] = {}
    for line in lines:
        text = line.partition("#")[0].strip()
        if not text:
            continue
        name, __, address = text.partition("=")
        if not name.isidentifier():
            raise ValueError(f"{text!r}: a socket's name is letters, digits and underscores, as in auth_web_public=0.0.0.0:8000")
        if name in wanted:
            raise ValueError(f"{name} is listed twice")
        wanted[name] = parse_address(address)
    doubles = {str(address) for address in wanted.values() if list(wanted.values()).count(address) > 1}
    if doubles:
        raise ValueError(f"listed under two names: {', '.join(sorted(doubles))}")
    return wanted


def read_listen(path: str) -> dict[str, Address]:
    with open(path, encoding="utf-8") as file:
        return parse_listen(file)


def given(environment: Mapping[str, str], pid: int) -> list[tuple[str, int]]:
    """(name, descriptor) that the manager passed to this process. By name: the order changes from start to start."""
    if environment.get("LISTEN_PID") != str(pid):
        return []
    count = int(environment.get("LISTEN_FDS", "0"))
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    return [(name, FIRST_DESCRIPTOR + index) for index, name in enumerate(names[:count])]


def open_listener(address: Address, free: bool = False) -> int:
    """``free``: an address that the host has not yet is bound all the same."""
    listener = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by accepted connections: programs that take a descriptor do not set it, which costs 40 ms an answer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if free:
            listener.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        _bind(listener, address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener.detach()


def _bind(listener: socket.socket, address: Address) -> None:
    """[::] beside a socket that has the port on 0.0.0.0 is for IPv6 alone."""
    try:
        listener.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or listener.family != socket.AF_INET6:
            raise
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)


def listening_at(descriptor: int) -> Address | None:
    """The address of a TCP listener, None of anything else; the descriptor stays open."""
    probe = socket.socket(fileno=descriptor)
    try:
        if probe.family not in (socket.AF_INET, socket.AF_INET6) or not probe.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return None
        host, port = probe.getsockname()[:2]
        return Address(host, port)
    finally:
        probe.detach()


def keep(
    wanted: Mapping[str, Address],
    have: Iterable[tuple[str, int]],
    tell: Callable[..., None] = notify,
    opener: Callable[..., int] = open_listener,
    locate: Callable[[int], Address | None] = listening_at,
) -> dict[str, int]:
    """One listening descriptor for every wanted name, stored with the manager under that name.

    A socket is known by its address: renamed it stays open, moved it is a new one, and what nobody wants is closed.
    Raises ListenError after everything else is served.
    """
    usable: dict[Address, tuple[str, int]] = {}
    addresses = set(wanted.values())
    for name, descriptor in have:
        address = locate(descriptor)
        if address in addresses and address not in usable:
            usable[address] = (name, descriptor)
            if wanted.get(name) == address:
                continue
        else:
            os.close(descriptor)
        tell(f"FDSTOREREMOVE=1\nFDNAME={name}")
    kept: dict[str, int] = {}
    failed: list[str] = []
    for name, address in wanted.items():
        stored_as, descriptor = usable.get(address, ("", -1))
        if descriptor < 0:
            try:
                descriptor = opener(address, True) if AWAITED.search(name) else opener(address)
            except OSError as error:
                failed.append(f"{name} at {address}: {error.strerror}")
                continue
        if stored_as != name:
            tell(f"FDSTORE=1\nFDNAME={name}\nFDPOLL=0", [descriptor])
        kept[name] = descriptor
    if failed:
        raise ListenError(failed, kept)
    return kept


def as_descriptor_three(descriptor: int) -> None:
    """Programs are told ``--fd 3``; also set what ``sd_listen_fds(3)`` reads."""
    if descriptor != FIRST_DESCRIPTOR:
        os.dup2(descriptor, FIRST_DESCRIPTOR)
        os.close(descriptor)
    os.set_inheritable(FIRST_DESCRIPTOR, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="listen")
