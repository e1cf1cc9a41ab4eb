# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the resolved catalogue to what a host's units need: one context for the template and one wish for the `units` module, for each."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..catalogue.derived import PGBOUNCER_PORT
from ..catalogue.inventory import in_url
from ..catalogue.queries import services_on
from ..migration.alone import alone
from ..migration.sides import NATIVE, process_side

Catalogue = Mapping[str, Any]

SIDE = "/usr/lib/cryptobot/side"
LAUNCH = "/usr/lib/cryptobot/launch"
DRAIN = "/usr/lib/cryptobot/python/cryptobot_drain.py"
SECRETS = "/etc/cryptobot/secrets"
UNITS = "/etc/systemd/system"
LOCAL = "127.0.0.1"


PLAIN = re.compile(r"[A-Za-z0-9_./:=,@+%-]+")


def quoted(word: str) -> str:
    """One word of a command: in quotes where it needs them, with ``%`` and ``$`` as themselves."""
    text = word.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("%", "%%").replace("$", "$$")
    if PLAIN.fullmatch(word):
        return text
    if "'" not in text:
        return f"'{text}'"
    escaped = text.replace('"', '\\"')
    return f'"{escaped}"'


def variable(name: str, value: str) -> str:
    """One assignment for ``Environment=``."""
    return specified(name, value.replace("%", "%%"))


def specified(name: str, value: str) -> str:
    """The same of a value that has systemd's specifiers in it already, as ``%d/name`` of a credential."""
    text = f"{name}={value}".replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'


@dataclass(frozen=True)
class Unit:
    """What the template of a process sees."""

    name: str
    service: str
    process: str
    instance: int
    slot: str
    wave: int
    runtime: str
    user: str
    exec_start: str
    working_directory: str
    path: str
    runtime_directory: str
    environment: list[str]
    environment_files: list[str]
    credentials: dict[str, str]
    files: list[str]
    groups: list[str]
    read_write: list[str]
    umask: str
    executable: list[str]
    ports: list[int]
    sockets: bool
    addresses: list[str]
    open_egress: bool
    resources: dict[str, Any]
    kill_signal: str
    start_timeout: int
    stop_timeout: int
    exclusive: bool
    own_socket: bool
    server: str
    backends: list[str]
    drain_seconds: int
    nginx: dict[str, Any] = field(default_factory=dict)
    side: str = NATIVE
    condition: str = ""
    """Command of its ``ExecCondition=``, where its service can also run under Docker Compose."""


@dataclass(frozen=True)
class Limits:
    """Of the launcher: failures in a row before it gives up, longest delay and healthy time that ends a row, in seconds."""

    failures: int = 10
    longest_delay: int = 60
    stable_after: int = 600

    def options(self) -> list[str]:
        return ["--limit", str(self.failures), "--longest-delay", str(self.longest_delay), "--stable-after", str(self.stable_after)]


def replaced(text: str, by: Mapping[str, str]) -> str:
    for old, new in by.items():
        text = text.replace(old, new)
    return text


def wave_of(catalogue: Catalogue, service: str) -> int:
    return next((index for index, wave in enumerate(catalogue["waves"]) if service in wave), 0)


def address_allowed(address: str) -> str | None:
    """A literal address or network; names cannot stand in ``IPAddressAllow=``."""
    try:
        return str(ipaddress.ip_network(address, strict=False))
    except ValueError:
        return None


