# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the wanted artefacts with those that exist."""

from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Platform, distinct
from ansible_collections.cryptobot.native.plugins.plugin_utils.release import ReleaseAction


class ActionModule(ReleaseAction):
    """Action of M(cryptobot.native.release_plan)."""

    takes = ("catalogue", "source", "cache", "portable")

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Plan all releases of the catalogue for the platform of this build host."""
        releases = self.plan(None)
        mine = [
            artefact
            for artefact in distinct(releases)
            if artefact.built and (self._task.args.get("portable", True) or not artefact.portable)
        ]
        found = self.module("release_plan", {"artefacts": [artefact.name for artefact in mine]}, task_vars)
        if found.get("failed"):
            return found
        platform, store = Platform.parse(found["platform"]), self.store()
        missing = [artefact for artefact in mine if store.find(artefact, platform) is None]
        return {
            **found,
            "changed": False,
            "releases": {
                release.service: {"id": release.spec()["id"], "version": release.version} for release in releases
            },
            "missing": [artefact.name for artefact in missing],
            "kinds": sorted({artefact.kind for artefact in missing if artefact.name not in found["finished"]}),
        }
