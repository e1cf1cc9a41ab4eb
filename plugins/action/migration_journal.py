# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the journal on the host which play this is, and whether the one that it belongs to is dead."""

from __future__ import annotations

import os
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptobot.native.plugins.module_utils.migration import lock


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.migration_journal)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module; where a play of this machine that has ended holds the host, once more with that knowledge."""
        super().run(tmp, task_vars)
        # A task runs in a child of the process that plays.
        controller = lock.process(os.getppid())
        result = self._call({"controller": controller}, task_vars)
        owner = result.get("owner") or {}
        if result.get("failed") and owner and lock.dead(owner, controller):
            result = self._call({"controller": controller, "dead": lock.token(owner)}, task_vars)
        return result

    def _call(self, more: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(module_args={**self._task.args, **more}, task_vars=task_vars)
        return result
