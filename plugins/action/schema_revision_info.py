# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads on the controller which revisions of a schema the releases know, and has the host compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_collections.cryptobot.native.plugins.module_utils.migration import revisions


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.schema_revision_info)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the module of the same name."""
        result = super().run(tmp, task_vars)
        given = {name: value for name, value in self._task.args.items() if name in ("postgresql", "sqlite")}
        source = Path(self._task.args["origin"]).expanduser()
        scripts = revisions.packed(revisions.wanted(self._task.args["catalogue"]["services"], source))
        name = "cryptobot.native.schema_revision_info"
        return result | self._execute_module(
            module_name=name, module_args={**given, "scripts": scripts}, task_vars=task_vars
        )
