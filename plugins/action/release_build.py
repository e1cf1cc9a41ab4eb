# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds on the host what is missing in the controller's store, and fetches it."""

from __future__ import annotations

import tarfile
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Platform, distinct
from ansible_collections.cryptobot.native.plugins.module_utils.release.source import add_tree, file_digest
from ansible_collections.cryptobot.native.plugins.plugin_utils.release import SOURCE_OPTIONS, ReleaseAction


class ActionModule(ReleaseAction):
    """Action of M(cryptobot.native.release_build)."""

    takes = ("catalogue", "source", "cache", "plan", "node", "uv", "workers", *SOURCE_OPTIONS)

    def work(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Build the artefacts that the plan names."""
        plan = self._task.args["plan"]
        names = set(plan["missing"])
        artefacts = {artefact.name: artefact for artefact in distinct(self.plan(None)) if artefact.name in names}
        prepared = "".join(f"built: {name}\n" for name in sorted(artefacts))
        if not artefacts:
            return {"changed": False, "diff": {"prepared": prepared}, "seconds": {}, "plan": []}

        def fill(archive: tarfile.TarFile) -> None:
            for artefact in artefacts.values():
                add_tree(archive, self.source() / artefact.directory, f"source/{artefact.name}")

        specs = [
            {"name": a.name, "kind": a.kind, "label": a.label, "directory": a.directory, "settings": dict(a.settings)}
            for a in artefacts.values()
        ]
        options = self.given("node", "uv", "workers", *SOURCE_OPTIONS)
        if self._task.check_mode:
            result = self.module("release_build", {"artefacts": specs, **options}, task_vars)
            return {**result, "diff": {"prepared": prepared}}
        platform, store = Platform.parse(plan["platform"]), self.store()
        with self.sent(fill) as (bundle, directory):
            arguments = {
                "artefacts": specs,
                "bundle": bundle,
                "target": directory,
                **options,
            }
            result = self.module("release_build", arguments, task_vars)
            for name, checksum in result.get("built", {}).items():
                key = artefacts[name].key(platform)
                made = store.new(key)
                self._connection.fetch_file(self._connection._shell.join_path(directory, f"{name}.tar.gz"), str(made))
                if file_digest(made) != checksum:
                    made.unlink()
                    raise ReleaseError(f"The artefact {name} came damaged from the build host. Run again.")
                store.put(key, made, {"platform": str(platform), "seconds": result["seconds"].get(name)})
        if result.get("failures"):
            return {"changed": bool(result["built"]), "failed": True, "msg": "\n".join(result["failures"])}
        return {**result, "diff": {"prepared": prepared}}
