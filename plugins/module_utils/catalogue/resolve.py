# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a valid catalogue and an inventory to everything that hosts need to know: the resolved catalogue.

Each host that runs services sees its own addresses; what differs from the first one is kept in `by_host`.
No value of a secret takes part: processes get them as files, whose names are known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..migration.alone import alone
from ..postgresql.fence.travel import guest
from . import derived, lending
from .inventory import LOOPBACK, PARENT, Host, Inventory, in_url
from .placeholders import INSTANCE
from .values import Values
from .waves import waves

SLOTS = ("a", "b")
OF_SERVICE = (
    "migration_group", "runtime", "source", "python", "build", "calls", "after", "uses", "resources", "egress", "egress_fence",
)  # fmt: skip
"""What the resolved service has as the catalogue says it."""


def resolve(full: dict[str, Any], inventory: Inventory, provenance: Mapping[str, str]) -> dict[str, Any]:
    """The fact `cryptobot`. `full`: a completed catalogue without findings."""
    return _Resolver(full, inventory).result(provenance)


def required_secrets(full: dict[str, Any], inventory: Inventory) -> dict[str, dict[str, Any]]:
    """For each service its secrets, as far as they can be told: also while the catalogue has findings."""
    return {name: {"secrets": secrets} for name, secrets in _Resolver(full, inventory).secrets.items()}


