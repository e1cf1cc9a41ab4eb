# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads on the controller which revisions the next releases bring, and has the host do the rest."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.release.schema import Scripts, is_alembic
from ansible_collections.cryptobot.native.plugins.plugin_utils.release import ReleaseAction


class ActionModule(ReleaseAction):
    """Action of M(cryptobot.native.release_schema)."""

    TRANSFERS_FILES = False
    takes = ("services", "datastores", "host", "source", "expected", "state", "irreversible", "before", "served")

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """One call of the module of the same name."""
        scripts = {}
        for service in self._task.args["services"]:
            if is_alembic((service.get("migration") or {}).get("command")):
                found = Scripts.read(self.source() / (service.get("source") or "."))
                scripts |= {service["name"]: found.packed()} if found else {}
        return self.module("release_schema", {**self._task.args, "scripts": scripts}, task_vars)
