# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on services: names that must exist, cycles, processes and builds that could not run."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from . import derived
from .findings import Findings, suggestion
from .schema_process import NAME_LENGTH
from .waves import cycle

# Names whose OS user, unit, database role or access rule would be one that already means something else.
RESERVED = {"alert", "build", "default", "edge", "migrate", "none", "postgres", "public", "root", "user"}


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
            findings.add(
                path, f"is longer than {NAME_LENGTH} characters, so that no OS user can have its name", "reporting: {…}"
            )
        for suffix in ("owner", "migrate"):
            other = roles.get(f"{derived.identifier(name)}_{suffix}")
            if other:
                findings.add(
                    f"services.{other}",
                    f"is also the name of a database role that the service {name} gets",
                    f"{other}-service: {{…}}",
                )
        if name.startswith("data-") and name.removeprefix("data-") in full["datastores"]:
            findings.add(
                path,
                f"is also the name of the group of the datastore {name.removeprefix('data-')}",
                f"{name}-service: {{…}}",
            )
    for name in full["datastores"]:
        if len(name) > NAME_LENGTH - len("data-"):
            findings.add(
                f"datastores.{name}",
                f"is longer than {NAME_LENGTH - len('data-')} characters",
                "bars: {kind: directory}",
            )


def check_groups(full: dict[str, Any], findings: Findings) -> None:
    groups = full["migration_groups"]
    if len(set(groups)) < len(groups):
        findings.add("migration_groups", "names a group twice", "[infrastructure, critical, edge]")
    for name, service in full["services"].items():
        group = service.get("migration_group")
        if group is None:
            findings.add(
                f"services.{name}.migration_group", "is missing", f"migration_group: {groups[-1]}" if groups else ""
            )
        elif group not in groups:
            unknown(findings, f"services.{name}.migration_group", group, groups, "group of migration_groups")


def check_references(full: dict[str, Any], findings: Findings) -> None:
    services, datastores = full["services"], full["datastores"]
    called = [
        name for name, spec in services.items() if any(process.get("port") for process in spec["processes"].values())
    ]
    gates = [
        name
        for name, spec in services.items()
        if any(process.get("port") and process["health"].get("path") for process in spec["processes"].values())
    ]
    for name, service in services.items():
        for key, able, why in (
            ("calls", called, "has no process with a port, so that it cannot be called"),
            ("after", gates, "has no process with a port and a health path, so that nothing can wait for it"),
        ):
            for other in service[key]:
                path = f"services.{name}.{key}"
                if other == name:
                    findings.add(path, "names the service itself", f"{key}: []")
                elif other not in services:
                    unknown(findings, path, other, services, "service")
                elif other not in able:
                    findings.add(path, f"{other} {why}", f"{key}: [{able[0]}]" if able else f"{key}: []")
        for store in service["uses"]:
            if store not in datastores:
                unknown(findings, f"services.{name}.uses.{store}", store, datastores, "datastore")
    for name, datastore in datastores.items():
        for user in datastore["users"]:
            if user not in services:
                unknown(findings, f"datastores.{name}.users", user, services, "service")


def check_cycles(full: dict[str, Any], findings: Findings) -> None:
    after = {name: [other for other in spec["after"] if other != name] for name, spec in full["services"].items()}
    found = cycle(after)
    if found:
        problem = f"forms a cycle: {' → '.join(found)}; none of them could start first"
        findings.add(f"services.{found[0]}.after", problem, "after: []; calls may be cyclic")


