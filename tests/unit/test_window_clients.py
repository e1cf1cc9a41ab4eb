"""The clients of windows keep a connection until they are told that it ends, and never ask twice."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "cutover" / "window"))

import clients  # noqa: E402


class Script(threading.Thread):
    """A door that gives these answers, a connection for each list of them, and then closes it."""

    def __init__(self, *connections: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._answers, self.asked = connections, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.start()

    def run(self) -> None:
        for answers in self._answers:
            connection, __ = self._listener.accept()
            with connection:
                for answer in answers:
                    self.asked.append(connection.recv(65536))
                    connection.sendall(answer)


def answer(said: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(said) + said


def test_a_connection_is_kept_until_an_answer_says_that_it_ends() -> None:
    script = Script([answer(b"one"), answer(b"two", b"connection: close\r\n")], [answer(b"three")])
    door = clients.Door(script.port)
    assert [door.ask("GET", "/count") for __ in range(3)] == [(200, "one"), (200, "two"), (200, "three")]


def test_one_that_is_closed_without_a_word_has_failed_and_is_not_asked_again() -> None:
    script = Script([answer(b"one")], [answer(b"two")])
    door = clients.Door(script.port)
    assert door.ask("POST", "/order", b"row") == (200, "one")
    with pytest.raises(OSError):
        door.ask("POST", "/order", b"row-2")
    assert len(script.asked) == 1 and script.asked[0].endswith(b"\r\n\r\nrow")
    door.close()
    assert door.ask("POST", "/order", b"row-3") == (200, "two")


def test_an_error_has_its_text() -> None:
    script = Script([b"HTTP/1.0 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nheld"])
    assert clients.Door(script.port).ask("GET", "/count") == (503, "held")
