# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the schema cannot say: names that must exist, ports that clash, cycles, secrets that point nowhere.

The rules want a catalogue that fits the schema. Where one does not, they run on what is left without the faulty places, so that
one report has everything; what would only follow from such a place is not reported.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from . import derived
from .fields import UNKNOWN_KEY, check
from .findings import Findings, suggestion
from .schema import CATALOGUE, NAME_LENGTH
from .templates import check_templates
from .waves import cycle

Rule = Callable[[dict[str, Any], Findings], None]

# Names whose OS user, unit, database role or access rule would be one that already means something else.
RESERVED = {"alert", "build", "default", "edge", "migrate", "none", "postgres", "public", "root", "user"}
ADOPTED = " (+30000, where the proxy adopts a published port)"
# What a required key is taken for while its own fault is reported.
STAND_INS: dict[str, Any] = {"runtime": "python", "processes": {}, "health": {"path": "/"}, "migration_groups": [], "services": {}}


@dataclass(frozen=True)
class Validated:
    """`usable`: the completed catalogue, as far as it fits the schema; None where nothing does."""

    findings: Findings
    usable: dict[str, Any] | None


def validate(catalogue: Mapping[str, Any]) -> Validated:
    """All findings of a merged catalogue."""
    findings = Findings()
    check(CATALOGUE, catalogue, "", findings)
    sound = _without(catalogue, findings)
    left = Findings()
    check(CATALOGUE, sound, "", left)
    if len(left):
        return Validated(findings, None)
    full = derived.completed(sound)
    further = Findings()
    for rule in RULES:
        rule(full, further)
    check_templates(full, further)
    faulty = {re.split(r"[.\[]", one.path, maxsplit=2)[1] for one in findings if "." in one.path and not one.problem.startswith(UNKNOWN_KEY)}
    words = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(faulty)))})(?![\w-])") if faulty else None
    findings.extend(one for one in further if words is None or not (words.search(one.path) or words.search(one.problem)))
    return Validated(findings, full)


