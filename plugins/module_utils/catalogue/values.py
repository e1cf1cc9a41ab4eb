# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of placeholders, as one service on one host sees them."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..postgresql.fence.travel import guest
from . import derived
from .inventory import Host, in_url
from .placeholders import names, render

if TYPE_CHECKING:
    from .resolve import _Resolver

PATHS = {"release": "/opt/cryptobot/{}/current", "state": "/var/lib/cryptobot/{}", "config": "/etc/cryptobot/{}.json"}
CREDENTIAL = "credentials."


class Values:
    """Renders templates. `migrate`: as the migration step sees them, which works with rights of its own. `lent`: datastores
    that are used in their containers, by the router."""

    def __init__(
        self, resolver: _Resolver, service: str, host: Host, migrate: bool = False, lent: Collection[str] = ()
    ) -> None:
        self._resolver = resolver
        self._service = service
        self._host = host
        self._migrate, self._lent = migrate, lent
        self._spec = resolver.services[service]
        self._known: dict[str, str] = {"service": service, "environment": resolver.inventory.environment}
        self._known |= {name: path.format(service) for name, path in PATHS.items()}
        self.urls = {call: self.url(self._internal_port(call)) for call in self._spec["calls"]}
        self._known |= {f"urls.{call}": url for call, url in self.urls.items()}
        for store in self._spec["uses"]:
            self._known |= {f"datastores.{store}.{key}": str(value) for key, value in self.datastore(store).items()}
        plain = {key: value for key, value in self._spec["settings"].items() if not isinstance(value, dict | list)}
        self.settings: dict[str, Any] = {key: self._setting(value) for key, value in self._spec["settings"].items()}
        self._known |= {f"settings.{key}": _text(self.settings[key]) for key in plain}
        self.listen: str | None = None

    def of_process(self, process: Mapping[str, Any]) -> Values:
        """The same with what is known of a process."""
        return self._with({"port": str(process["port"])} if process.get("port") else {})

    def of_instance(self, number: int, port: int | None) -> Values:
        known = {"instance": str(number)}
        listen = None
        if port:
            listen = f"{in_url(self._resolver.listen_address(self._host))}:{port}"
            known |= {"listen": listen, "listen.port": str(port)}
        other = self._with(known)
        other.listen = listen
        return other

    def where_lent(self, store: str) -> Values:
        """The same while this datastore is in its container."""
        return Values(self._resolver, self._service, self._host, self._migrate, (store,))

    def server(self, store: str) -> str:
        """Host and port of a datastore."""
        found = self.datastore(store)
        return f"{in_url(found['host'])}:{found['port']}"

    def text(self, template: str) -> str:
        return render(template, self._known.get)

    def environment(self, templates: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Plain variables, and those that name credentials, which are for a unit's `Environment=` in systemd's specifiers."""
        plain: dict[str, str] = {}
        credentials: dict[str, str] = {}
        for key, value in templates.items():
            template = _text(value)
            if any(name.startswith(CREDENTIAL) for name in names(template)):
                credentials[key] = render(template.replace("%", "%%"), self._credential)
            else:
                plain[key] = self.text(template)
        return plain, credentials

    def _credential(self, name: str) -> str | None:
        if not name.startswith(CREDENTIAL):
            value = self._known.get(name)
            return None if value is None else value.replace("%", "%%")
        secret = name.removeprefix(CREDENTIAL)
        declared = self._resolver.secrets[self._service][secret]
        return declared["path"] if declared["as"] == "file" else f"%d/{secret}"

    def url(self, port: int) -> str:
        """A door of the proxy."""
        return f"http://{in_url(self._resolver.address('cryptobot_edge', self._host))}:{port}"

    def datastore(self, name: str) -> dict[str, Any]:
        """The keys that a placeholder may ask for."""
        spec, use = self._resolver.catalogue["datastores"][name], self._spec["uses"][name]
        if spec["kind"] == "postgresql":
            return self._postgresql(name, spec, use)
        if spec["kind"] == "redis":
            lent, role = name in self._lent, self._service
            host = self._resolver.address("cryptobot_edge" if lent else "cryptobot_cache", self._host)
            port = spec["access_port"] if lent else spec["port"]
            index = spec["docker"].get("index", 0) if lent else spec["index"]
            url = f"redis://{role}@{in_url(host)}:{port}/{index}"
            return {
                "url": url,
                "host": host,
                "port": port,
                "user": role,
                "index": index,
                "prefix": use["prefix"],
            }
        path = derived.directory(name)
        if spec["kind"] == "sqlite":
            file = f"{path}/{name}.sqlite"
            return {"path": file, "url": f"sqlite:///{file}", "directory": path}
        return {"path": path}

    def _postgresql(self, name: str, spec: Mapping[str, Any], use: Mapping[str, Any]) -> dict[str, Any]:
        if name in self._lent:
            host, port = self._resolver.address("cryptobot_edge", self._host), spec["access_port"]
            database, role = derived.docker_database(spec), guest(self._service)
            url = f"postgresql://{role}@{in_url(host)}:{port}/{quote(database)}"
            return {"url": url, "host": host, "port": port, "database": database, "user": role}
        database, role = spec["database"], derived.identifier(self._service) + ("_migrate" if self._migrate else "")
        address = self._resolver.address("cryptobot_database", self._host)
        remote = self._resolver.inventory.first("cryptobot_database") not in (None, self._host)
        pooled = use["pool"] != "none" and not self._migrate
        if not remote and not pooled:
            host, port = derived.POSTGRESQL_SOCKETS, spec["port"]
            url = f"postgresql://{role}@/{quote(database)}?host={host}"
            url += f"&port={port}" if port != derived.POSTGRESQL_PORT else ""
        else:
            host, port = address, derived.PGBOUNCER_PORT if pooled else spec["port"]
            url = f"postgresql://{role}@{in_url(host)}:{port}/{quote(database)}"
        return {"url": url, "host": host, "port": port, "database": database, "user": role}

    def described_datastores(self) -> dict[str, dict[str, Any]]:
        """For the configuration file."""
        stores = self._resolver.catalogue["datastores"]
        return {name: {"kind": stores[name]["kind"], **self.datastore(name)} for name in self._spec["uses"]}

    def _internal_port(self, service: str) -> int:
        return next(
            process["internal_port"]
            for process in self._resolver.services[service]["processes"].values()
            if process.get("port")
        )

    def _setting(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self._setting(element) for key, element in value.items()}
        if isinstance(value, list):
            return [self._setting(element) for element in value]
        return value

    def _with(self, known: Mapping[str, str]) -> Values:
        other = copy.copy(self)
        other._known = {**self._known, **known}
        return other


def _text(value: Any) -> str:
    """A value of YAML as an environment variable has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
