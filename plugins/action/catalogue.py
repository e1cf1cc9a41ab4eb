# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates catalogue, inventory, options and secrets on the controller, and resolves what later plays work with."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.module_utils.migration.sides import unread
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_check import COMPOSE, CatalogueCheck
from ansible_collections.cryptobot.native.plugins.plugin_utils.inventory_variables import InventoryVariables


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.catalogue)."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Everything that is wrong in one failure, else the resolved catalogue as a fact."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        check = CatalogueCheck(InventoryVariables(task_vars["hostvars"], task_vars["groups"]))
        resolved = check.run()
        if len(check.findings):
            return result | {
                "failed": True,
                "msg": check.findings.report(),
                "findings": [vars(one) for one in check.findings],
            }
        # A playbook that forgets to read the record leaves everything to the Compose project, where there is one.
        facts = {"cryptobot": resolved, "cryptobot_sides": unread(resolved) if COMPOSE in check.shared else {}}
        # The whole fact would bury what -v is wanted for; the playbook `status` shows it to people.
        return result | {"changed": False, "ansible_facts": facts, "_ansible_verbose_override": True}
