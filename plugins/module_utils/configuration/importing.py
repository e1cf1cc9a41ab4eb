# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of containers becomes a patch of the catalogue and values for the vault; every variable is accounted for.

Values of secrets are in `secrets` alone, which goes into the vault and nowhere else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..catalogue import vault
from ..catalogue.environment_file import env_file, text_of
from ..docker.containers import Container
from ..findings import BLOCKING, DECISION, Finding
from .rules import ADDRESS, CREDENTIAL, EQUAL, FILE, INTENDED, SECRET, SETTING, Process, Rule, rules
from .secrecy import HIDDEN, has_password, is_secret, shown
from .translate import Translator

IN_VAULT = "(in the vault)"


@dataclass(frozen=True)
class Row:
    """One variable of one container: what it was, what it becomes, why. Shows no secret."""

    service: str
    process: str
    variable: str
    old: str
    new: str
    how: str
    reason: str


@dataclass(frozen=True)
class Given:
    """What a container shows. ``files``: by path in it, what mounted files hold, in Base64."""

    process: Process
    container: Container
    of_image: Mapping[str, str]
    files: Mapping[str, str]
    translator: Translator


@dataclass
class Imported:
    """``patches`` by service, for the catalogue; ``secrets`` by service and name, for the vault."""

    patches: dict[str, dict[str, Any]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def differences(self) -> list[dict[str, str]]:
        """The rows, for a person."""
        return [asdict(row) for row in self.rows]


class Importer:
    """Goes over the processes one by one; ``known`` are the Compose project's services."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = set(known)
        self._plain: dict[str, dict[str, dict[str, str]]] = {}
        self._processes: dict[str, list[str]] = {}
        self.result = Imported()

    def add(self, given: Given) -> None:
        """All variables of one process."""
        process, environment = given.process, given.container.environment
        unchanged = {name for name, value in given.of_image.items() if environment.get(name) == value}
        self._processes.setdefault(process.service, []).append(process.process)
        for name, found in sorted(rules(process, environment, unchanged).items()):
            value = environment[name]
            if found.how == CREDENTIAL or (found.how == SECRET and name.endswith(FILE)):
                self._from_file(given, name, value, found)
            elif found.how == SECRET:
                self._store(given, name, found.secret, value, found)
            elif found.how == SETTING:
                self._setting(given, name, value, found)
            elif found.how == EQUAL:
                self._variable(given, name, value)
            elif found.how == ADDRESS:
                self._row(given, name, shown(name, value), str(process.environment[name]), found)
            elif found.how in INTENDED:
                template = process.environment.get(name)
                self._row(given, name, shown(name, value), str(template or ""), found)

    def add_server(self, container: Container, datastore: str) -> None:
        """The variables of a server of the project's: listed, not carried."""
        reason = f"of the server of {datastore}, which natively the catalogue sets up"
        for name, value in sorted(container.environment.items()):
            self.result.rows.append(Row(container.service, "", name, shown(name, value), "", "server", reason))

    def finish(self) -> Imported:
        """What all processes of a service have alike becomes the service's; the rest stays with the process."""
        for service, by_process in self._plain.items():
            patch = self.result.patches.setdefault(service, {})
            names = {name for variables in by_process.values() for name in variables}
            for name in sorted(names):
                values = [variables.get(name) for variables in by_process.values()]
                if len(values) == len(self._processes[service]) and len(set(values)) == 1 and values[0] is not None:
                    patch.setdefault("environment", {})[name] = values[0]
                    continue
                for process, variables in by_process.items():
                    if name in variables:
                        into = patch.setdefault("processes", {}).setdefault(process, {}).setdefault("environment", {})
                        into[name] = variables[name]
        self.result.patches = {service: patch for service, patch in sorted(self.result.patches.items()) if patch}
        return self.result

    # One variable each

    def _variable(self, given: Given, name: str, value: str) -> None:
        process = given.process
        target = given.translator.text(value)
        self._addresses(given, name, target)
        reason = "addresses and paths are the native ones" if target != value else ""
        if fault := _unfit(name, target):
            remedy = (
                f"Change it in the Compose project, or give another in services.{process.service}.environment.{name}."
            )
            self._finding(BLOCKING, "unfit_value", given, name, fault, remedy)
        elif name.endswith(FILE) and value in given.files:
            self._new_file(given, name, value)
        elif is_secret(name, target):
            self._new_secret(given, name, target, reason)
        else:
            literal = target.replace("{", "{{").replace("}", "}}")
            there = process.environment.get(name)
            if there is None or text_of(there) != literal:
                self._plain.setdefault(process.service, {}).setdefault(process.process, {})[name] = literal
            self._row(given, name, shown(name, value), shown(name, target), Rule(EQUAL, reason))

    def _setting(self, given: Given, name: str, value: str, found: Rule) -> None:
        process = given.process
        there = process.settings[found.setting]
        target = given.translator.text(value)
        if is_secret(name, target):
            self._new_secret(given, name, target, "a secret, which a configuration file may not hold")
            return
        typed = _like(target, there)
        if text_of(there) != target:
            escaped = typed.replace("{", "{{").replace("}", "}}") if isinstance(typed, str) else typed
            self.result.patches.setdefault(process.service, {}).setdefault("settings", {})[found.setting] = escaped
        self._row(given, name, shown(name, value), f"settings.{found.setting}: {shown(name, target)}", found)

    def _from_file(self, given: Given, name: str, value: str, found: Rule) -> None:
        """A secret that a file holds, or a variable that becomes one."""
        if not name.endswith(FILE):
            self._store(given, name, found.secret, value, found)
            return
        content = given.files.get(value)
        if content is None:
            text = f"{name} names {shown('PATH', value)}, which cannot be read in {given.container.name}."
            remedy = f"Start the container, or put the value into the vault: cryptobot_secrets.{given.process.service}.{found.secret}."
            self._finding(BLOCKING, "unreadable-secret", given, name, text, remedy)
            return
        self._store(given, name, found.secret, _text(content), found)

    def _store(self, given: Given, name: str, secret: str, value: str | None, found: Rule) -> None:
        service, declared = given.process.service, given.process.secrets.get(secret, {})
        if value is None:
            text = f"What {name} names is no text, and the vault holds texts."
            self._finding(
                "blocking",
                "unreadable-secret",
                given,
                name,
                text,
                "Encode it, as in Base64, and decode it in the service.",
            )
            return
        derived = next(
            (
                f"{how} {declared[key]}"
                for key, how in (("public_of", "the public half of"), ("same_as", "the value of"))
                if declared.get(key)
            ),
            "",
        )
        if derived:
            self._row(
                given,
                name,
                shown(name, given.container.environment[name]),
                f"{{credentials.{secret}}}",
                Rule(found.how, f"{found.reason}; {derived}"),
            )
            return
        if declared.get("kind", "password") == "password":
            value = value.rstrip("\n")
        if not value.strip():
            text = f"{name} is a secret to the catalogue, and empty in the container."
            remedy = f"Take it out of the catalogue: services.{service}.secrets.{secret}: null, or give it a value."
            self._finding(BLOCKING, "empty_secret", given, name, text, remedy)
            return
        if fault := vault.fault(declared.get("kind", "password"), value):
            self.result.patches.setdefault(service, {}).setdefault("secrets", {})[secret] = {"kind": "text"}
            text = f"The value {fault}; it is taken as it is, so that what it has signed stays valid."
            self._finding("note", "weak_secret", given, name, text, "Give a better one when the migration is over.")
        self._keep(given, name, secret, value)
        self._row(
            given,
            name,
            shown(name, given.container.environment[name]),
            IN_VAULT,
            Rule(found.how, f"{found.reason}: cryptobot_secrets.{service}.{secret}"),
        )

    def _new_secret(self, given: Given, name: str, value: str, reason: str) -> None:
        if "://" in value and has_password(value) and self._host_of(value) in self._known:
            text = f"{name} is the URL of a server of this project, with a password in it."
            remedy = (
                f"Name the datastore in the catalogue: services.{given.process.service}: {{uses: {{<datastore>: {{}}}}, "
                f"environment: {{{name}: '{{datastores.<datastore>.url}}'}}}}."
            )
            self._finding(BLOCKING, "datastore_url", given, name, text, remedy)
            return
        secret = self._free_name(given, name)
        patch = self.result.patches.setdefault(given.process.service, {}).setdefault("secrets", {})
        patch[secret] = {"as": "env", "env": name, "kind": "text"}
        self._keep(given, name, secret, value)
        why = f"a variable from a file that only root reads: cryptobot_secrets.{given.process.service}.{secret}"
        self._row(given, name, HIDDEN, IN_VAULT, Rule(SECRET, f"{why}{'; ' + reason if reason else ''}"))

    def _new_file(self, given: Given, name: str, path: str) -> None:
        value = _text(given.files[path])
        secret = self._free_name(given, name.removesuffix(FILE))
        if value is None:
            self._store(given, name, secret, None, Rule(CREDENTIAL))
            return
        patch = self.result.patches.setdefault(given.process.service, {})
        patch.setdefault("secrets", {})[secret] = {"as": "credential", "kind": "text"}
        self._plain.setdefault(given.process.service, {}).setdefault(given.process.process, {})[name] = (
            f"{{credentials.{secret}}}"
        )
        self._keep(given, name, secret, value)
        why = f"a file that only the process sees: cryptobot_secrets.{given.process.service}.{secret}"
        self._row(given, name, shown(name, path), f"{{credentials.{secret}}}", Rule(CREDENTIAL, why))

    # Helpers

    def _keep(self, given: Given, name: str, secret: str, value: str) -> None:
        values = self.result.secrets.setdefault(given.process.service, {})
        if values.setdefault(secret, value) != value:
            text = f"{name} differs between the containers of {given.process.service}, whose processes share one vault entry natively."
            remedy = "Make them equal in the Compose project, or make two services of them in the catalogue."
            self._finding(BLOCKING, "secret_differs", given, name, text, remedy)

    def _free_name(self, given: Given, name: str) -> str:
        base = re.sub(r"[^a-z0-9_]", "_", name.lower()).lstrip("_0123456789") or "value"
        patch = self.result.patches.get(given.process.service, {}).get("secrets", {})
        taken = {key for key in given.process.secrets if patch.get(key, {}).get("env") != name}
        return base if base not in taken else f"{base}_compose"

    def _host_of(self, value: str) -> str:
        return re.sub(r"^.*?://(?:[^@/]*@)?", "", value).partition("/")[0].partition(":")[0]

    def _addresses(self, given: Given, name: str, target: str) -> None:
        """Services that would not be found natively."""
        for service in sorted(self._known):
            if re.search(
                rf"(?:://|@){re.escape(service)}(?:[:/?#]|$)|(?<![\w.:/@%-]){re.escape(service)}:\d", target
            ) and not has_password(target):
                text = f"{name} names the service {service}, which has no native address there (the catalogue does not know it, or not that port)."
                remedy = f"Add it to the catalogue with docker: {{service: {service}, port: …}}, or set {name} to where it will be."
                self.result.findings.append(
                    Finding(DECISION, "unknown-address", f"{given.process.docker}:{name}", text, remedy)
                )

    def _finding(self, severity: str, code: str, given: Given, name: str, text: str, remedy: str) -> None:
        self.result.findings.append(Finding(severity, code, f"{given.process.docker}:{name}", text, remedy))

    def _row(self, given: Given, name: str, old: str, new: str, found: Rule) -> None:
        process = given.process
        self.result.rows.append(Row(process.service, process.process, name, old, new, found.how, found.reason))


def overridden(patches: Mapping[str, Any], provenance: Mapping[str, str]) -> Iterator[Finding]:
    """What a patch of the operator's own sets otherwise: it would win over the container's value.

    ``provenance``: for every leaf of the catalogue without the import, who set it.
    """
    for path, __ in _leaves(patches, "services"):
        place = provenance.get(path, "")
        if place and not place.startswith(("catalogues/", "cryptobot_catalogue")):
            text = f"The containers have another value than {path}, set in {place}, which wins over the import."
            yield Finding(
                DECISION,
                "overridden",
                path,
                text,
                "Take it out there; or keep it, and name it: cryptobot_compose: {changes: …}.",
            )


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, f"{path}.{key}")
    else:
        yield path, value


def _unfit(name: str, value: str) -> str:
    """Why systemd could not hand a value to a process; empty where it can."""
    if "\ufffd" in value:
        return f"{name} is no UTF-8 text, which systemd refuses."
    try:
        env_file({name: value})
    except ValueError as error:
        return str(error)
    return ""


def _like(text: str, sample: Any) -> Any:
    """A text as a value of the kind of the sample, where it is one."""
    if isinstance(sample, bool):
        return {"true": True, "false": False}.get(text, text)
    if isinstance(sample, int) and re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
        return int(text)
    if isinstance(sample, float) and re.fullmatch(r"-?[0-9]+\.[0-9]+", text) and str(float(text)) == text:
        return float(text)
    return text


def _text(encoded: str) -> str | None:
    """The text of a mounted file; None where it is none."""
    try:
        return base64.b64decode(encoded).decode()
    except UnicodeDecodeError:
        return None
