# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles `launcher`, `units` and `edge` make of the resolved catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.cryptobot.native.plugins.module_utils import edge_catalogue
from ansible_collections.cryptobot.native.plugins.module_utils.units import catalogue as units_catalogue
from ansible_collections.cryptobot.native.plugins.module_utils.units import servers as units_servers
from ansible_collections.cryptobot.native.plugins.module_utils.units import tree as units_tree


def unit_command(words: list[str]) -> str:
    """A list of words as systemd reads a command."""
    return " ".join(units_catalogue.quoted(str(word)) for word in words)


def service_files(catalogue: dict[str, Any], host: str, secrets: dict[str, Any]) -> list[dict[str, Any]]:
    """Configuration, environment and secrets of a host's services. No error of these holds a secret."""
    try:
        return units_tree.service_files(catalogue, host, secrets)
    except (KeyError, ValueError) as error:
        raise AnsibleFilterError(str(error.args[0] if error.args else error)) from None


class FilterModule:
    """Filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "edge_servers": units_servers.servers,
            "edge_listen": edge_catalogue.listen,
            "edge_accesses": edge_catalogue.accesses,
            "edge_doors": edge_catalogue.sided_doors,
            "exclusive_containers": edge_catalogue.exclusive_containers,
            "migration_files": units_tree.migration_files,
            "service_files": service_files,
            "unit_command": unit_command,
            "unit_files": units_tree.unit_files,
            "unit_wishes": units_catalogue.wishes,
            "units_of": units_catalogue.units,
        }
