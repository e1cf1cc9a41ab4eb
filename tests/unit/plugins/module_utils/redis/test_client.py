"""What a server's refusals become."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.redis import client

FULL = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[client.Connection]:
    """A connection to a server that has one answer, whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            peer, __ = server.accept()
            with peer:
                peer.recv(100)
                peer.sendall(request.param)

        thread = threading.Thread(target=answer)
        thread.start()
        with client.Connection(port=server.getsockname()[1]) as redis:
            yield redis
        thread.join()


@pytest.mark.parametrize("answering", [FULL], indirect=True)
def test_a_full_disk_is_a_sentence_with_what_to_do(answering: client.Connection) -> None:
    with pytest.raises(client.FullError, match=r"its disk is full\. See its log, make room and run again \(MISCONF"):
        answering.call("SET", "a", "b")


@pytest.mark.parametrize("answering", [b"-ERR something else\r\n"], indirect=True)
def test_any_other_refusal_is_the_servers_own_words(answering: client.Connection) -> None:
    with pytest.raises(client.RedisError, match="^ERR something else$"):
        answering.call("SET", "a", "b")


def test_a_copy_says_of_a_full_disk_the_same() -> None:
    full = client.FullError("MISCONF x")
    assert client.refusal(full) is full
    assert "maxmemory" in str(client.refusal(client.RedisError("OOM command not allowed")))
