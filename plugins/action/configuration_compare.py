# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the configuration of both sides: what the catalogue says goes along, the values stay on the host."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.plugin_utils.imported_catalogue import catalogue


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.configuration_compare)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the module of the same name."""
        result = super().run(tmp, task_vars)
        known = catalogue(task_vars or {}, with_import=True)
        arguments = {
            **self._task.args,
            "processes": [asdict(process) for process in known.processes()],
            "addresses": known.addresses(),
            "datastores": known.datastores,
        }
        name = "cryptobot.native.configuration_compare"
        return result | self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