class _Resolver:
    def __init__(self, catalogue: dict[str, Any], inventory: Inventory) -> None:
        self.catalogue = catalogue
        self.services: dict[str, dict[str, Any]] = catalogue["services"]
        self.inventory = inventory
        self.hosts = inventory.within("cryptobot_app") or [Host("localhost")]
        self.secrets = {name: self._secrets(name, self.hosts) for name in self.services}

    def result(self, provenance: Mapping[str, str]) -> dict[str, Any]:
        after = {name: spec["after"] for name, spec in self.services.items()}
        return {
            "environment": self.inventory.environment,
            "edge": self.catalogue["edge"],
            "migration_groups": self.catalogue["migration_groups"],
            "waves": [sorted(wave, key=self.order.__getitem__) for wave in waves(after)],
            "hosts": {host.name: self._host(host) for host in self.inventory.hosts if PARENT in host.groups},
            "datastores": self.datastores,
            "services": {name: self._service(name) for name in sorted(self.services, key=self.order.__getitem__)},
            "routes": self._routes(),
            "doors": [door for name in self.services for door in self._doors(name)],
            "provenance": dict(sorted(provenance.items())),
        }

    @cached_property
    def datastores(self) -> dict[str, dict[str, Any]]:
        return {name: self._datastore(name, spec) for name, spec in self.catalogue["datastores"].items()}

    @cached_property
    def order(self) -> dict[str, tuple[int, str]]:
        """By migration group, then by name."""
        groups = self.catalogue["migration_groups"]
        return {name: (groups.index(spec["migration_group"]), name) for name, spec in self.services.items()}

    # Hosts

    def _host(self, host: Host) -> dict[str, Any]:
        runs = sorted(self.services, key=self.order.__getitem__) if host in self.hosts else []
        groups = sorted(group for group in host.groups if group.startswith(f"{PARENT}_"))
        return {
            "address": host.address,
            "groups": groups,
            "services": [name for name in runs if self._runs_on(name, host)],
        }

    def _runs_on(self, service: str, host: Host) -> bool:
        processes = self.services[service]["processes"].values()
        return any(self._process_runs_on(service, process, host) for process in processes)

    def _process_runs_on(self, service: str, process: Mapping[str, Any], host: Host) -> bool:
        """On each host of the applications; alone on the first one, where its files are."""
        return host == self.hosts[0] or not alone(self.catalogue, self.services[service], process)

    def address(self, group: str, host: Host) -> str:
        """The address under which `host` reaches the first host of a group."""
        target = self.inventory.first(group)
        return LOOPBACK if target is None or target == host else target.address

    # Datastores

    def _datastore(self, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        users = spec["users"]
        groups = [self.services[service]["migration_group"] for service in users]
        last = max(groups, key=self.catalogue["migration_groups"].index, default=self.catalogue["migration_groups"][-1])
        group = {"postgresql": "cryptobot_database", "redis": "cryptobot_cache"}.get(spec["kind"], "cryptobot_app")
        target = self.inventory.first(group)
        common = {
            "name": name,
            "kind": spec["kind"],
            "host": target.name if target else None,
            "address": target.address if target else LOOPBACK,
            "migration_group": spec.get("moves_with", last),
            "docker": spec["docker"],
        }
        if spec["kind"] == "postgresql":
            remote = [
                service for service in users if any(self.needs_password(service, name, host) for host in self.hosts)
            ]
            return common | {
                "database": spec["database"],
                "port": spec["port"],
                "access_port": spec.get("access_port"),
                "users": users,
                "password_users": remote,
                "pools": {service: self.services[service]["uses"][name]["pool"] for service in users},
            }
        if spec["kind"] == "redis":
            prefixes = {service: {"prefix": self.services[service]["uses"][name]["prefix"]} for service in users}
            return common | {
                "index": spec["index"],
                "port": spec["port"],
                "access_port": spec.get("access_port"),
                "users": prefixes,
            }
        path = derived.directory(name)
        file = {"file": f"{path}/{name}.sqlite"} if spec["kind"] == "sqlite" else {}
        return common | {"path": path, **file, "group": derived.group(name), "users": users}

    def needs_password(self, service: str, datastore: str, host: Host) -> bool:
        """Peer authentication serves on the database's own host, and not through the pool."""
        pooled = self.services[service]["uses"][datastore]["pool"] != "none"
        return pooled or self.inventory.first("cryptobot_database") not in (None, host)

    # Services

    def _service(self, name: str) -> dict[str, Any]:
        spec = self.services[name]
        seen = {host.name: self._seen_from(name, host) for host in self.hosts if self._runs_on(name, host)}
        first = seen.pop(self.hosts[0].name)
        whole = {
            "name": name,
            "identifier": derived.identifier(name),
            "user": derived.user(name),
            **{key: spec[key] for key in OF_SERVICE},
            "groups": sorted(
                derived.group(store)
                for store in spec["uses"]
                if self.catalogue["datastores"][store]["kind"] in ("directory", "sqlite")
            ),
            "secrets": self.secrets[name],
            "lent": lending.lent_to({"datastores": self.datastores}, spec),
            **first,
        }
        by_host = {host: other for host, other in seen.items() if other != first}
        return whole | ({"by_host": by_host} if by_host else {})

    def _seen_from(self, name: str, host: Host) -> dict[str, Any]:
        """What of a service depends on the host that runs it."""
        spec, values = self.services[name], Values(self, name, host)
        config = {
            "service": name,
            "environment": self.inventory.environment,
            "settings": values.settings,
            "urls": values.urls,
            "datastores": values.described_datastores(),
        }
        environment, credentials = values.environment(spec["environment"])
        command = derived.migrate_command(spec)
        migration = None
        # Once, and with rights that no other host has.
        if command and host == self.hosts[0]:
            owner = Values(self, name, host, migrate=True)
            plain, secret = owner.environment(spec["environment"])
            migration = {
                "command": [owner.text(word) for word in command],
                "environment": plain,
                "credential_environment": secret,
            }
        processes = {
            key: self._process(name, key, process, values, credentials)
            for key, process in spec["processes"].items()
            if self._process_runs_on(name, process, host)
        }
        return {
            "settings": values.settings,
            "environment": environment,
            "config": config,
            "migration": migration,
            "processes": processes,
        }

    def _process(
        self, service: str, name: str, spec: Mapping[str, Any], values: Values, credentials: Mapping[str, str]
    ) -> dict[str, Any]:
        process = values.of_process(spec)
        environment, own = process.environment(spec["environment"])
        instance = {key: value for key, value in environment.items() if is_per_instance(spec["environment"][key])}
        plain = {key: value for key, value in environment.items() if key not in instance}
        command = [process.text(word) for word in spec["command"]]
        lent = self._lent(service, spec, values)
        kept = (
            "port", "internal_port", "socket", "instances", "health", "drain_seconds", "start_timeout", "server", "exclusive",
            "routes", "docker", "reads",
        )  # fmt: skip
        return {
            "name": name,
            "command": command,
            **{key: spec.get(key) for key in kept},
            "listen_first": spec.get("listen"),
            "environment": plain,
            "credential_environment": {**credentials, **own},
            **({"lent": lent} if lent else {}),
            "after": self._gates(service, values),
            "units": [
                self._unit(service, name, spec, process, number, instance, command)
                for number in range(1, 2 * spec["instances"] + 1)
            ],
        }

    def _lent(self, service: str, spec: Mapping[str, Any], values: Values) -> dict[str, dict[str, Any]]:
        """By datastore that moves with another migration group: that ``group``, where the server is (``address``) while it is
        in its container, and the variables of the ``environment`` that are others then."""
        declared = self.services[service]
        templates = {**declared["environment"], **spec["environment"]}
        own, found = values.of_process(spec).environment(templates)[0], {}
        for store in lending.lent_to({"datastores": self.datastores}, declared):
            there = values.where_lent(store).of_process(spec)
            rendered = there.environment(templates)[0]
            found[store] = {
                "group": self.datastores[store]["migration_group"],
                "address": f"tcp://{there.server(store)}",
                "environment": {key: value for key, value in rendered.items() if value != own[key]},
            }
        return found

    def _unit(
        self,
        service: str,
        name: str,
        spec: Mapping[str, Any],
        process: Values,
        number: int,
        environment: Mapping[str, str],
        command: list[str],
    ) -> dict[str, Any]:
        port = spec["listen"] + number - 1 if spec.get("listen") else None
        at = process.of_instance(number, port)
        return {
            "unit": derived.unit(service, name, number),
            "instance": number,
            "slot": SLOTS[number > spec["instances"]],
            "listen": at.listen,
            "port": port,
            "command": [at.text(word) for word in command],
            "environment": {key: at.text(value) for key, value in environment.items()},
        }

    def _gates(self, service: str, values: Values) -> list[dict[str, Any]]:
        """What must be healthy before a process starts, by its internal door."""
        return [
            {
                "name": other,
                "url": values.url(process["internal_port"]) + process["health"]["path"],
                "expect": process["health"].get("expect", {}),
            }
            for other in self.services[service]["after"]
            for process in self.services[other]["processes"].values()
            if process.get("port") and process["health"].get("path")
        ]

    def listen_address(self, host: Host) -> str:
        """Loopback, where the proxy is on the same host."""
        return LOOPBACK if self.inventory.first("cryptobot_edge") in (None, host) else host.address

    # Secrets

    def _secrets(self, name: str, hosts: list[Host]) -> dict[str, dict[str, Any]]:
        """Declared ones, and those that follow from the datastores."""
        spec = self.services[name]
        found = {key: dict(secret) for key, secret in spec["secrets"].items()}
        kinds = {
            store: self.catalogue["datastores"][store]["kind"]
            for store in spec["uses"]
            if store in self.catalogue["datastores"]
        }
        if "redis" in kinds.values():
            found.setdefault("redis_password", {"as": "credential", "kind": "password", "length": 32, "for": "redis"})
        lines = [
            line
            for store, kind in kinds.items()
            if kind == "postgresql"
            for host in hosts
            for line in self._passfile(name, store, host)
        ]
        for key in sorted({line["password"] for line in lines}):
            found.setdefault(key, {"as": "none", "kind": "password", "length": 32, "for": "postgresql"})
        for key, password in (("pgpass", "postgresql_password"), ("pgpass_migrate", "postgresql_migrate_password")):
            entries = [line for line in lines if line["password"] == password]
            if entries:
                unique = [dict(line) for line in dict.fromkeys(tuple(entry.items()) for entry in entries)]
                found[key] = {"as": "credential", "kind": "passfile", "rendered_from": unique}
        for secret in found.values():
            if secret.get("public_of"):
                secret["kind"] = "ec-public-key"
        return {key: secret | {"path": derived.unit_path(name, key, secret["as"])} for key, secret in found.items()}

    def _passfile(self, service: str, datastore: str, host: Host) -> list[dict[str, Any]]:
        """The database, and its container while it is lent."""
        own = self._own_lines(service, datastore, host) if self.needs_password(service, datastore, host) else []
        spec = self.catalogue["datastores"][datastore]
        if not lending.can_lend(spec) or spec.get("moves_with") in (None, self.services[service].get("migration_group")):
            return own
        return [*own, {
            "host": self.address("cryptobot_edge", host), "port": spec["access_port"], "user": guest(service),
            "database": derived.docker_database(spec), "password": "postgresql_password",
        }]  # fmt: skip

    def _own_lines(self, service: str, datastore: str, host: Host) -> list[dict[str, Any]]:
        database, role = self.catalogue["datastores"][datastore]["database"], derived.identifier(service)
        pooled = self.services[service]["uses"][datastore]["pool"] != "none"
        server = self.catalogue["datastores"][datastore]["port"]
        port = derived.PGBOUNCER_PORT if pooled else server
        address = self.address("cryptobot_database", host)
        lines = [{"host": address, "port": port, "database": database, "user": role, "password": "postgresql_password"}]
        remote = self.inventory.first("cryptobot_database") not in (None, host)
        if remote and host == self.hosts[0] and derived.migrate_command(self.services[service]):
            lines.append(
                {
                    "host": address,
                    "port": server,
                    "database": database,
                    "user": f"{role}_migrate",
                    "password": "postgresql_migrate_password",
                }
            )
        return lines

    # The proxy

    def _routes(self) -> list[dict[str, Any]]:
        routes = [
            {
                "path": route["path"],
                "service": service,
                "process": process,
                "strip": route["strip"],
                "rewrite": route.get("rewrite"),
                "websocket": route["websocket"],
            }
            for service, spec in self.services.items()
            for process, one in spec["processes"].items()
            for route in one["routes"]
        ]
        return sorted(routes, key=lambda route: (-len(route["path"]), route["path"]))

    def _doors(self, service: str) -> list[dict[str, Any]]:
        return [
            {
                "name": f"{derived.identifier(service)}_{derived.identifier(name)}",
                "service": service,
                "process": name,
                "public": process["port"],
                "internal": process["internal_port"],
                "servers": self._servers(service, process),
                "live": process["health"].get("live"),
                "health": process["health"].get("path"),
            }
            for name, process in self.services[service]["processes"].items()
            if process.get("port")
        ]

    def _servers(self, service: str, process: Mapping[str, Any]) -> list[dict[str, str]]:
        """All slots on all hosts; which of them take requests is the host's knowledge."""
        hosts = [host for host in self.hosts if self._process_runs_on(service, process, host)]
        suffixes = {host: "" if len(self.hosts) == 1 else f"-{number}" for number, host in enumerate(self.hosts, 1)}
        return [
            {
                "name": f"{SLOTS[number >= process['instances']]}{number % process['instances'] + 1}{suffixes[host]}",
                "address": f"{in_url(self.listen_address(host))}:{process['listen'] + number}",
            }
            for host in hosts
            for number in range(2 * process["instances"])
        ]


def is_per_instance(value: Any) -> bool:
    """Whether a template differs between the instances of a process."""
    return isinstance(value, str) and any(f"{{{name}}}" in value for name in INSTANCE)
