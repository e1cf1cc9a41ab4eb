# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a generated value into the vault for each secret that the inventory needs and has not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_check import CatalogueCheck
from ansible_collections.cryptobot.native.plugins.plugin_utils.inventory_variables import InventoryVariables
from ansible_collections.cryptobot.native.plugins.plugin_utils.vault_file import VaultFile


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.vault_secrets)."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The needs come from the inventory as it is, the values from the system's random source."""
        result = super().run(tmp, task_vars)
        spec = {
            "path": {"type": "path", "required": True},
            "password_file": {"type": "path", "required": True, "no_log": False},
        }
        __, arguments = self.validate_argument_spec(spec)
        task_vars = task_vars or {}
        check = CatalogueCheck(InventoryVariables(task_vars["hostvars"], task_vars["groups"]))
        check.run()
        if check.needs is None:
            raise AnsibleActionFail(check.findings.report())
        added = VaultFile(Path(arguments["path"]), Path(arguments["password_file"])).complete(
            check.needs, dry=self._task.check_mode
        )
        return result | {"changed": bool(added), "added": added}
