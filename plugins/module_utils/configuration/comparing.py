# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What native processes really see beside what their containers were given, variable by variable and by digest.

Runs on the host. No value is returned: digests are keyed, and the key is thrown away, so they say *equal* and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..catalogue.environment_file import parse_env_file, text_of
from ..docker.containers import Container
from ..docker.engine import DockerError, Engine
from .rules import ADDRESS, CREDENTIAL, EQUAL, FILE, INTENDED, SECRET, SETTING, Process, Rule, rules
from .translate import Translator

CONFIGURATION = "/etc/cryptobot"
SERVER = "server"
SAME, REWRITTEN, INTENDED_CHANGE, DIFFERS, MISSING = "equal", "rewritten", "intended", "differs", "missing"
WRONG = (DIFFERS, MISSING)


@dataclass(frozen=True)
class Line:
    """One variable of one container at one native process. ``container`` and ``native`` are digests."""

    service: str
    process: str
    variable: str
    state: str
    how: str
    reason: str
    seen: str
    container: str = ""
    native: str = ""


@dataclass
class Native:
    """What one native process sees. ``seen`` says where it was read: process (it runs) or files (it does not, yet)."""

    environment: Mapping[str, str]
    seen: str
    root: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    secret_paths: Mapping[str, str] = field(default_factory=dict)

    def file(self, path: str) -> bytes | None:
        """A file as the process sees it."""
        try:
            return Path(self.root + path).read_bytes()
        except OSError:
            return None

    def secret(self, name: str, variable: str) -> bytes | None:
        """A credential: by the path that the process was told, else where it is kept."""
        path = self.environment.get(variable, "") if self.seen == "process" else self.secret_paths.get(name, "")
        return self.file(path) if path else None