def _without(catalogue: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """A copy without what the schema refuses. What is missing gets a stand-in; a whole entry goes where that is not enough."""
    sound = copy.deepcopy(dict(catalogue))
    for finding in findings:
        keys = finding.path.partition("[")[0].split(".")
        at: Any = sound
        for key in keys[:-1]:
            at = at.get(key) if isinstance(at, dict) else None
        if isinstance(at, dict):
            at.pop(keys[-1], None)
            if keys[-1] in STAND_INS:
                at[keys[-1]] = copy.deepcopy(STAND_INS[keys[-1]])
    return sound


def processes(full: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Path, service, its specification and the process's."""
    for name, service in full["services"].items():
        for key, process in service["processes"].items():
            yield f"services.{name}.processes.{key}", name, service, process


def check_names(full: dict[str, Any], findings: Findings) -> None:
    roles = {derived.identifier(name): name for name in full["services"]}
    for name in full["services"]:
        path = f"services.{name}"
        if name in RESERVED or name.startswith("pg-"):
            findings.add(path, "is a name that means something else on a host", f"{name}-service: {{…}}")
        if len(name) > NAME_LENGTH:
            findings.add(path, f"is longer than {NAME_LENGTH} characters, so that no OS user can have its name", "reporting: {…}")
        for suffix in ("owner", "migrate"):
            other = roles.get(f"{derived.identifier(name)}_{suffix}")
            if other:
                findings.add(f"services.{other}", f"is also the name of a database role that the service {name} gets", f"{other}-service: {{…}}")
        if name.startswith("data-") and name.removeprefix("data-") in full["datastores"]:
            findings.add(path, f"is also the name of the group of the datastore {name.removeprefix('data-')}", f"{name}-service: {{…}}")
    for name in full["datastores"]:
        if len(name) > NAME_LENGTH - len("data-"):
            findings.add(f"datastores.{name}", f"is longer than {NAME_LENGTH - len('data-')} characters", "bars: {kind: directory}")


def check_groups(full: dict[str, Any], findings: Findings) -> None:
    groups = full["migration_groups"]
    if len(set(groups)) < len(groups):
        findings.add("migration_groups", "names a group twice", "[infrastructure, critical, edge]")
    for name, service in full["services"].items():
        group = service.get("migration_group")
        if group is None:
            findings.add(f"services.{name}.migration_group", "is missing", f"migration_group: {groups[-1]}" if groups else "")
        elif group not in groups:
            _unknown(findings, f"services.{name}.migration_group", group, groups, "group of migration_groups")


def check_references(full: dict[str, Any], findings: Findings) -> None:
    services, datastores = full["services"], full["datastores"]
    called = [name for name, spec in services.items() if any(process.get("port") for process in spec["processes"].values())]
    gates = [
        name
        for name, spec in services.items()
        if any(process.get("port") and process["health"].get("path") for process in spec["processes"].values())
    ]
    for name, service in services.items():
        for key, able, why in (("calls", called, "has no process with a port, so that it cannot be called"),
                               ("after", gates, "has no process with a port and a health path, so that nothing can wait for it")):
            for other in service[key]:
                path = f"services.{name}.{key}"
                if other == name:
                    findings.add(path, "names the service itself", f"{key}: []")
                elif other not in services:
                    _unknown(findings, path, other, services, "service")
                elif other not in able:
                    findings.add(path, f"{other} {why}", f"{key}: [{able[0]}]" if able else f"{key}: []")
        for store in service["uses"]:
            if store not in datastores:
                _unknown(findings, f"services.{name}.uses.{store}", store, datastores, "datastore")
    for name, datastore in datastores.items():
        for user in datastore["users"]:
            if user not in services:
                _unknown(findings, f"datastores.{name}.users", user, services, "service")


def check_cycles(full: dict[str, Any], findings: Findings) -> None:
    after = {name: [other for other in spec["after"] if other != name] for name, spec in full["services"].items()}
    found = cycle(after)
    if found:
        problem = f"forms a cycle: {' → '.join(found)}; none of them could start first"
        findings.add(f"services.{found[0]}.after", problem, "after: []; calls may be cyclic")


def check_processes(full: dict[str, Any], findings: Findings) -> None:
    for path, unused, service, process in processes(full):
        runtime, health = service["runtime"], process["health"]
        if not process["command"] and runtime != "static":
            findings.add(f"{path}.command", "is missing", 'command: [uvicorn, "auth.main:app", --fd, "3"]')
        if runtime == "static" and process["command"]:
            findings.add(f"{path}.command", "is not for runtime: static; its files are served by nginx", "runtime: binary")
        probes = [key for key in ("path", "command", "celery") if health.get(key)]
        if len(probes) != 1:
            problem = f"has {' and '.join(probes)}" if probes else "has no probe"
            findings.add(f"{path}.health", f"{problem}; it needs exactly one of path, command and celery", "health: {path: /health/ready}")
        for key, of in (("port", "listen"), ("internal_port", "port")):
            if process.get(key) and not process.get(of):
                findings.add(f"{path}.{of}", f"is missing, for there is {key}", f"{of}: {18000 if of == 'listen' else 8000}")
        if probes == ["path"] and not process.get("listen"):
            findings.add(f"{path}.listen", "is missing, for health.path is asked over HTTP", "listen: 18000")
        if health.get("celery") and not any("celery" in word for word in process["command"]):
            findings.add(f"{path}.health.celery", "is for a Celery worker, but the command does not start one", "health: {command: [true]}")
        if process["routes"] and not process.get("port"):
            findings.add(f"{path}.routes", "needs a port", "port: 8000")
        if process["exclusive"] and process["instances"] > 1:
            findings.add(f"{path}.instances", f"is {process['instances']}, but the process is exclusive: never two at once", "instances: 1")


def check_builds(full: dict[str, Any], findings: Findings) -> None:
    fits = {"python": ("none",), "binary": ("cargo", "none"), "static": ("npm", "none")}
    for name, service in full["services"].items():
        path, runtime, build = f"services.{name}", service["runtime"], service["build"]
        if build["kind"] not in fits[runtime]:
            findings.add(f"{path}.build.kind", f"is {build['kind']}, which does not fit runtime: {runtime}", f"kind: {fits[runtime][0]}")
        if build.get("url") and not build.get("checksum"):
            findings.add(f"{path}.build.checksum", "is missing: what is downloaded must be what was meant", f"checksum: sha256:{'0' * 64}")
        if runtime == "binary" and build["kind"] == "none" and not build.get("url"):
            findings.add(f"{path}.build.url", "is missing, for nothing builds the program", "url: https://example.com/gateway-1.0")
        if runtime != "python" and service["python"].get("migrate"):
            findings.add(f"{path}.python.migrate", f"is not for runtime: {runtime}", "build: {migrate: [execution-gateway, migrate]}")
        if runtime == "static" and derived.migrate_command(service):
            findings.add(f"{path}.build.migrate", "is not for runtime: static, which has nothing to run", "runtime: binary")


def check_routes(full: dict[str, Any], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for path, unused, unused2, process in processes(full):
        for index, route in enumerate(process["routes"]):
            here = f"{path}.routes[{index}]"
            if route["path"] in seen:
                findings.add(f"{here}.path", f"{route['path']} is also the path of {seen[route['path']]}", "path: /api/another", other=seen[route["path"]])
            seen.setdefault(route["path"], here)
            if route["strip"] and route.get("rewrite"):
                findings.add(here, "has strip and rewrite; one of them", "{path: /ws/orders, rewrite: /ws}")


def check_ports(full: dict[str, Any], findings: Findings) -> None:
    ports = list(_ports(full))
    every = {port for port, unused in ports}
    taken: dict[int, str] = {}
    for port, path in ports:
        other = taken.setdefault(port, path)
        if port > 65535:
            findings.add(path.removesuffix(ADOPTED), f"reaches port {port}, beyond 65535", "port: 8000")
        elif other != path and not (other.endswith(ADOPTED) and path.endswith(ADOPTED)):
            free = next((free for free in (*range(port + 1, 65536), *range(1024, port)) if free not in every), port)
            findings.add(path.removesuffix(ADOPTED), f"port {port} is already taken by {other}", f"a free one, such as {free}", other=other)


def _ports(full: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    kinds = {datastore["kind"] for datastore in full["datastores"].values()}
    for kind, port, name in (("postgresql", derived.POSTGRESQL_PORT, "PostgreSQL"), ("redis", derived.REDIS_PORT, "Redis")):
        if kind in kinds:
            yield port, name
    if any(use["pool"] != "none" for service in full["services"].values() for use in service["uses"].values()):
        yield derived.PGBOUNCER_PORT, "PgBouncer"
    yield full["edge"]["port"], "edge.port"
    yield full["edge"]["port"] + derived.ADOPTED_OFFSET, f"edge.port{ADOPTED}"
    for name, datastore in full["datastores"].items():
        if datastore.get("access_port"):
            yield datastore["access_port"], f"datastores.{name}.access_port"
    for path, unused, unused2, process in processes(full):
        if process.get("port"):
            yield process["port"], f"{path}.port"
            yield process["port"] + derived.ADOPTED_OFFSET, f"{path}.port{ADOPTED}"
            yield process["internal_port"], f"{path}.internal_port"
        if process.get("listen"):
            for number in range(2 * process["instances"]):
                yield process["listen"] + number, f"{path}.listen"


def check_datastores(full: dict[str, Any], findings: Findings) -> None:
    order = full["migration_groups"]
    databases: dict[str, str] = {}
    for name, datastore in full["datastores"].items():
        path = f"datastores.{name}"
        groups = {full["services"].get(user, {}).get("migration_group") for user in datastore["users"]} & set(order)
        last = max(groups, key=order.index, default=None)
        wanted = datastore.get("moves_with")
        if len(groups) > 1 and not wanted:
            together = ", ".join(sorted(groups, key=order.index))
            problem = f"is missing: services of several migration groups ({together}) share it"
            findings.add(f"{path}.moves_with", problem, f"moves_with: {last}")
        elif wanted and wanted not in order:
            _unknown(findings, f"{path}.moves_with", wanted, order, "group of migration_groups")
        elif wanted and last and order.index(wanted) < order.index(last):
            findings.add(f"{path}.moves_with", f"is {wanted}, but a user of it moves later, with {last}", f"moves_with: {last}")
        if datastore["kind"] == "postgresql" and databases.setdefault(datastore["database"], name) != name:
            problem = f"is {datastore['database']}, which is the database of {databases[datastore['database']]}"
            findings.add(f"{path}.database", problem, f"database: {derived.identifier(name)}")
        if datastore["kind"] != "redis" and datastore.get("access_port") and datastore["kind"] != "postgresql":
            findings.add(f"{path}.access_port", f"is for servers, not for kind: {datastore['kind']}", "access_port: null")
        if datastore["kind"] == "redis":
            _check_prefixes(name, full, findings)
    for name, service in full["services"].items():
        for store, use in service["uses"].items():
            kind = full["datastores"].get(store, {}).get("kind")
            for key, kinds in (("prefix", ("redis",)), ("pool", ("postgresql",))):
                if use.get(key) not in (None, "none") and kind is not None and kind not in kinds:
                    findings.add(f"services.{name}.uses.{store}.{key}", f"is for kind: {kinds[0]}, and {store} is of kind {kind}", f"{store}: {{}}")


def _check_prefixes(store: str, full: Mapping[str, Any], findings: Findings) -> None:
    prefixes = {name: spec["uses"][store]["prefix"] for name, spec in full["services"].items() if store in spec["uses"]}
    for name, prefix in prefixes.items():
        for other, theirs in prefixes.items():
            if name != other and prefix.startswith(theirs) and (len(prefix), name) > (len(theirs), other):
                problem = f"begins with the prefix of {other}, which could so read and change its keys"
                findings.add(f"services.{name}.uses.{store}.prefix", problem, f'prefix: "{name}:"')


def check_secrets(full: dict[str, Any], findings: Findings) -> None:
    services = full["services"]
    for name, service in services.items():
        variables = {key for process in service["processes"].values() for key in process["environment"]} | set(service["environment"])
        for key, secret in service["secrets"].items():
            path = f"services.{name}.secrets.{key}"
            if secret["as"] == "env" and not secret.get("env"):
                findings.add(f"{path}.env", "is missing, for it is passed as: env", f"env: {key.upper()}")
            elif secret.get("env") and secret["as"] != "env":
                findings.add(f"{path}.env", f"is only for as: env, and this is as: {secret['as']}", "as: credential")
            elif secret.get("env") in variables:
                findings.add(f"{path}.env", f"{secret['env']} is also in environment", "another name in one of them")
            if secret.get("public_of") and secret.get("same_as"):
                findings.add(path, "has public_of and same_as; one of them", "{public_of: auth.jwt_private}")
            for way in ("public_of", "same_as"):
                if secret.get(way):
                    _check_target(f"{path}.{way}", secret[way], way, services, findings)
            if key in ("redis_password", "postgresql_password", "postgresql_migrate_password", "pgpass", "pgpass_migrate"):
                findings.add(path, "follows from the datastores that the service uses and is not declared", "null, which removes it")


def _check_target(path: str, target: str, way: str, services: Mapping[str, Any], findings: Findings) -> None:
    service, unused, key = target.partition(".")
    known = {f"{name}.{secret}": spec for name, one in services.items() for secret, spec in one["secrets"].items()}
    found = known.get(target)
    if found is None:
        _unknown(findings, path, target, known, "secret")
    elif found.get("public_of") or found.get("same_as"):
        findings.add(path, f"{target} has no value of its own", f"{way}: {found.get('public_of') or found.get('same_as')}")
    elif way == "public_of" and found["kind"] != "ec-private-key":
        findings.add(path, f"{target} is of kind {found['kind']}, which has no public half", "kind: ec-private-key there")


def _unknown(findings: Findings, path: str, name: str, known: Any, what: str) -> None:
    hint = suggestion(name, known)
    findings.add(path, f"{name} is not a {what}{'; ' + hint if hint else ''}", _closest(name, known))


def _closest(name: str, known: Any) -> str:
    return min(sorted(known), key=lambda other: (not other.startswith(name[:1]), other), default="")


RULES: tuple[Rule, ...] = (
    check_names, check_groups, check_references, check_cycles, check_processes, check_builds, check_routes, check_ports,
    check_datastores, check_secrets,
)
