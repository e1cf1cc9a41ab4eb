# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue for the import of a configuration: completed and resolved, and without what an earlier import has set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Inventory
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.merge import Merged
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.rewriting import addresses_of
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.rules import Process
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.translate import pack
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_check import CatalogueCheck
from ansible_collections.cryptobot.native.plugins.plugin_utils.inventory_variables import InventoryVariables

VARIABLE = "cryptobot_services__00_compose"
"""Sorts before the patches of people, so that theirs win."""
NOTE = """---
# Written by import_configuration from the containers of the Compose project {project}; the next import replaces it.
# To change a value, set it in a patch of your own, cryptobot_services__<name>: the names are merged in their order.
"""
_TEMPLATE = re.compile(r"\{[{%#]")


@dataclass
class ImportedCatalogue(CatalogueCheck):
    """``with_import``: whether what an earlier import has set takes part."""

    with_import: bool = True
    completed: dict[str, Any] = field(default_factory=dict)
    resolved: dict[str, Any] = field(default_factory=dict)

    def load(self) -> ImportedCatalogue:
        """Raises with all findings but those of the vault and the source, which the import may be meant to fill."""
        hosts = tuple(self._host(name) for name in self.variables.hosts)
        merged = self._merged()
        self.findings.extend(merged.findings)
        validated = validate(merged.catalogue)
        self.findings.extend(validated.findings.located(merged.locate))
        if len(self.findings) or validated.usable is None:
            raise AnsibleActionFail(self.findings.report())
        inventory = Inventory(hosts, self.shared.get("cryptobot_environment", "development"))
        self.completed = validated.usable
        self.resolved = resolve(validated.usable, inventory, merged.provenance)
        return self

    def _merged(self) -> Merged:
        if not self.with_import:
            self.shared.pop(VARIABLE, None)
        return super()._merged()

    def processes(self) -> list[Process]:
        """Those that have a Docker side, as the catalogue describes them."""
        services = self.completed["services"]
        return [
            Process.of(name, process, services[name], self.resolved["services"][name])
            for name in self.resolved["services"]
            for process, spec in services[name]["processes"].items()
            if (spec.get("docker") or {}).get("service") and process in self.resolved["services"][name]["processes"]
        ]

    @property
    def datastores(self) -> dict[str, Any]:
        return {name: {"docker": store.get("docker") or {}} for name, store in self.resolved["datastores"].items()}

    def addresses(self) -> dict[str, Any]:
        """By Compose service and port the native address, as JSON."""
        return pack(addresses_of(self.resolved))


def catalogue(task_vars: Mapping[str, Any], with_import: bool) -> ImportedCatalogue:
    """From the inventory of a play."""
    variables = InventoryVariables(task_vars["hostvars"], task_vars["groups"])
    return ImportedCatalogue(variables, with_import=with_import).load()


class _Dumper(yaml.SafeDumper):
    """Marks as literal what Ansible would take for a template."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    tag = "!unsafe" if _TEMPLATE.search(value) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, value, style='"')


_Dumper.add_representer(str, _text)


def patch_text(project: str, patches: Mapping[str, Any]) -> str:
    """The file with the patch."""
    body = yaml.dump({VARIABLE: dict(patches)}, Dumper=_Dumper, allow_unicode=True, width=1 << 20, sort_keys=True)
    # Keys without quotes, but for those that YAML takes for something else.
    return NOTE.format(project=project) + re.sub(
        r'(?mi)^( *)"(?!(?:null|true|false|yes|no|on|off|y|n)")([a-z_][\w.-]*)":', r"\1\2:", body
    )