class Reader:
    """Finds native processes. ``show`` answers `systemctl show`, and is given by tests."""

    def __init__(
        self, show: Callable[[str], int] | None = None, configuration: str = CONFIGURATION, proc: str = "/proc"
    ):
        self._show, self._configuration, self._proc = show or main_pid, configuration, proc

    def natives(self, process: Process) -> Iterator[Native]:
        """Every instance that runs; what the files say where none does."""
        config = self._config(process.service)
        paths = {name: str(secret.get("path", "")) for name, secret in process.secrets.items()}
        running = 0
        for unit in process.units:
            pid = self._show(unit)
            raw = self._environ(pid) if pid else None
            if raw is not None:
                running += 1
                yield Native(raw, "process", f"{self._proc}/{pid}/root", config, paths)
        if not running:
            yield Native(self._files(process), "files", "", config, paths)

    def _environ(self, pid: int) -> dict[str, str] | None:
        try:
            content = Path(f"{self._proc}/{pid}/environ").read_bytes()
        except OSError:
            return None
        pairs = (entry.partition(b"=") for entry in content.split(b"\0") if entry)
        return {name.decode(errors="replace"): value.decode(errors="surrogateescape") for name, __, value in pairs}

    def _files(self, process: Process) -> dict[str, str]:
        found: dict[str, str] = {}
        own = {str(secret["path"]) for secret in process.secrets.values() if secret.get("as") == "env"}
        for path in (f"{self._configuration}/{process.service}.env", *sorted(own)):
            try:
                found |= parse_env_file(Path(path).read_text(encoding="utf-8"))
            except OSError:
                continue
        return found

    def _config(self, service: str) -> dict[str, Any]:
        try:
            return dict(json.loads(Path(f"{self._configuration}/{service}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return {}


def main_pid(unit: str) -> int:
    """Of a unit; 0 while it does not run."""
    words = ["systemctl", "show", "--property=MainPID", "--value", unit]
    said = subprocess.run(words, capture_output=True, check=False, text=True).stdout.strip()
    return int(said) if said.isdigit() else 0


class Comparison:
    """Compares one process after the other. ``accepted``: by `compose service:VARIABLE` a reason of the operator's."""

    def __init__(self, engine: Engine, accepted: Mapping[str, str]) -> None:
        self._engine, self._accepted = engine, accepted
        self._key = secrets.token_bytes(32)
        self.lines: list[Line] = []

    @property
    def differences(self) -> list[Line]:
        return [line for line in self.lines if line.state in WRONG]

    def add(
        self,
        process: Process,
        container: Container,
        of_image: Mapping[str, str],
        translator: Translator,
        natives: Sequence[Native],
    ) -> None:
        """All variables of a container, at every running instance."""
        given = container.environment
        unchanged = {name for name, value in of_image.items() if given.get(name) == value}
        for native in natives:
            for name, found in sorted(rules(process, given, unchanged).items()):
                state, reason, there = self._one(container, name, given[name], found, native, translator)
                accepted = self._accepted.get(f"{process.docker}:{name}", self._accepted.get(name, ""))
                if state in WRONG and accepted:
                    state, reason = INTENDED_CHANGE, str(accepted)
                line = Line(process.service, process.process, name, state, found.how, reason, native.seen)
                digests = self._digest(given[name]), "" if there is None else self._digest(there)
                self.lines.append(Line(**{**asdict(line), "container": digests[0], "native": digests[1]}))

    def add_other(self, container: Container, servers: Mapping[str, str], left: bool = False) -> None:
        """A container that is no process of the catalogue: the server of a datastore, or one that nobody named.

        ``left``: the operator has accepted that nothing of it moves.
        """
        store = servers.get(container.service)
        state = INTENDED_CHANGE if store or left else MISSING
        reason = (
            f"of the server of {store}, which natively the catalogue sets up"
            if store
            else "the service is left behind, as was accepted"
            if left
            else "no process of the catalogue is this container"
        )
        for name, value in sorted(container.environment.items()):
            accepted = self._accepted.get(
                f"{container.service}:{name}", self._accepted.get(f"{container.service}:*", "")
            )
            one = (INTENDED_CHANGE, accepted) if accepted and not store else (state, reason)
            self.lines.append(Line(container.service, "", name, *one[:1], SERVER, one[1], "", self._digest(value)))

    def _digest(self, value: str | bytes) -> str:
        raw = value if isinstance(value, bytes) else value.encode(errors="surrogateescape")
        return hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:16]

    def _one(
        self, container: Container, name: str, value: str, found: Rule, native: Native, translator: Translator
    ) -> tuple[str, str, str | bytes | None]:
        """State, reason, and what is there natively."""
        there = native.environment.get(found.native or name)
        if found.how == CREDENTIAL or (found.how == SECRET and name.endswith(FILE)):
            return self._secret(container, name, value, found, native)
        if found.how == SETTING and not found.as_variable and there is None:
            settings = native.config.get("settings") or {}
            if found.setting not in settings:
                return MISSING, f"settings.{found.setting} is not in the configuration file", None
            return self._same(value, text_of(settings[found.setting]), translator, found.reason)
        if found.how == ADDRESS:
            return self._address(value, there, found, translator)
        if found.how in INTENDED:
            same = there == value
            return (SAME, "", there) if same else (INTENDED_CHANGE, found.reason, there)
        if there is None:
            return MISSING, "the native process does not have it", None
        return self._same(value, there, translator, found.reason if found.how not in (EQUAL, SETTING) else "")

    @staticmethod
    def _same(value: str, there: str, translator: Translator, reason: str) -> tuple[str, str, str]:
        if value == there:
            return SAME, reason, there
        if translator.text(value) == there:
            return REWRITTEN, "addresses and paths are the native ones, the rest is equal", there
        return DIFFERS, "another value natively", there

    @staticmethod
    def _address(value: str, there: str | None, found: Rule, translator: Translator) -> tuple[str, str, str | None]:
        if there is None:
            return MISSING, "the native process does not have it", None
        if there in (value, translator.text(value)) or there.rstrip("/") == translator.text(value).rstrip("/"):
            return (SAME if there == value else REWRITTEN), found.reason, there
        return DIFFERS, f"{found.reason} is something else than the address in it", there

    def _secret(
        self, container: Container, name: str, value: str, found: Rule, native: Native
    ) -> tuple[str, str, bytes | None]:
        mine = native.secret(found.secret, found.native or name)
        if found.how == SECRET:
            variable = native.environment.get(found.native)
            mine = None if variable is None else variable.encode(errors="surrogateescape")
        if mine is None:
            return MISSING, "natively there is no such file, or no such variable", None
        theirs: bytes | None = value.encode(errors="surrogateescape")
        if name.endswith(FILE):
            try:
                theirs = self._engine.read_file(container, value)
            except DockerError as error:
                return MISSING, str(error), mine
        if theirs == mine:
            return SAME, f"{found.reason}; its content is equal", mine
        if theirs is not None and theirs.rstrip(b"\n") == mine.rstrip(b"\n"):
            return SAME, f"{found.reason}; its content is equal but for the line break at its end", mine
        return DIFFERS, f"{found.reason}; its content is another", mine
