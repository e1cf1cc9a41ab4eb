# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of migrations on a host: every step with what it was given and what it proved.

One append-only file of JSON lines, each on disk before the call that wrote it returns. A run that was cut off,
wherever, is found again by it and goes on: steps that are done with the same inputs are not done again, and one that
was under way sees what it had reached.
"""

from __future__ import annotations

import datetime
import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import faults

DIRECTORY = Path("/var/lib/cryptobot-migration")
FILE = "journal.jsonl"
EVIDENCE = "evidence"
RUN = "run"
"""The step that frames a run; its inputs say of what operation."""
LARGEST = 4096
"""Bytes of evidence up to which it stands in the journal itself; larger evidence gets a file."""
LONGEST_REASON = 500


class JournalError(OSError):
    """A line could not be written; the text is a sentence for the operator."""


def now() -> str:
    """This moment in UTC, as the journal writes it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def digest(inputs: Mapping[str, Any]) -> str:
    """Short SHA-256 of a step's inputs (JSON values, never a secret)."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def reason(error: BaseException) -> str:
    """Why a step failed, in one line: what follows the first one may quote rows."""
    text = str(error).strip().split("\n", maxsplit=1)[0] or type(error).__name__
    return text[:LONGEST_REASON]


class Step:
    """A step that has begun.

    Set ``evidence`` before it ends: JSON, without secrets. ``history`` is the progress that earlier, unfinished
    attempts with the same inputs have recorded, oldest first; ``resumed`` is the last of it.
    """

    def __init__(
        self, journal: Journal, run: str, name: str, inputs: Mapping[str, Any], history: list[dict[str, Any]]
    ) -> None:
        self.name, self.evidence = name, {}  # type: str, Mapping[str, Any]
        self.history = history
        self._journal, self._run, self._digest = journal, run, digest(inputs)

    @property
    def resumed(self) -> dict[str, Any] | None:
        """What the last attempt had reached; ``None`` where there was none, or it recorded nothing."""
        return self.history[-1] if self.history else None

    def progress(self, reached: Mapping[str, Any]) -> None:
        """Record what is reached, durably. May be called by several threads."""
        self._write({"progress": dict(reached)})

    def anew(self) -> None:
        """Forget the history: what earlier attempts reached was thrown away."""
        self.history = []
        self._write({"anew": True})

    def _write(self, more: Mapping[str, Any]) -> None:
        line = {"run": self._run, "step": self.name, "phase": "progress", "inputs_digest": self._digest}
        self._journal.append({**line, **more})


class Journal:
    """The journal below ``directory``, which is made (0700) with the first line."""

    def __init__(self, directory: Path | str = DIRECTORY) -> None:
        self.directory = Path(directory)
        self._cache: tuple[int, list[dict[str, Any]]] = (-1, [])

    # Runs

    def run_id(
        self, *, start: bool = False, operation: str = "migrate", inputs: Mapping[str, Any] | None = None
    ) -> str | None:
        """The id of the unfinished run of an operation; else, with ``start``, of one that begins now; else ``None``."""
        for line in reversed(self.lines()):
            if line["step"] == RUN and line["phase"] != "progress" and self._operation(line["run"]) == operation:
                if line["phase"] == "begin":
                    return str(line["run"])
                break
        if not start:
            return None
        taken = {line["run"] for line in self.lines()}
        at = datetime.datetime.now(datetime.UTC)
        while (run := at.strftime("%Y%m%dT%H%M%S")) in taken:
            at += datetime.timedelta(seconds=1)
        self._begin(run, RUN, {"operation": operation, **(inputs or {})})
        return run

    def close_run(self, run: str, outcome: str = "done", evidence: Mapping[str, Any] | None = None) -> None:
        """End a run: its id is not taken up again."""
        self._end(run, RUN, "done", {"outcome": outcome, **(evidence or {})})

    def note(self, run: str, progress: Mapping[str, Any]) -> None:
        """Write down something of a run that may change while it goes on."""
        self.append({"run": run, "step": RUN, "phase": "progress", "progress": dict(progress)})

    def _operation(self, run: str) -> str:
        for line in self.lines():
            if line["run"] == run and line["step"] == RUN and line["phase"] == "begin":
                return str(line["inputs"]["operation"])
        return ""

    # Steps

    def done(self, run: str, step: str, inputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The evidence of a step that this run has finished with these inputs; else ``None``."""
        for line in reversed(self.lines()):
            if line["run"] == run and line["step"] == step and line["phase"] != "progress":
                if line["phase"] == "done" and line["inputs_digest"] == digest(inputs):
                    return self.evidence(line)
                return None
        return None

    @contextmanager
    def step(self, run: str, name: str, inputs: Mapping[str, Any]) -> Iterator[Step]:
        """Frame a step. Whatever is raised inside is recorded as its failure, and passed on."""
        step = Step(self, run, name, inputs, self.history(run, name, inputs))
        self._begin(run, name, inputs)
        try:
            yield step
        except BaseException as error:
            # What went wrong is said in any case.
            with suppress(JournalError):
                self.fail(run, name, reason(error), digest(inputs))
            raise
        self._end(run, name, "done", step.evidence, digest(inputs))

    def begin(self, run: str, name: str, inputs: Mapping[str, Any]) -> None:
        """Begin a step that another call ends, as the tasks of a play do."""
        self._begin(run, name, inputs)

    def end(self, run: str, name: str, inputs: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        """End a step that another call began."""
        self._end(run, name, "done", evidence, digest(inputs))

    def fail(self, run: str, name: str, why: str, inputs_digest: str = "") -> None:
        """Record that a step failed."""
        known = {"inputs_digest": inputs_digest} if inputs_digest else {}
        self.append({"run": run, "step": name, "phase": "failed", "error": why[:LONGEST_REASON], **known})

    def history(self, run: str, step: str, inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Progress of a step since it was last done, begun with other inputs, or begun anew."""
        found: list[dict[str, Any]] = []
        wanted = digest(inputs)
        for line in self.lines():
            if line["run"] != run or line["step"] != step:
                continue
            if line["phase"] == "done" or line.get("anew") or line.get("inputs_digest", wanted) != wanted:
                found = []
            elif line["phase"] == "progress":
                found.append(line["progress"])
        return found

    def _begin(self, run: str, name: str, inputs: Mapping[str, Any]) -> None:
        self.append(
            {"run": run, "step": name, "phase": "begin", "inputs": dict(inputs), "inputs_digest": digest(inputs)}
        )
        faults.point(f"begin:{name}")

    def _end(self, run: str, name: str, phase: str, evidence: Mapping[str, Any], inputs_digest: str = "") -> None:
        faults.point(f"end:{name}")
        kept: Any = dict(evidence)
        if len(json.dumps(kept)) > LARGEST:
            kept = self.keep(run, name, kept)
        self.append({"run": run, "step": name, "phase": phase, "inputs_digest": inputs_digest, "evidence": kept})
        faults.point(f"done:{name}")

    # Files

    def evidence(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """The evidence of a line, wherever it is kept."""
        kept = line.get("evidence") or {}
        if isinstance(kept, str):
            return dict(json.loads((self.directory / kept).read_text(encoding="utf-8")))
        return dict(kept)

    def keep(self, run: str, name: str, content: Any) -> str:
        """Write evidence as a file (0600), whole or not at all; its path below the directory."""
        path = Path(EVIDENCE) / run / (re.sub(r"[^A-Za-z0-9._:@%+-]", "_", name) + ".json")
        write_whole(self.directory / path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        return str(path)

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line and wait until the disk has it. Raises :class:`JournalError` where it does not."""
        path = self.directory / FILE
        try:
            self._append(path, line)
        except OSError as error:
            raise JournalError(
                f"{path} cannot be written ({error.strerror or error}), and nothing goes on without it. Look at the disk: "
                f"df {self.directory}; then run the same command again, which goes on from what the journal holds."
            ) from error

    def _append(self, path: Path, line: Mapping[str, Any]) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            # What a crash cut off must not swallow this line too.
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            text = json.dumps({"at": now(), **line}, sort_keys=True)
            whole = (("\n" if torn else "") + text + "\n").encode()
            if os.write(descriptor, whole) != len(whole):
                raise OSError(errno.ENOSPC, "no space is left for the journal", str(path))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(self.directory)

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines, oldest first; what a crash cut off is left out."""
        path = self.directory / FILE
        try:
            size = path.stat().st_size
            if size != self._cache[0]:
                texts = path.read_text(encoding="utf-8").split("\n")
                self._cache = (size, [line for text in texts if (line := _parsed(text))])
        except FileNotFoundError:
            return []
        return self._cache[1]


def write_whole(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file so that a crash leaves the old one or the new one, and nothing between. An OSError names it."""
    try:
        _write_whole(path, text, mode)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_whole(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
