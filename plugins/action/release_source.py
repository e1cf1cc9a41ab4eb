# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the application's source to the controller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url

from ansible_collections.cryptobot.native.plugins.module_utils.release.origin import bring
from ansible_collections.cryptobot.native.plugins.plugin_utils.release import ReleaseAction, cache_directory


class ActionModule(ReleaseAction):
    """Action of M(cryptobot.native.release_source)."""

    TRANSFERS_FILES = False
    _requires_connection = False
    takes = ("origin", "cache", "ca")

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Bring it; the cache of the controller is no host, so this is no change and works in check mode, too."""
        cache = Path(self._task.args.get("cache") or cache_directory()).expanduser() / "sources"
        ca = self._task.args.get("ca") or None
        path = bring(
            self._task.args.get("origin") or {}, cache, lambda url: open_url(url, ca_path=ca, timeout=60).read()
        )
        return {"changed": False, "path": str(path)}
