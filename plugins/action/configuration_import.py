# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the configuration of a Compose project's containers into the inventory: a patch of the catalogue, and the vault."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.importing import (
    Given,
    Imported,
    Importer,
    overridden,
)
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.translate import (
    Translator,
    moved_paths,
    servers,
    unpack,
)
from ansible_collections.cryptobot.native.plugins.module_utils.docker.source import Source
from ansible_collections.cryptobot.native.plugins.module_utils.findings import Finding, blocking, ranked, sentence
from ansible_collections.cryptobot.native.plugins.plugin_utils.docker_source import OPTIONS, fetch_source
from ansible_collections.cryptobot.native.plugins.plugin_utils.imported_catalogue import (
    ImportedCatalogue,
    catalogue,
    patch_text,
)
from ansible_collections.cryptobot.native.plugins.plugin_utils.vault_file import VaultFile, write_new

SPEC = {
    **OPTIONS,
    "accept": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "path", "required": True},
    "vault": {"type": "path", "required": True},
    "password_file": {"type": "path", "required": True, "no_log": False},
}


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.configuration_import)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Values go from the fetched bundle into the two files; the result has names and reasons."""
        result = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec(SPEC)
        known = catalogue(task_vars or {}, with_import=False)
        source = fetch_source(self, arguments, task_vars or {})
        imported = take(source, known)
        every = [*imported.findings, *overridden(imported.patches, known.resolved["provenance"])]
        found = ranked(every, arguments["accept"])
        result |= {
            "changed": False,
            "variables": imported.differences(),
            "findings": [one.as_dict() for one in found],
        }
        if stops := blocking(found):
            return result | {"failed": True, "msg": report(stops)}
        return result | self._write(arguments, imported)

    def _write(self, arguments: Mapping[str, Any], imported: Imported) -> dict[str, Any]:
        dry = bool(self._task.check_mode)
        vault = VaultFile(Path(arguments["vault"]).expanduser(), Path(arguments["password_file"]).expanduser())
        secrets = vault.put(imported.secrets, dry=dry)
        path = Path(arguments["path"]).expanduser()
        new = patch_text(arguments["project"], imported.patches)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if new != old and not dry:
            write_new(path, new.encode(), 0o644)
        diff = {"before": old, "after": new, "before_header": str(path), "after_header": str(path)}
        return {"changed": bool(secrets) or new != old, "secrets": secrets, "path": str(path), "diff": diff}


def take(source: Source, known: ImportedCatalogue) -> Imported:
    """Everything that the containers show, as the catalogue and the vault take it."""
    volumes = {raw["Name"]: raw for raw in source.bundle["volumes"]}
    importer = Importer(source.services)
    for process in known.processes():
        for container in source.services.get(process.docker, [])[:1]:
            translator = Translator(unpack(known.addresses()), moved_paths(container, volumes, known.datastores))
            files = source.bundle["secret_files"].get(container.id, {})
            importer.add(Given(process, container, source.image_environment(container), files, translator))
    for service, datastore in servers(known.datastores).items():
        for container in source.services.get(service, [])[:1]:
            importer.add_server(container, datastore)
    return importer.finish()


def report(found: list[Finding]) -> str:
    """All of them, each with its remedy."""
    return f"{len(found)} things must be decided first; nothing was written. {sentence(found)}"
