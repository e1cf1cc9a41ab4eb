# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a project on the controller: what can be found out is not asked, and what exists is left as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail, AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue import vault
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import required_secrets
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.plugins.module_utils.project.answers import (
    Answers,
    AnswersError,
    complete,
    find_compose,
    questions,
)
from ansible_collections.cryptobot.native.plugins.module_utils.project.files import PASSWORD, VAULT, project_files
from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_files import load_shipped
from ansible_collections.cryptobot.native.plugins.plugin_utils.vault_file import VaultFile, write_new

COLLECTION = Path(__file__).resolve().parents[2]
# Below these Ansible finds collections by itself.
USUAL = ("~/.ansible/collections", "/usr/share/ansible/collections")


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.project)."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, then write what is missing."""
        result = super().run(tmp, task_vars)
        __, arguments = self.validate_argument_spec(
            {"path": {"type": "path", "required": True}, "answers": {"type": "path"}}
        )
        project, here = Path(arguments["path"]).absolute(), Path.cwd()
        if project.exists() and not project.is_dir():
            raise AnsibleActionFail(
                f"{project} is a file. Name a directory for the project, for example -e project=~/platform."
            )
        given, asked = self._read(arguments["answers"]), []
        if not (project / "inventory/hosts.yml").exists():
            given, asked = self._ask(given, here)
        try:
            answers = complete(given, here)
        except AnswersError as error:
            raise AnsibleActionFail(str(error)) from None
        written = self._write(project, answers)
        compose = find_compose(Path(answers.source["path"])) if "path" in answers.source else None
        return result | {
            "changed": bool(written),
            "written": written,
            "asked": asked,
            "project": str(project),
            "compose": str(compose) if compose else None,
            "hosts": answers.names,
            "user": answers.user,
            "next": f"cd {project} && ansible-playbook site.yml",
        }

    def _read(self, file: str | None) -> dict[str, Any]:
        if not file:
            return {}
        try:
            found = yaml.safe_load(Path(file).read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as error:
            raise AnsibleActionFail(
                f"The answers in {file} cannot be read: {type(error).__name__}. "
                "They are YAML, for example host: app1.example.com"
            ) from None
        return found

    def _ask(self, given: Any, here: Path) -> tuple[Any, list[str]]:
        """Asks at a terminal; elsewhere the defaults hold."""
        asked: list[str] = []
        for question in questions(given, here) if isinstance(given, dict) else []:
            try:
                reply = Display().prompt_until(f"{question.text} [{question.default}]\n").decode().strip()
            except AnsiblePromptNoninteractive:
                break
            except AnsiblePromptInterrupt:
                raise AnsibleActionFail("Stopped; nothing was written.") from None
            asked.append(question.key)
            value = reply or question.default
            given = {
                **given,
                question.key: {"path": str(Path(value).expanduser().absolute())} if question.key == "source" else value,
            }
        return given, asked

    def _write(self, project: Path, answers: Answers) -> list[str]:
        """Writes what is missing and gives its names.

        The vault is only filled for a new inventory: its needs are the inventory's.
        """
        new = not (project / "inventory/hosts.yml").exists()
        written = []
        for file in project_files(answers, self._version(), self._collections()):
            if not (project / file.path).exists():
                written.append(file.path)
                if not self._task.check_mode:
                    write_new(project / file.path, file.text.encode(), file.mode)
        if new or not (project / VAULT).exists():
            catalogue, __ = load_shipped(COLLECTION / "catalogues", "cryptobot")
            needs = vault.needs(required_secrets(validate(catalogue).usable, answers.inventory))
            if VaultFile(project / VAULT, project / PASSWORD).complete(needs, dry=self._task.check_mode):
                written.append(VAULT)
        return written

    def _version(self) -> str:
        for file, key in (("galaxy.yml", None), ("MANIFEST.json", "collection_info")):
            if (COLLECTION / file).is_file():
                found = yaml.safe_load((COLLECTION / file).read_text(encoding="utf-8"))
                return str((found[key] if key else found)["version"])
        return "0.1.0"

    def _collections(self) -> str:
        """Where this collection was loaded from, unless every Ansible looks there."""
        root = str(Path(__file__).absolute().parents[5])
        return "" if root in (str(Path(path).expanduser()) for path in USUAL) or "site-packages" in root else root