def egress(catalogue: Catalogue, service: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Where the service may connect to beside this machine: the inventory's hosts and what the catalogue says; (networks, anywhere)."""
    allowed = list(service.get("egress") or [])
    if "any" in allowed:
        return [], True
    hosts = [host.get("address", "") for host in catalogue["hosts"].values()]
    networks = {network for address in (*hosts, *allowed) if (network := address_allowed(str(address)))}
    return sorted(network for network in networks if not ipaddress.ip_network(network).is_loopback), False


def data_directories(catalogue: Catalogue, service: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Groups of the shared files that it uses, and the directories among them that it may write."""
    groups, writable = [], []
    for name, use in service.get("uses", {}).items():
        store = catalogue["datastores"].get(name, {})
        if store.get("kind") in ("directory", "sqlite"):
            groups.append(store.get("group") or f"cryptobot-data-{name}")
            if not (use or {}).get("readonly"):
                writable.append(f"/var/lib/cryptobot-datastores/{name}")
    return groups, writable


def umask(groups: Sequence[str]) -> str:
    """What a service writes is its own, but in directories that it shares with others of the directory's group."""
    return "0007" if groups else "0077"


def programs_directory(service: Mapping[str, Any]) -> str:
    current = f"/opt/cryptobot/{service['name']}/current"
    return {"python": f"{current}/venv/bin", "binary": f"{current}/bin"}.get(service["runtime"], "/usr/sbin")


def nginx_configuration(service: Mapping[str, Any], process: Mapping[str, Any], instance: int) -> str:
    return f"/etc/cryptobot/{service['name']}-{process['name']}-{instance}.nginx.conf"


def program(service: Mapping[str, Any], process: Mapping[str, Any], one: Mapping[str, Any]) -> list[str]:
    """The command as it is executed: the release's own program, and for uvicorn the drain protocol and times that fit it."""
    if service["runtime"] == "static":
        return ["/usr/sbin/nginx", "-c", nginx_configuration(service, process, one["instance"]), "-e", "stderr", "-g", "daemon off;"]
    words = list(one.get("command") or process["command"])
    if process.get("server") == "uvicorn":
        defaults = {
            "--http": "cryptobot_drain:Protocol",
            "--timeout-keep-alive": "75",
            "--timeout-graceful-shutdown": str(process.get("drain_seconds", 20)),
        }
        for option, value in defaults.items():
            if option not in words and not any(word.startswith(f"{option}=") for word in words):
                words += [option, value]
    if "/" not in words[0]:
        words[0] = f"{programs_directory(service)}/{words[0]}"
    return words


def health_options(process: Mapping[str, Any], listen: str | None) -> list[str]:
    health = process.get("health") or {}
    if health.get("command"):
        return ["--health-command", json.dumps(health["command"])]
    if health.get("celery"):
        return ["--health", "celery"]
    if health.get("path") and listen:
        options = ["--health", f"http://{listen}{health['path']}"]
        return [*options, "--expect", json.dumps(health["expect"])] if health.get("expect") else options
    return ["--health", f"tcp://{listen}"] if listen else []


def datastore_addresses(catalogue: Catalogue, service: Mapping[str, Any], host: str) -> list[tuple[str, str]]:
    """Where the servers that it uses accept connections: a machine that boots may have it up long before them."""
    waits = []
    for name, use in service.get("uses", {}).items():
        store = catalogue["datastores"].get(name, {})
        if store.get("kind") in ("postgresql", "redis"):
            there = store.get("host", host)
            address = LOCAL if there == host else catalogue["hosts"].get(there, {}).get("address", LOCAL)
            port = store.get("port", 5432 if store["kind"] == "postgresql" else 6379)
            # From another host nobody but the pool may be reached.
            pooled = there != host and (use or {}).get("pool", "none") != "none"
            waits.append((name, f"tcp://{in_url(address)}:{PGBOUNCER_PORT if pooled else port}"))
    return waits


@dataclass(frozen=True)
class Secrets:
    """How a process gets the service's secrets: credentials by name, variables' files, and what the launcher does with them."""

    credentials: dict[str, str]
    variables: list[str]
    options: list[str]
    moved: dict[str, str]
    """Where the launcher puts a copy of those that a program wants as a file of its own, by the path that the catalogue renders."""


def secrets_of(service: Mapping[str, Any], runtime_directory: str, passfile: str = "pgpass") -> Secrets:
    found = Secrets({}, [], [], {})
    for name, secret in (service.get("secrets") or {}).items():
        how, path = secret.get("as", "credential"), secret.get("path") or f"{SECRETS}/{service['name']}.{name}"
        other_passfile = secret.get("kind") == "passfile" and name != passfile
        if how == "none" or other_passfile:
            continue
        if how == "env":
            found.variables.append(path)
            continue
        found.credentials[name] = path
        if name == passfile:
            found.options.extend(["--passfile", name])
        elif how == "file":
            found.options.extend(["--file", name])
            found.moved[path] = f"%t/{runtime_directory}/{name}"
    found.variables[:] = dict.fromkeys(found.variables)
    return found


def launcher_options(
    catalogue: Catalogue, host: str, service: Mapping[str, Any], process: Mapping[str, Any], listen: str | None, sided: bool = False
) -> list[str]:
    """``sided``: whether a Compose project is given, in which datastores may be."""
    options: list[str] = []
    if listen and process.get("socket", "fd") == "fd":
        options += ["--listen", listen]
    options += health_options(process, listen) + ["--start-timeout", str(process.get("start_timeout", 90))]
    for name, url in datastore_addresses(catalogue, service, host):
        options += ["--after", f"{name}={url}"]
    if sided and process.get("lent"):
        options += ["--group", service["migration_group"]]
        options += [word for name, lent in process["lent"].items() for word in ("--lent", json.dumps({"datastore": name, **lent}))]
    for first in process.get("after", []):
        options += ["--after", f"{first['name']}={first['url']}"]
        if first.get("expect"):
            options += ["--after-expect", f"{first['name']}={json.dumps(first['expect'])}"]
    return options


def recorded_files(service: Mapping[str, Any], process: Mapping[str, Any], one: Mapping[str, Any], secrets: Secrets) -> list[str]:
    """What the unit reads at its start: when one of them differs from then, it is stale."""
    name = service["name"]
    files = [f"{UNITS}/{one['unit']}", f"/etc/cryptobot/{name}.json", f"/etc/cryptobot/{name}.env", f"/opt/cryptobot/{name}/current/release.json"]
    if process.get("server") == "uvicorn":
        files.append(DRAIN)
    if service["runtime"] == "static":
        # A new release of static files is a change of link, which nginx follows without a restart.
        files[-1] = nginx_configuration(service, process, one["instance"])
    return [*files, *sorted({*secrets.credentials.values(), *secrets.variables})]


def nginx(service: Mapping[str, Any], process: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    """Of a static process: where its configuration lies, what it serves and at which address."""
    if service["runtime"] != "static":
        return {}
    return {
        "configuration": nginx_configuration(service, process, one["instance"]),
        "root": f"/opt/cryptobot/{service['name']}/current/dist",
        "listen": one["listen"],
    }


def door_of(catalogue: Catalogue, service: str, process: str) -> Mapping[str, Any] | None:
    return next((door for door in catalogue.get("doors", []) if (door["service"], door["process"]) == (service, process)), None)


def edge_names(catalogue: Catalogue, service: str, process: str, listen: str | None) -> tuple[list[str], str]:
    """The proxy's backends of a process, and the server's name in them."""
    door = door_of(catalogue, service, process)
    if not door or not listen:
        return [], ""
    server = next((one["name"] for one in door["servers"] if one["address"] == listen), "")
    return [f"{door['name']}_{kind}" for kind in ("read", "write", "ws")], server


def condition(service: Mapping[str, Any], sides: Mapping[str, Any] | None, exclusive: bool) -> str:
    """Empty where no Compose project is given: nothing asks then, and nothing can be missing at a boot.

    ``exclusive``: it may not run while the other side serves, not even to stand by.
    """
    if not sides:
        return ""
    words = [SIDE, *(["--exclusive"] if exclusive else []), "--group", service["migration_group"]]
    lent = service.get("lent") or []
    own = sorted({*service["uses"]} - {*lent})
    words += [word for option, stores in (("--datastore", own), ("--lent", lent)) for store in stores for word in (option, store)]
    return " ".join(quoted(word) for word in words)


def unit(
    catalogue: Catalogue,
    host: str,
    service: Mapping[str, Any],
    process: Mapping[str, Any],
    one: Mapping[str, Any],
    limits: Limits,
    sides: Mapping[str, Any] | None = None,
) -> Unit:
    name, listen = service["name"], one.get("listen")
    one_side = alone(catalogue, service, process)
    runtime_directory = f"cryptobot/{name}-{process['name']}-{one['instance']}"
    secrets = secrets_of(service, runtime_directory)
    groups, writable = data_directories(catalogue, service)
    addresses, anywhere = egress(catalogue, service)
    backends, server = edge_names(catalogue, name, process["name"], listen)
    drain = int(process.get("drain_seconds", 20))
    environment = {**process.get("environment", {}), **one.get("environment", {})}
    if service["runtime"] == "static":
        environment["NGINX"] = "3;"
    assignments = [variable(key, str(value)) for key, value in environment.items()]
    assignments += [specified(key, replaced(value, secrets.moved)) for key, value in process.get("credential_environment", {}).items()]
    options = launcher_options(catalogue, host, service, process, listen, bool(sides)) + secrets.options + limits.options()
    launch = [LAUNCH, "--unit", one["unit"], *options, "--", *program(service, process, one)]
    return Unit(
        name=one["unit"],
        service=name,
        process=process["name"],
        instance=one["instance"],
        slot=one["slot"],
        wave=wave_of(catalogue, name),
        runtime=service["runtime"],
        user=service["user"],
        exec_start=" ".join(quoted(word) for word in launch),
        working_directory=f"/opt/cryptobot/{name}/current" + ("/source" if service["runtime"] == "python" else ""),
        path=f"{programs_directory(service)}:/usr/bin:/bin",
        runtime_directory=runtime_directory,
        environment=assignments,
        environment_files=secrets.variables,
        credentials=secrets.credentials,
        files=recorded_files(service, process, one, secrets),
        groups=groups,
        read_write=writable,
        umask=umask(groups),
        executable=[f"/opt/cryptobot/{name}"] if service["runtime"] != "static" else [],
        ports=[int(listen.rpartition(":")[2])] if listen else [],
        sockets=bool(listen) and process.get("socket", "fd") == "fd",
        addresses=addresses,
        open_egress=anywhere,
        resources=dict(service.get("resources") or {}),
        kill_signal="SIGQUIT" if service["runtime"] == "static" else "SIGTERM",
        start_timeout=int(process.get("start_timeout", 90)),
        stop_timeout=drain + 10,
        exclusive=bool(process.get("exclusive")),
        own_socket=process.get("socket", "fd") == "own",
        server=server,
        backends=backends,
        drain_seconds=drain,
        nginx=nginx(service, process, one),
        side=process_side(sides, service, one_side),
        condition=condition(service, sides, one_side),
    )


def units(
    catalogue: Catalogue, host: str, limits: Mapping[str, int] | None = None, sides: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """All units of the host, both slots of each process, as mappings. ``sides``: the fact; empty, all are native."""
    bounds = Limits(**(limits or {}))
    return [
        asdict(unit(catalogue, host, service, process, one, bounds, sides))
        for service in services_on(catalogue, host)
        for process in service["processes"].values()
        for one in process["units"]
    ]


def wishes(all_units: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same units as the `units` module takes them."""
    same = ("name", "slot", "instance", "wave", "own_socket", "exclusive", "files", "server", "backends", "drain_seconds", "start_timeout", "side")
    return [
        {
            **{key: one[key] for key in same},
            "process": f"{one['service']}-{one['process']}",
            "directories": [f"/var/lib/cryptobot/{one['service']}"],
        }
        for one in all_units
    ]
