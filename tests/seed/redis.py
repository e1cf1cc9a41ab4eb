#!/usr/bin/python3
"""Fills a Redis with every kind of thing that a naive copy forgets, and with as many plain keys as wanted.

  tests/seed/redis.py --port 6379 [--host H] [--password-file F] [--keys 5000] [--indices 0,3]

The same arguments give the same keys. Needs nothing but Python, so that it can be piped into any host.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

BATCH = 2000
LIBRARY = """#!lua name=cryptobot
redis.register_function('seeded', function(keys, args) return 'seeded' end)
redis.register_function{function_name='peek', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}
"""
# Far away and the same in each run, so that nothing of it expires in a test.
LATER = 4_102_444_800_000


class Redis:
    """A connection that sends many commands at once."""

    def __init__(self, host: str, port: int, password: str | None) -> None:
        self._socket = socket.create_connection((host, port), timeout=120)
        self._file = self._socket.makefile("rb")
        if password:
            self.run([("AUTH", password)])

    def run(self, commands: Iterable[tuple]) -> None:
        """Runs them; the first refusal ends the program."""
        batch: list[bytes] = []
        for command in commands:
            batch.append(encoded(command))
            if len(batch) == BATCH:
                self._flush(batch)
        self._flush(batch)

    def _flush(self, batch: list[bytes]) -> None:
        self._socket.sendall(b"".join(batch))
        for __ in batch:
            self._answer()
        batch.clear()

    def _answer(self) -> None:
        line = self._file.readline()
        if line[:1] == b"-":
            raise SystemExit(f"Redis refused: {line[1:].decode().strip()}")
        if line[:1] == b"$" and int(line[1:]) >= 0:
            self._file.read(int(line[1:]) + 2)
        elif line[:1] == b"*":
            for __ in range(int(line[1:])):
                self._answer()


def encoded(words: tuple) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def plain(count: int, prefix: str) -> Iterator[tuple]:
    """Keys as the services make them: sessions, prices, sets of open orders, queues."""
    for n in range(count):
        key = f"{prefix}:{n}"
        match n % 20:
            case 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7:
                yield "SET", f"session:{key}", f"user-{n % 977}-{n * 2654435761 % 2**32:08x}"
            case 8 | 9 | 10 | 11:
                yield "SET", f"price:{key}", f"{n * 7919 % 100003 / 100:.2f}", "PXAT", LATER + n
            case 12 | 13 | 14:
                yield "HSET", f"order:{key}", "id", n, "side", (
                    "buy" if n % 2 else "sell"
                ), "amount", f"{n % 1000 / 8}", "note", "größer"
            case 15 | 16:
                yield "SADD", f"open:{key}", *(n * 31 + step * 7 for step in range(8))
            case 17:
                yield "RPUSH", f"queue:{key}", *(f"task-{n}-{step}" for step in range(5))
            case _:
                yield "ZADD", f"book:{key}", *(
                    part for step in range(6) for part in (f"{n % 500 + step * 0.1}", f"level-{step}")
                )


def zoo() -> Iterator[tuple]:
    """One of each kind, with and without an expiry, and values that break what is not careful."""
    every = bytes(range(256))
    yield "SET", "zoo:string", "plain"
    yield "SET", "zoo:string:expires", "plain", "PXAT", LATER
    yield "SET", "zoo:string:empty", ""
    yield "SET", "zoo:string:binary", every * 3
    yield "SET", b"zoo:key:\x00\r\n\xff binary", every
    yield "SET", "zoo:schlüssel:日本", "Größe – ☃"
    yield "SET", "zoo:string:large", every * 12_000
    yield "SET", "zoo:number", "1.10"
    yield "SETBIT", "zoo:bitmap", 100_001, 1
    yield "SETBIT", "zoo:bitmap", 7, 1
    yield "PFADD", "zoo:hyperloglog", *range(2000)
    yield "PFADD", "zoo:hyperloglog:sparse", "a", "b", "c"
    yield "RPUSH", "zoo:list", "a", "", "b", every, "a"
    yield "RPUSH", "zoo:list:expires", *range(300)
    yield "PEXPIREAT", "zoo:list:expires", LATER + 5
    yield "SADD", "zoo:set:integers", *range(0, 900, 3)
    yield "SADD", "zoo:set", *(f"member-{n * 7919 % 1009}" for n in range(1000)), every
    yield "SADD", "zoo:set:expires", "x", "y"
    yield "PEXPIREAT", "zoo:set:expires", LATER + 9
    yield "HSET", "zoo:hash", "field", "value", "", "empty name", "empty value", "", every, every
    for start in range(0, 30_000, 1000):
        yield "HSET", "zoo:hash:large", *(
            part for n in range(start, start + 1000) for part in (f"field-{n}", f"value-{n * 31}-{'x' * 40}")
        )
        yield "SADD", "zoo:set:large", *(
            f"member-{n * 2654435761 % 2**32:08x}-{'y' * 20}" for n in range(start, start + 1000)
        )
        yield "RPUSH", "zoo:list:large", *(f"item-{n}-{'z' * 30}" for n in range(start, start + 1000))
        yield "ZADD", "zoo:sorted:large", *(
            part for n in range(start, start + 1000) for part in (f"{n * 0.37}", f"member-{n}-{'w' * 20}")
        )
    yield "ZADD", "zoo:sorted", "1.10", "a", "1.1", "b", "-inf", "least", "+inf", "most", "2e300", "large", "0.1", "tenth", "3", "c"
    yield "ZADD", "zoo:sorted:expires", "1", "a"
    yield "PEXPIREAT", "zoo:sorted:expires", LATER + 11
    yield "GEOADD", "zoo:geo", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"
    yield from streams()


def streams() -> Iterator[tuple]:
    """Groups, pending entries (a deleted one too), idle consumers, counters ahead of the entries, an empty stream."""
    for n in range(1, 401):
        yield "XADD", "zoo:stream", f"{1000 + n}-{n % 3}", "n", n, "text", "größer", b"\x00field", b"\xff"
    yield "XGROUP", "CREATE", "zoo:stream", "workers", "0"
    yield "XGROUP", "CREATE", "zoo:stream", "late", "$"
    yield "XREADGROUP", "GROUP", "workers", "one", "COUNT", 60, "STREAMS", "zoo:stream", ">"
    yield "XREADGROUP", "GROUP", "workers", "two", "COUNT", 40, "STREAMS", "zoo:stream", ">"
    yield "XACK", "zoo:stream", "workers", "1001-1", "1003-0"
    yield "XDEL", "zoo:stream", "1002-2", "1400-1"
    yield "XGROUP", "CREATECONSUMER", "zoo:stream", "workers", "idle"
    yield "XADD", "zoo:stream:empty", "5-0", "a", "b"
    yield "XGROUP", "CREATE", "zoo:stream:empty", "nobody", "0"
    yield "XDEL", "zoo:stream:empty", "5-0"
    yield "XADD", "zoo:stream:expires", "7-7", "a", "b"
    yield "PEXPIREAT", "zoo:stream:expires", LATER + 13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--keys", type=int, default=5000)
    parser.add_argument("--indices", default="0,3", help="databases; the first gets most of the keys and the zoo")
    chosen = parser.parse_args()
    password = chosen.password_file.read_text(encoding="utf-8").strip() if chosen.password_file else None
    redis = Redis(chosen.host, chosen.port, password)
    started = time.monotonic()
    first, *others = (int(index) for index in chosen.indices.split(","))
    redis.run([("SELECT", first), ("DEL", "zoo:stream", "zoo:stream:empty", "zoo:stream:expires")])
    redis.run(
        ("DEL", key) for key in ("zoo:list", "zoo:list:expires", "zoo:list:large", "zoo:hash", "zoo:set", "zoo:sorted")
    )
    redis.run(zoo())
    redis.run([("FUNCTION", "LOAD", "REPLACE", LIBRARY)])
    redis.run(plain(chosen.keys, "seed"))
    for index in others:
        redis.run([("SELECT", index)])
        redis.run(plain(max(20, chosen.keys // 100), f"other-{index}"))
    print(f"seeded {chosen.keys} keys and the zoo in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
