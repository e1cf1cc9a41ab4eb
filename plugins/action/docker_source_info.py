# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Describes a Compose project on the controller, from what its host knows."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.module_utils.docker.source_findings import findings, unmapped
from ansible_collections.cryptobot.native.plugins.plugin_utils.docker_source import OPTIONS, fetch_source


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.docker_source_info)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fetch, read, describe; only names and digests are returned."""
        result = super().run(tmp, task_vars)
        spec = {**OPTIONS, "catalogue": {"type": "dict"}, "accept": {"type": "list", "elements": "str", "default": []}}
        __, arguments = self.validate_argument_spec(spec)
        source = fetch_source(self, arguments, task_vars or {})
        more = list(unmapped(source, arguments["catalogue"])) if arguments["catalogue"] else []
        found = findings(source, arguments["accept"], more)
        return result | {"changed": False, "source": source.describe(), "findings": [one.as_dict() for one in found]}
