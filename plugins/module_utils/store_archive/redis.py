# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a Redis as a file of commands that make it again: it is read like any copy, and loaded by sending it."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..migration import faults
from ..migration.journal import Journal
from ..redis import facts as redis_facts
from ..redis import replica
from ..redis.client import Connection, RedisError, Word, encoded
from ..redis.endpoint import Endpoint
from ..redis.pages import Copier
from ..redis.strategy import spare
from ..redis.transfer import MARK, exchange, libraries, prepare
from . import manifest
from .manifest import ArchiveError

FILE = "data.resp"
PIECE = 1 << 20
ROOM = 3
"""A serialised value may take that many times the memory it takes in Redis, at the very worst."""


class Sink:
    """Takes commands as a server would, writes them into a file, and says yes to each."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self.bytes = self.commands = 0

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, *_: object) -> None:
        """Between databases nothing ends; :meth:`close` does."""

    def send(self, request: bytes) -> None:
        """Encoded commands, whose number :meth:`answers` tells."""
        self._file.write(request)
        self._digest.update(request)
        self.bytes += len(request)

    def answers(self, count: int) -> list[Any]:
        self.commands += count
        return [b"OK"] * count

    def many(self, commands: Sequence[Sequence[Word]]) -> list[Any]:
        self.send(b"".join(encoded(words) for words in commands))
        return self.answers(len(commands))

    def ask(self, *words: Word) -> Any:
        return self.many([words])[0]

    def close(self) -> str:
        """Everything is on the disk; its SHA-256."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()


def save(source: Endpoint, archive: Path, datastore: str) -> dict[str, Any]:
    """Writes the archive; what is there of an unfinished one is replaced."""
    facts = redis_facts.gather(source)
    archive.mkdir(mode=0o700, parents=True, exist_ok=True)
    (archive / manifest.MANIFEST).unlink(missing_ok=True)
    free = os.statvfs(archive).f_bavail * os.statvfs(archive).f_frsize
    if facts.used * ROOM > free:
        raise ArchiveError(
            f"Up to {facts.used * ROOM >> 20} MB are needed for the archive of {datastore}, and {free >> 20} MB are free at {archive}. "
            "Make room there."
        )
    sink, sections = Sink(archive / FILE), []
    try:
        for index in sorted(facts.indices):
            start, commands = sink.bytes, sink.commands
            copier = Copier(source.connect, lambda __: sink, facts, facts, typewise=False)
            keys = copier.run({index: index})
            sections.append(_section(index, start, sink, commands, keys))
        if facts.at_least(7):
            start, commands = sink.bytes, sink.commands
            with source.connect() as redis:
                for code in libraries(redis).values():
                    sink.ask("FUNCTION", "LOAD", "REPLACE", code)
            sections.append(_section(-1, start, sink, commands, 0))
    finally:
        digest = sink.close()
    if facts.keys and not sum(each["keys"] for each in sections):
        raise ArchiveError(
            f"{source.title} holds {facts.keys} keys, and none was saved. See whether its user may read."
        )
    content = {"server": facts.release, "sections": sections, "bytes": sink.bytes, "sha256": digest}
    faults.point(f"backup:redis:{datastore}:manifest")
    keys = sum(each["keys"] for each in sections)
    return {"manifest": manifest.finish(archive, "redis", datastore, content), "entries": keys, "bytes": sink.bytes}


def check(archive: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the module's result. Raises :class:`ArchiveError` where the archive is not what was saved."""
    content, digest = manifest.read(archive, "redis")
    manifest.check_file(archive / FILE, content["bytes"], content["sha256"])
    keys = sum(each["keys"] for each in content["sections"])
    return content, {"manifest": digest, "entries": keys, "bytes": content["bytes"]}


def restore(archive: Path, target: Endpoint, datastore: str, run: str, journal: Journal) -> tuple[bool, dict[str, Any]]:
    """Replaces everything the target holds by what was saved, once all of it has arrived."""
    content, result = check(archive)
    name, inputs = f"restore:redis:{datastore}", {"archive": result["manifest"], "target": target.title}
    if journal.done(run, name, inputs) is not None:
        return False, result
    facts = redis_facts.gather(target)
    sections = {each["index"]: each for each in content["sections"] if each["index"] >= 0}
    with journal.step(run, name, inputs) as step:
        known = step.history[0] if step.history else {}
        indices = {int(index): into for index, into in known.get("indices", {}).items()}
        if not indices:
            wanted = {
                index: index for index in {*sections, *(index for index, each in facts.indices.items() if each.keys)}
            }
            indices, against = spare(facts, wanted, {})
            if against:
                raise RedisError(f"{against[0].text} {against[0].remedy}")
            step.progress({"indices": {str(index): into for index, into in indices.items()}})
        if not any("loaded" in each for each in step.history):
            for index, waits in indices.items():
                prepare(target, waits, run)
                if index in sections:
                    _load(archive, target, waits, sections[index])
            step.progress({"loaded": True})
        for index, waits in indices.items():
            exchange(target, waits, index, name)
        _load_functions(archive, target, content)
        with target.connect() as redis:
            replica.settle(redis, redis.call("CONFIG", "GET", "appendonly")[1:] == ["yes"])
        step.evidence = result
    return True, result


def _section(index: int, start: int, sink: Sink, commands: int, keys: int) -> dict[str, int]:
    return {
        "index": index,
        "start": start,
        "bytes": sink.bytes - start,
        "commands": sink.commands - commands,
        "keys": keys,
    }


def _load(archive: Path, target: Endpoint, index: int, section: dict[str, int]) -> None:
    with target.connect(index) as redis:
        _send(archive, redis, section)
        there = redis.call("DBSIZE") - redis.call("EXISTS", MARK)
    if section["keys"] and not there:
        raise ArchiveError(
            f"Nothing of {section['keys']} keys of database {section['index']} has arrived, or all have expired since."
        )


def _load_functions(archive: Path, target: Endpoint, content: dict[str, Any]) -> None:
    for section in content["sections"]:
        if section["index"] < 0:
            with target.connect() as redis:
                redis.call("FUNCTION", "FLUSH")
                _send(archive, redis, section)


def _send(archive: Path, redis: Connection, section: dict[str, int]) -> None:
    """Sends a section while the answers are read: neither side waits for the other."""
    broken: list[RedisError] = []

    def sender() -> None:
        try:
            for piece in _pieces(archive / FILE, section["start"], section["bytes"]):
                redis.send(piece)
        except RedisError as error:
            broken.append(error)

    thread = threading.Thread(target=sender, daemon=True)
    thread.start()
    left, refused = section["commands"], None
    while left:
        part = min(left, 1000)
        refused = refused or next((each for each in redis.answers(part) if isinstance(each, RedisError)), None)
        left -= part
    thread.join()
    if refused or broken:
        raise RedisError(f"The archive can't be loaded: {refused or broken[0]}")


def _pieces(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size > 0:
            piece = file.read(min(size, PIECE))
            if not piece:
                raise ArchiveError(f"{path} ends too early.")
            size -= len(piece)
            yield piece
