# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of everything that an inventory says, before a host is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import vault
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.findings import Findings
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import (
    Host,
    Inventory,
    check_compose_hosts,
    check_inventory,
)
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.merge import PREFIXES, Merged, Patch, merge
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import required_secrets, resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.variables import (
    PREFIX,
    PUBLIC,
    check_variables,
)
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_files import check_source, load_shipped
from ansible_collections.cryptobot.native.plugins.plugin_utils.inventory_variables import MISSING, InventoryVariables
from ansible_collections.cryptobot.native.plugins.plugin_utils.role_options import check_options, role_options

COLLECTION = Path(__file__).resolve().parents[2]
COMPOSE = "cryptobot_compose"
TARGETS = {"cryptobot_migration_groups": "migration_groups", "cryptobot_entrance": "edge"}


@dataclass
class CatalogueCheck:
    """Checks all there is to check; `findings` holds what is wrong afterwards."""

    variables: InventoryVariables
    findings: Findings = field(default_factory=Findings)
    shared: dict[str, Any] = field(default_factory=dict)
    """Variables that must be the same for all hosts, by name."""
    owner: dict[str, str] = field(default_factory=dict)
    """Host from which a shared variable was taken."""
    unreadable: set[str] = field(default_factory=set)
    needs: list[vault.Need] | None = None
    """The secrets that the vault must hold; None where the catalogue is too broken to tell."""

    def run(self) -> dict[str, Any]:
        """The resolved catalogue; empty where there are findings."""
        hosts = tuple(self._host(name) for name in self.variables.hosts)
        merged = self._merged()
        self.findings.extend(merged.findings)
        if COMPOSE in self.shared:
            check_compose_hosts(Inventory(hosts), self.findings)
        validated = validate(merged.catalogue)
        self.findings.extend(validated.findings.located(merged.locate))
        inventory = Inventory(hosts, self.shared.get("cryptobot_environment", "development"))
        check_inventory(inventory, merged.catalogue, self.variables.groups, self.findings)
        if validated.usable is not None:
            self._check_source(validated.usable, merged)
            self._check_secrets(required_secrets(validated.usable, inventory))
        if len(self.findings) or validated.usable is None:
            return {}
        return resolve(validated.usable, inventory, merged.provenance)

    def _host(self, name: str) -> Host:
        """Reads and checks one host's variables."""
        options = role_options(COLLECTION / "roles")
        found, values, set_options = Findings(), {}, {}
        for variable in self.variables.names(name):
            if variable in options:
                value = self.variables.get(name, variable, found, lenient=True)
                if value is not MISSING:
                    set_options[variable] = value
            if variable.startswith(PREFIX):
                value = self.variables.get(name, variable, found)
                if value is MISSING:
                    self.unreadable.add(variable)
                else:
                    values[variable] = value
        check_variables(values, [option for option in options if option.startswith(PREFIX)], found)
        check_options(set_options, options, found)
        self.findings.extend(
            found.located(lambda path: self.variables.place(name, path.partition(".")[0].partition("[")[0]))
        )
        for variable, value in values.items():
            if variable != "cryptobot_address":
                self._share(name, variable, value)
        address = values.get("cryptobot_address")
        if address is None:
            address = self.variables.get(name, "ansible_host", Findings())
        groups = frozenset(group for group, names in self.variables.groups.items() if name in names)
        return Host(name, str(address) if address not in (MISSING, None) else "127.0.0.1", groups)

    def _share(self, host: str, variable: str, value: Any) -> None:
        if variable not in self.shared:
            self.shared[variable], self.owner[variable] = value, host
        elif self.shared[variable] != value and (variable in PUBLIC or variable.startswith(tuple(PREFIXES))):
            problem = f"differs between the hosts {self.owner[variable]} and {host}; the catalogue is one for all"
            self.findings.add(
                variable,
                problem,
                "set it in group_vars/all or group_vars/cryptobot",
                self.variables.place(host, variable),
            )

    def _merged(self) -> Merged:
        shipped = self.shared.get("cryptobot_catalogue", "cryptobot")
        base, origin = load_shipped(
            COLLECTION / "catalogues", shipped if shipped in PUBLIC["cryptobot_catalogue"].choices else "cryptobot"
        )
        patches = [
            Patch(variable, target, value, self.variables.places(self.owner[variable], variable))
            for variable, value in self.shared.items()
            for target in [
                TARGETS.get(variable)
                or next((PREFIXES[prefix] for prefix in PREFIXES if variable.startswith(prefix)), None)
            ]
            if target
        ]
        return merge(base, origin, patches)

    def _check_secrets(self, services: dict[str, Any]) -> None:
        self.needs = vault.needs(services)
        if vault.VARIABLE in self.unreadable:
            return
        found = Findings()
        vault.check_secrets(self.shared.get(vault.VARIABLE, {}), self.needs, found)
        self.findings.extend(found.located(self._locate))

    def _check_source(self, full: dict[str, Any], merged: Merged) -> None:
        source = self.shared.get("cryptobot_source")
        path = source.get("path") if isinstance(source, dict) else None
        if isinstance(path, str) and path:
            found = Findings()
            check_source(full, Path(path).expanduser(), found)
            self.findings.extend(
                found.located(lambda key: self._locate(key) if key.startswith(PREFIX) else merged.locate(key))
            )
        elif source is None and "cryptobot_source" not in self.unreadable and merged.catalogue.get("services"):
            self.findings.add(
                "cryptobot_source", "is not set: where the application's source is", PUBLIC["cryptobot_source"].example
            )

    def _locate(self, path: str) -> str:
        variable = path.partition(".")[0]
        return self.variables.place(self.owner[variable], variable) if variable in self.owner else ""
