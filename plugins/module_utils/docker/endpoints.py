# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the datastores of a Compose project are, as programs of this host reach them: addresses, users, passwords, paths.

The results hold passwords: they stay inside the process that asked.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from .containers import Container
from .engine import DockerError, Engine

POSTGRESQL_PORT = 5432
REDIS_PORT = 6379
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


def postgresql(project: str, service: str, engine: Engine | None = None) -> dict[str, Any]:
    """The superuser's way to a PostgreSQL container: ``POSTGRES_USER`` and ``POSTGRES_PASSWORD``, or the file that names one."""
    engine = engine or Engine()
    container = running(engine, project, service)
    words = _words(container)
    port = _option(words, "-p") or _setting(words, "port") or container.environment.get("PGPORT") or ""
    user = _value(engine, container, "POSTGRES_USER") or "postgres"
    password = _value(engine, container, "POSTGRES_PASSWORD")
    return _endpoint(address(engine, container), _port(port, POSTGRESQL_PORT), user, password)


def redis(project: str, service: str, engine: Engine | None = None) -> dict[str, Any]:
    """The default user's way to a Redis container. The password is what the server's command says, else its configuration
    file, else the environment (``REDIS_PASSWORD``, ``REDISCLI_AUTH``)."""
    engine = engine or Engine()
    container = running(engine, project, service)
    words = _words(container)
    settings = _redis_file(engine, container, words)
    password = _option(words, "--requirepass") or _user_password(words) or settings.get("requirepass", "")
    for name in ("REDIS_PASSWORD", "REDISCLI_AUTH"):
        password = password or _value(engine, container, name)
    port = _option(words, "--port") or settings.get("port", "")
    return _endpoint(address(engine, container), _port(port, REDIS_PORT), "default", password)


def volume_path(project: str, name: str, engine: Engine | None = None) -> str:
    """Where a volume's files lie on this host."""
    engine = engine or Engine()
    volume = engine.volume(project, name)
    options = volume.get("Options") or {}
    if "bind" in (options.get("o") or "").split(",") and options.get("device"):
        return str(options["device"])
    if volume.get("Driver", "local") != "local" or options.get("type", "none") not in ("none", ""):
        kind = options.get("type") or volume.get("Driver")
        raise DockerError(
            f"The volume {volume['Name']} is of the kind {kind}, whose files do not lie on this host by themselves. "
            "Mount what it holds, and name that path in the catalogue instead."
        )
    return str(volume["Mountpoint"])


def running(engine: Engine, project: str, service: str) -> Container:
    """The service's container, which must run."""
    container = engine.container(project, service)
    if not container.running:
        raise DockerError(
            f"The container {container.name} of the service {service} does not run (it is {container.state}), and data is read "
            f"from a running server. Start it: docker start {container.name}"
        )
    return container


def address(engine: Engine, container: Container) -> str:
    """The container's own address: reached from its host without a published port."""
    mode = container.network_mode
    if mode == "host":
        return "127.0.0.1"
    if mode.startswith("container:"):
        other = engine.inspect("container", [mode.partition(":")[2]])[0]
        return address(engine, Container(other))
    for found in container.addresses.values():
        return found
    raise DockerError(
        f"The container {container.name} has no address on any network, so its server cannot be reached. "
        "Join it to the project's network: docker network connect NETWORK " + container.name
    )


def _endpoint(host: str, port: int, user: str, password: str) -> dict[str, Any]:
    """``password`` is None where the server asks for none, as far as the container shows."""
    return {"host": host, "port": port, "user": user, "password": password or None}


def _words(container: Container) -> list[str]:
    """The command word by word, that of a shell taken apart with the container's own variables."""
    command = container.command
    for index, word in enumerate(command):
        if (
            word in ("-c", "-ec", "-lc")
            and index
            and command[index - 1].rpartition("/")[2] in ("sh", "bash", "ash", "dash")
        ):
            try:
                inside = shlex.split(" ".join(command[index + 1 : index + 2]))
            except ValueError:
                return command
            return [
                _VARIABLE.sub(lambda name: container.environment.get(name[1] or name[2], ""), one) for one in inside
            ]
    return command


def _option(words: list[str], name: str) -> str:
    """The last value of `--name value` or `--name=value`."""
    found = ""
    for index, word in enumerate(words):
        if word == name and index + 1 < len(words):
            found = words[index + 1]
        elif word.startswith(name + "=") and name.startswith("--"):
            found = word.partition("=")[2]
    return found


def _setting(words: list[str], name: str) -> str:
    """PostgreSQL's `-c name=value`, `-cname=value` or `--name=value`."""
    found = _option(words, f"--{name}")
    for index, word in enumerate(words):
        text = words[index + 1] if word == "-c" and index + 1 < len(words) else word.removeprefix("-c")
        if word.startswith("-c") and text.startswith(f"{name}="):
            found = text.partition("=")[2]
    return found


def _user_password(words: list[str]) -> str:
    """Of redis-server's `--user default on >password …`."""
    if "--user" not in words:
        return ""
    rule = " ".join(words[words.index("--user") + 1 :]).partition(" --")[0].split()
    return next((word[1:] for word in rule if word.startswith(">") and rule[0] == "default"), "")


def _redis_file(engine: Engine, container: Container, words: list[str]) -> Mapping[str, str]:
    """The settings of the configuration file that redis-server was started with; none where there is none."""
    start = next((index for index, word in enumerate(words) if word.rpartition("/")[2] == "redis-server"), None)
    if start is None or start + 1 >= len(words) or words[start + 1].startswith("-"):
        return {}
    path = words[start + 1]
    if not path.startswith("/"):
        path = f"{container.raw['Config'].get('WorkingDir') or '/data'}/{path}"
    found = {}
    for line in engine.read_file(container, path).decode(errors="replace").splitlines():
        name, __, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            found[name.lower()] = value.strip().strip("\"'")
    return found


def _value(engine: Engine, container: Container, name: str) -> str:
    """A variable of the container, or the content of the file that ``<name>_FILE`` says, as the official images have it."""
    if value := container.environment.get(name, ""):
        return value
    path = container.environment.get(f"{name}_FILE", "")
    return engine.read_file(container, path).decode(errors="replace").rstrip("\n") if path else ""


def _port(text: str, default: int) -> int:
    return int(text) if text.isdigit() else default