def check_processes(full: dict[str, Any], findings: Findings) -> None:
    for path, __, service, process in processes(full):
        runtime, health = service["runtime"], process["health"]
        if not process["command"] and runtime != "static":
            findings.add(f"{path}.command", "is missing", 'command: [uvicorn, "auth.main:app", --fd, "3"]')
        if runtime == "static" and process["command"]:
            findings.add(
                f"{path}.command", "is not for runtime: static; its files are served by nginx", "runtime: binary"
            )
        probes = [key for key in ("path", "command", "celery") if health.get(key)]
        if len(probes) != 1:
            problem = f"has {' and '.join(probes)}" if probes else "has no probe"
            findings.add(
                f"{path}.health",
                f"{problem}; it needs exactly one of path, command and celery",
                "health: {path: /health/ready}",
            )
        for key, of in (("port", "listen"), ("internal_port", "port")):
            if process.get(key) and not process.get(of):
                findings.add(
                    f"{path}.{of}", f"is missing, for there is {key}", f"{of}: {18000 if of == 'listen' else 8000}"
                )
        if probes == ["path"] and not process.get("listen"):
            findings.add(f"{path}.listen", "is missing, for health.path is asked over HTTP", "listen: 18000")
        if health.get("celery") and not any("celery" in word for word in process["command"]):
            findings.add(
                f"{path}.health.celery",
                "is for a Celery worker, but the command does not start one",
                "health: {command: [true]}",
            )
        if process["routes"] and not process.get("port"):
            findings.add(f"{path}.routes", "needs a port", "port: 8000")
        if process["exclusive"] and process["instances"] > 1:
            findings.add(
                f"{path}.instances",
                f"is {process['instances']}, but the process is exclusive: never two at once",
                "instances: 1",
            )


def check_builds(full: dict[str, Any], findings: Findings) -> None:
    fits = {"python": ("none",), "binary": ("cargo", "none"), "static": ("npm", "none")}
    for name, service in full["services"].items():
        path, runtime, build = f"services.{name}", service["runtime"], service["build"]
        if build["kind"] not in fits[runtime]:
            findings.add(
                f"{path}.build.kind",
                f"is {build['kind']}, which does not fit runtime: {runtime}",
                f"kind: {fits[runtime][0]}",
            )
        if build.get("url") and not build.get("checksum"):
            findings.add(
                f"{path}.build.checksum",
                "is missing: what is downloaded must be what was meant",
                f"checksum: sha256:{'0' * 64}",
            )
        if runtime == "binary" and build["kind"] == "none" and not build.get("url"):
            findings.add(
                f"{path}.build.url",
                "is missing, for nothing builds the program",
                "url: https://example.com/gateway-1.0",
            )
        if runtime != "python" and service["python"].get("migrate"):
            findings.add(
                f"{path}.python.migrate",
                f"is not for runtime: {runtime}",
                "build: {migrate: [execution-gateway, migrate]}",
            )
        if runtime == "static" and derived.migrate_command(service):
            findings.add(
                f"{path}.build.migrate", "is not for runtime: static, which has nothing to run", "runtime: binary"
            )


def check_routes(full: dict[str, Any], findings: Findings) -> None:
    seen: dict[str, str] = {}
    for path, __, __, process in processes(full):
        for index, route in enumerate(process["routes"]):
            here = f"{path}.routes[{index}]"
            if route["path"] in seen:
                findings.add(
                    f"{here}.path",
                    f"{route['path']} is also the path of {seen[route['path']]}",
                    "path: /api/another",
                    other=seen[route["path"]],
                )
            seen.setdefault(route["path"], here)
            if route["strip"] and route.get("rewrite"):
                findings.add(here, "has strip and rewrite; one of them", "{path: /ws/orders, rewrite: /ws}")


def check_egress(full: dict[str, Any], findings: Findings) -> None:
    for name, service in full["services"].items():
        for key in ("egress", "egress_fence"):
            for network in service[key]:
                if network != "any" and not _is_network(network):
                    findings.add(f"services.{name}.{key}", f"{network} is no address and no network", "203.0.113.0/24")


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def unknown(findings: Findings, path: str, name: str, known: Any, what: str) -> None:
    hint = suggestion(name, known)
    findings.add(path, f"{name} is not a {what}{'; ' + hint if hint else ''}", _closest(name, known))


def _closest(name: str, known: Any) -> str:
    return min(sorted(known), key=lambda other: (not other.startswith(name[:1]), other), default="")
