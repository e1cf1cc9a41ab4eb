# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY from one server into another, over sockets that speak as servers do."""

from __future__ import annotations

import os
import socket
import struct
import threading

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import pipe


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def row(body: bytes) -> bytes:
    return message(b"d", body)


def error(text: str, code: str) -> bytes:
    return message(b"E", b"SERROR\0C" + code.encode() + b"\0M" + text.encode() + b"\0WCOPY t, line 1: secret\0\0")


READY = message(b"Z", b"T")
DONE = message(b"c")


def complete(rows: int) -> bytes:
    return message(b"C", f"COPY {rows}".encode() + b"\0")


class Session:
    """Stands for a psycopg2 session: its socket, whose other end a thread serves."""

    def __init__(self, serve):
        self.near, self.far = socket.socketpair()
        self.got = bytearray()
        self._thread = threading.Thread(target=self._run, args=(serve,), daemon=True)
        self._thread.start()

    def _run(self, serve):
        try:
            serve(self)
        except (OSError, struct.error):
            pass

    def fileno(self):
        return self.near.fileno()

    def query(self):
        head = self.far.recv(5, socket.MSG_WAITALL)
        return self.far.recv(struct.unpack("!I", head[1:])[0] - 4, socket.MSG_WAITALL)

    def until_done(self):
        while not bytes(self.got).endswith(DONE):
            data = self.far.recv(65536)
            if not data:
                return
            self.got += data

    def close(self):
        self.near.close()
        self._thread.join(5)
        self.far.close()


def source(*chunks, answer=None):
    def serve(session):
        session.query()
        session.far.sendall(answer or message(b"H", b"\1\0\1\0\1"))
        for chunk in chunks:
            session.far.sendall(chunk)

    return Session(serve)


def target(rows=0, answer=None, after=None):
    def serve(session):
        session.query()
        session.far.sendall(answer or message(b"G", b"\1\0\1\0\1"))
        if after is not None:
            session.far.recv(10)
            session.far.sendall(after)
            # A server passes over what was still on its way.
            while session.far.recv(65536):
                pass
            return
        session.until_done()
        session.far.sendall(complete(rows) + READY)

    return Session(serve)


def copied(one, other, progress=None):
    try:
        return pipe.copy(one, "COPY a TO STDOUT", other, "COPY a FROM STDIN", progress)
    finally:
        one.close()
        other.close()


def test_messages_are_passed_on_as_they_are():
    rows = [row(os.urandom(70_000)) for __ in range(9)]
    one, other = source(*rows, DONE + complete(9) + READY), target(9)
    sizes = []
    assert copied(one, other, sizes.append) == 9
    assert bytes(other.got) == b"".join(rows) + DONE
    assert sum(sizes) > 9 * 70_000


def test_an_end_in_pieces_is_the_end():
    whole = row(b"x") + DONE + complete(1) + READY
    one, other = source(*[whole[index : index + 1] for index in range(len(whole))]), target(1)
    assert copied(one, other) == 1
    assert bytes(other.got) == row(b"x") + DONE


def test_a_row_that_looks_like_the_end_is_a_row():
    freak = row(b"before" + DONE + complete(1) + READY)

    def serve(session):
        session.query()
        session.far.sendall(message(b"H", b"\1\0\1\0\1") + freak)
        threading.Event().wait(0.3)
        session.far.sendall(row(b"after") + DONE + complete(2) + READY)

    one, other = Session(serve), Session(lambda session: serve_two(session, freak))
    assert copied(one, other) == 2
    assert bytes(other.got) == freak + row(b"after") + DONE


def serve_two(session, freak):
    session.query()
    session.far.sendall(message(b"G", b"\1\0\1\0\1"))
    wanted = len(freak) + len(row(b"after")) + len(DONE)
    while len(session.got) < wanted:
        session.got += session.far.recv(65536)
    session.far.sendall(complete(2) + READY)


@pytest.mark.parametrize(
    ("one", "other", "side", "code"),
    [
        (
            lambda: source(row(b"x"), error("disk on fire", "58030") + message(b"Z", b"E")),
            lambda: target(),
            "source",
            "58030",
        ),
        (lambda: source(answer=error("no table", "42P01") + READY), lambda: target(), "source", "42P01"),
        (lambda: source(DONE), lambda: target(answer=error("no right", "42501") + READY), "target", "42501"),
        (
            lambda: source(*[row(b"x" * 1000)] * 500),
            lambda: target(after=error("no space left", "53100") + message(b"Z", b"E")),
            "target",
            "53100",
        ),
    ],
)
def test_a_refusal_says_whose_and_why_without_the_row(one, other, side, code):
    with pytest.raises(pipe.CopyError) as raised:
        copied(one(), other())
    assert (raised.value.side, raised.value.code) == (side, code)
    assert "secret" not in str(raised.value)


def test_a_line_that_closes_is_no_end():
    def serve(session):
        session.query()
        session.far.sendall(message(b"H", b"\1\0\1\0\1") + row(b"x"))
        session.far.shutdown(socket.SHUT_RDWR)

    with pytest.raises(pipe.CopyError, match="closed the connection"):
        copied(Session(serve), target())


def test_both_sides_must_count_alike():
    one, other = source(row(b"x") + DONE + complete(2) + READY), target(1)
    with pytest.raises(pipe.CopyError, match="sent 2 rows, the target counted 1"):
        copied(one, other)


def test_a_notice_is_no_answer():
    notice = message(b"N", b"SNOTICE\0Mhello\0\0")
    one = source(DONE + complete(0) + READY, answer=notice + message(b"H", b"\1\0\1\0\1"))
    assert copied(one, target(0)) == 0
