# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of each variable of a container: one rule by its name, for the import and for the comparison alike.

`equal`: the native process must see the same value. `setting`: it is in the service's JSON configuration. `credential`: a file
holds it. `secret`: a variable from a 0600 file. The others are intended changes, each with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..catalogue.placeholders import INSTANCE, PlaceholderError, names

EQUAL, SETTING, CREDENTIAL, SECRET = "equal", "setting", "credential", "secret"
ADDRESS, DATASTORE, LISTEN, DERIVED, IMAGE, RESERVED = "address", "datastore", "listen", "derived", "image", "reserved"
INTENDED = (DATASTORE, LISTEN, DERIVED, IMAGE, RESERVED)
OWN = {
    "HOME", "HOSTNAME", "INVOCATION_ID", "JOURNAL_STREAM", "LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LOGNAME", "NOTIFY_SOCKET",
    "CREDENTIALS_DIRECTORY", "PATH", "PGPASSFILE", "PWD", "PYTHONPATH", "RUNTIME_DIRECTORY", "SHELL", "SHLVL", "STATE_DIRECTORY",
    "TERM", "USER", "WATCHDOG_USEC", "WATCHDOG_PID",
}  # fmt: skip
"""What systemd, the launcher and the user's account set."""
FILE = "_FILE"


@dataclass(frozen=True)
class Rule:
    """``secret`` and ``setting`` name what holds the value; ``native`` the variable, where its name differs natively."""

    how: str
    reason: str = ""
    secret: str = ""
    setting: str = ""
    native: str = ""
    as_variable: bool = False
    """Of a setting: the process is given it as a variable, too."""


@dataclass(frozen=True)
class Process:
    """What the catalogue says of a process, as far as its variables need it. JSON, and without values of secrets."""

    service: str
    process: str
    docker: str
    """Its service in the Compose project."""
    environment: Mapping[str, Any]
    """Templates: those of the service, and those of the process over them."""
    settings: Mapping[str, Any]
    secrets: Mapping[str, Mapping[str, Any]]
    port: int | None = None
    """That it listens on in the container."""
    units: tuple[str, ...] = ()

    @classmethod
    def of(cls, service: str, process: str, spec: Mapping[str, Any], resolved: Mapping[str, Any]) -> Process:
        """From a service of the completed catalogue and of the resolved one."""
        own = spec["processes"][process]
        docker = own.get("docker") or {}
        units = [one["unit"] for one in resolved["processes"][process]["units"]]
        return cls(
            service,
            process,
            docker["service"],
            {**spec["environment"], **own["environment"]},
            dict(spec["settings"]),
            {name: dict(secret) for name, secret in resolved["secrets"].items()},
            docker.get("port"),
            tuple(units),
        )


def rules(process: Process, variables: Iterable[str], of_image: Collection[str]) -> dict[str, Rule]:
    """For each variable of its container; ``of_image`` are those that the image brings and nothing changed."""
    return {name: rule(process, name, name in of_image) for name in variables}


def rule(process: Process, name: str, of_image: bool = False) -> Rule:
    """The first that fits: what the catalogue says of the name, then what the name says of itself."""
    if name in process.environment:
        return _by_template(process, process.environment[name])
    secrets = process.secrets
    for key, secret in secrets.items():
        if secret.get("as") == "env" and secret.get("env") in (name, name.removesuffix(FILE)):
            return Rule(SECRET, "a variable from a file that only root reads", key, native=secret["env"])
    template = process.environment.get(name + FILE)
    if template is not None and (found := _by_template(process, template)).how == CREDENTIAL:
        return Rule(CREDENTIAL, found.reason, found.secret, native=name + FILE)
    if name in OWN:
        return Rule(RESERVED, "the unit sets its own")
    if of_image:
        return Rule(IMAGE, "brought by the image, not by the project")
    if not isinstance(process.settings.get(name.lower(), {}), dict | list):
        return Rule(SETTING, "in the service's configuration file", setting=name.lower())
    if name in ("PORT", "LISTEN_PORT", "UVICORN_PORT", "LISTEN", "BIND") and process.port:
        return Rule(LISTEN, "natively the catalogue says where it listens")
    return Rule(EQUAL)


def _by_template(process: Process, template: Any) -> Rule:
    text = template if isinstance(template, str) else ""
    try:
        used = list(names(text))
    except PlaceholderError:
        used = []
    kinds = {one.partition(".")[0] for one in used}
    if not used:
        return Rule(EQUAL)
    if "credentials" in kinds:
        name = next(one.partition(".")[2] for one in used if one.startswith("credentials."))
        return Rule(CREDENTIAL, "a file that only the process sees", secret=name)
    if len(used) == 1 and text == f"{{{used[0]}}}" and kinds == {"settings"}:
        return Rule(SETTING, "a setting of the service", setting=used[0].partition(".")[2], as_variable=True)
    if "datastores" in kinds:
        return Rule(
            DATASTORE,
            f"the native datastore {', '.join(sorted(_stores(used)))}: own address, own role, no password in it",
        )
    if "urls" in kinds:
        return Rule(ADDRESS, f"the internal door of {', '.join(sorted(one.partition('.')[2] for one in used))}")
    if kinds & set(INSTANCE) | {one for one in used if one in (*INSTANCE, "port")}:
        return Rule(LISTEN, "natively the catalogue says where it listens")
    return Rule(DERIVED, f"the catalogue's own: {text}")


def _stores(used: Iterable[str]) -> set[str]:
    return {one.split(".")[1] for one in used if one.startswith("datastores.")}
