# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules on what services share or keep: ports, datastores, secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import derived
from .findings import Findings
from .rules_services import processes, unknown

SERVERS = {"postgresql": "PostgreSQL", "redis": "Redis"}
ADOPTED = " (+30000, where the proxy adopts a published port)"


def check_ports(full: dict[str, Any], findings: Findings) -> None:
    ports = list(_ports(full))
    every = {port for port, __ in ports}
    taken: dict[int, str] = {}
    for port, path in ports:
        other = taken.setdefault(port, path)
        if port > 65535:
            findings.add(path.removesuffix(ADOPTED), f"reaches port {port}, beyond 65535", "port: 8000")
        elif other != path and not (other.endswith(ADOPTED) and path.endswith(ADOPTED)):
            free = next((free for free in (*range(port + 1, 65536), *range(1024, port)) if free not in every), port)
            findings.add(
                path.removesuffix(ADOPTED),
                f"port {port} is already taken by {other}",
                f"a free one, such as {free}",
                other=other,
            )


def _ports(full: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for datastore in full["datastores"].values():
        if datastore["kind"] in SERVERS and datastore.get("port"):
            yield datastore["port"], SERVERS[datastore["kind"]]
    if any(use["pool"] != "none" for service in full["services"].values() for use in service["uses"].values()):
        yield derived.PGBOUNCER_PORT, "PgBouncer"
    yield full["edge"]["port"], "edge.port"
    yield full["edge"]["port"] + derived.ADOPTED_OFFSET, f"edge.port{ADOPTED}"
    for name, datastore in full["datastores"].items():
        if datastore.get("access_port"):
            yield datastore["access_port"], f"datastores.{name}.access_port"
    for path, __, __, process in processes(full):
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
            unknown(findings, f"{path}.moves_with", wanted, order, "group of migration_groups")
        elif wanted and last and order.index(wanted) < order.index(last):
            findings.add(
                f"{path}.moves_with", f"is {wanted}, but a user of it moves later, with {last}", f"moves_with: {last}"
            )
        if datastore["kind"] == "postgresql" and databases.setdefault(datastore["database"], name) != name:
            problem = f"is {datastore['database']}, which is the database of {databases[datastore['database']]}"
            findings.add(f"{path}.database", problem, f"database: {derived.identifier(name)}")
        if datastore["kind"] != "redis" and datastore.get("access_port") and datastore["kind"] != "postgresql":
            findings.add(
                f"{path}.access_port", f"is for servers, not for kind: {datastore['kind']}", "access_port: null"
            )
        _check_server(name, full["datastores"], findings)
        if datastore["kind"] == "redis":
            _check_prefixes(name, full, findings)
    for name, service in full["services"].items():
        for store, use in service["uses"].items():
            kind = full["datastores"].get(store, {}).get("kind")
            for key, kinds in (("prefix", ("redis",)), ("pool", ("postgresql",))):
                if use.get(key) not in (None, "none") and kind is not None and kind not in kinds:
                    findings.add(
                        f"services.{name}.uses.{store}.{key}",
                        f"is for kind: {kinds[0]}, and {store} is of kind {kind}",
                        f"{store}: {{}}",
                    )


def _check_server(name: str, datastores: Mapping[str, Any], findings: Findings) -> None:
    """All of a kind are in one server, which has one port."""
    kind, port = datastores[name]["kind"], datastores[name].get("port")
    if kind not in SERVERS:
        if port:
            findings.add(f"datastores.{name}.port", f"is for servers, not for kind: {kind}", "port: null")
        return
    first = next(other for other, each in datastores.items() if each["kind"] == kind)
    if port != (wanted := datastores[first].get("port")):
        problem = f"is {port}, and that of {first} is {wanted}: all {SERVERS[kind]} datastores have one server"
        findings.add(f"datastores.{name}.port", problem, f"port: {wanted}")


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
        variables = {key for process in service["processes"].values() for key in process["environment"]} | set(
            service["environment"]
        )
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
            if key in (
                "redis_password",
                "postgresql_password",
                "postgresql_migrate_password",
                "pgpass",
                "pgpass_migrate",
            ):
                findings.add(
                    path,
                    "follows from the datastores that the service uses and is not declared",
                    "null, which removes it",
                )


def _check_target(path: str, target: str, way: str, services: Mapping[str, Any], findings: Findings) -> None:
    known = {f"{name}.{secret}": spec for name, one in services.items() for secret, spec in one["secrets"].items()}
    found = known.get(target)
    if found is None:
        unknown(findings, path, target, known, "secret")
    elif found.get("public_of") or found.get("same_as"):
        findings.add(
            path, f"{target} has no value of its own", f"{way}: {found.get('public_of') or found.get('same_as')}"
        )
    elif way == "public_of" and found["kind"] != "ec-private-key":
        findings.add(
            path, f"{target} is of kind {found['kind']}, which has no public half", "kind: ec-private-key there"
        )
