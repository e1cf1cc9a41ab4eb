"""Which sockets are kept, opened and given back, for every way in which a list of ports can change."""

from __future__ import annotations

import socket

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.launcher import sockets
from ansible_collections.cryptobot.native.plugins.module_utils.launcher.sockets import Address, ListenError, given, keep, parse_listen

A, B, C = Address("127.0.0.1", 1), Address("127.0.0.1", 2), Address("127.0.0.1", 3)


class Manager:
    """Records what is told to it, and opens descriptors from 100 on."""

    def __init__(self, stored: dict[int, Address], monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored, self.told, self.closed, self.next = stored, [], [], 100
        monkeypatch.setattr(sockets.os, "close", self.closed.append)

    def tell(self, text: str, descriptors=()) -> None:
        self.told.append((text.partition("=")[0], text.partition("FDNAME=")[2].partition("\n")[0], *descriptors))

    def open(self, address: Address) -> int:
        self.next += 1
        return self.next

    def keep(self, wanted, have):
        return keep(wanted, have, tell=self.tell, opener=self.open, locate=self.stored.get)


def test_a_first_start_opens_and_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({}, monkeypatch)
    assert manager.keep({"listen": A}, []) == {"listen": 101}
    assert manager.told == [("FDSTORE", "listen", 101)]


def test_a_restart_takes_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A}, monkeypatch)
    assert manager.keep({"listen": A}, [("listen", 3)]) == {"listen": 3}
    assert manager.told == []


def test_a_moved_port_is_a_new_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A}, monkeypatch)
    assert manager.keep({"listen": B}, [("listen", 3)]) == {"listen": 101}
    assert manager.closed == [3]
    assert manager.told == [("FDSTOREREMOVE", "listen"), ("FDSTORE", "listen", 101)]


def test_a_new_name_keeps_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A}, monkeypatch)
    assert manager.keep({"other": A}, [("listen", 3)]) == {"other": 3}
    assert manager.told == [("FDSTOREREMOVE", "listen"), ("FDSTORE", "other", 3)]
    assert manager.closed == []


def test_names_that_change_places(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A, 4: B}, monkeypatch)
    assert manager.keep({"one": B, "two": A}, [("one", 3), ("two", 4)]) == {"one": 4, "two": 3}
    assert manager.told == [("FDSTOREREMOVE", "one"), ("FDSTOREREMOVE", "two"), ("FDSTORE", "one", 4), ("FDSTORE", "two", 3)]


def test_what_nobody_wants_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A, 4: B}, monkeypatch)
    assert manager.keep({"one": A}, [("one", 3), ("two", 4)]) == {"one": 3}
    assert (manager.closed, manager.told) == ([4], [("FDSTOREREMOVE", "two")])


def test_a_port_in_use_leaves_the_others_served(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager({3: A}, monkeypatch)

    def refuse(address: Address) -> int:
        raise OSError(98, "Address already in use")

    with pytest.raises(ListenError, match="two at 127.0.0.1:2: Address already in use") as error:
        keep({"one": A, "two": B}, [("one", 3)], tell=manager.tell, opener=refuse, locate=manager.stored.get)
    assert error.value.kept == {"one": 3}


def test_given_goes_by_name_and_only_to_whom_it_is_meant() -> None:
    environment = {"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "b:a"}
    assert given(environment, 7) == [("b", 3), ("a", 4)]
    assert given(environment, 8) == []


def test_the_list_of_the_proxy() -> None:
    assert parse_listen(["# a comment", "one=127.0.0.1:1 # and one here", "", "two=[::1]:2"]) == {"one": A, "two": Address("::1", 2)}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["a-b=127.0.0.1:1"], "letters, digits and underscores"),
        (["one=127.0.0.1"], "write host:port"),
        (["one=127.0.0.1:0"], "write host:port"),
        (["one=127.0.0.1:1", "one=127.0.0.1:2"], "listed twice"),
        (["one=127.0.0.1:1", "two=127.0.0.1:1"], "under two names: 127.0.0.1:1"),
    ],
)
def test_a_faulty_list_is_explained(lines: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_listen(lines)


def test_a_real_listener_has_no_delay_and_is_found_again() -> None:
    descriptor = sockets.open_listener(Address("127.0.0.1", 0))
    with socket.socket(fileno=descriptor) as listener:
        assert listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sockets.listening_at(descriptor) == listener.getsockname()


def test_the_bridge_of_a_network_may_come_later() -> None:
    opened = []
    keep({"a_internal_bridge1": A, "b_public": B}, [], tell=lambda *__: None, opener=lambda *given: opened.append(given) or 9)
    assert opened == [(A, True), (B,)]
    with pytest.raises(OSError):
        sockets.open_listener(Address("192.0.2.1", 1))
    with socket.socket(fileno=sockets.open_listener(Address("192.0.2.1", 0), free=True)) as listener:
        assert listener.getsockname()[0] == "192.0.2.1"


def test_ipv6_stands_beside_ipv4_at_one_port() -> None:
    with socket.socket(fileno=sockets.open_listener(Address("0.0.0.0", 0))) as four:
        port = four.getsockname()[1]
        try:
            six = sockets.open_listener(Address("::", port))
        except OSError as error:
            pytest.fail(f"[::]:{port} cannot be opened beside 0.0.0.0:{port}: {error}")
        with socket.socket(fileno=six) as listener:
            assert listener.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
