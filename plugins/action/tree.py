# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a whole tree on the controller and sends it in one module call."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template

from ansible_collections.cryptobot.native.plugins.module_utils.tree import pack

LISTS = ("files", "directories", "absent", "prune", "validate")
FILE_KEYS = {"dest", "template", "src", "content", "vars", "owner", "group", "mode", "sensitive", "block"}
DIRECTORY_KEYS = {"path", "owner", "group", "mode"}


class ActionModule(ActionBase):
    """Action of M(cryptobot.native.tree)."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check the arguments, render, and hand the packed tree to the module."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        args = self._task.args
        if unknown := sorted(set(args) - set(LISTS)):
            raise AnsibleActionFail(f"tree: unknown option {', '.join(unknown)}. It takes {', '.join(LISTS)}.")
        for name in LISTS:
            if not isinstance(args.get(name) or [], list):
                raise AnsibleActionFail(f"tree: {name} should be a list, for example {name}: [].")
        tree = {name: [dict(i) if isinstance(i, dict) else str(i) for i in args.get(name) or []] for name in LISTS}
        tree["files"] = [self._file(item, task_vars) for item in tree["files"]]
        tree["directories"] = [self._known(item, DIRECTORY_KEYS, "path") for item in tree["directories"]]
        result = self._execute_module(
            module_name="cryptobot.native.tree_apply", module_args={"payload": pack(tree)}, task_vars=task_vars
        )
        result.pop("invocation", None)
        return result

    def _known(self, item: dict[str, Any], keys: set[str], path: str) -> dict[str, Any]:
        if unknown := sorted(set(item) - keys):
            raise AnsibleActionFail(f"tree: {item.get(path)}: unknown key {', '.join(unknown)}.")
        if not str(item.get(path, "")).startswith("/"):
            raise AnsibleActionFail(f"tree: {path} should be an absolute path, for example /etc/cryptobot/x, not {item.get(path)!r}.")
        if "mode" in item and not isinstance(item["mode"], str):
            raise AnsibleActionFail(f'tree: {item[path]}: mode should be a quoted octal string, for example "0644".')
        return item

    def _file(self, raw: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        item = self._known(raw, FILE_KEYS, "dest")
        sources = [key for key in ("template", "src", "content") if item.get(key) is not None]
        if len(sources) != 1:
            raise AnsibleActionFail(f"tree: {item['dest']} needs exactly one of template, src and content, not {sources or 'none'}.")
        if sources == ["template"]:
            content = self._render(item, task_vars).encode()
        elif sources == ["src"]:
            with open(self._find_needle("files", item["src"]), "rb") as file:
                content = file.read()
        else:
            content = str(item["content"]).encode()
        kept = {key: item[key] for key in ("owner", "group", "mode", "sensitive", "block") if key in item}
        return {"path": item["dest"], "content": content, **kept}

    def _render(self, item: dict[str, Any], task_vars: dict[str, Any]) -> str:
        source = self._find_needle("templates", item["template"])
        search = [*task_vars.get("ansible_search_path", []), self._loader.get_basedir(), os.path.dirname(source)]
        templar = self._templar.copy_with_new_env(
            searchpath=[path for base in search for path in (os.path.join(base, "templates"), base)],
            available_variables={**task_vars, **item.get("vars", {}), "template_path": item["template"]},
        )
        try:
            text = templar.template(
                trust_as_template(self._loader.get_text_file_contents(source)),
                escape_backslashes=False,
                overrides={"trim_blocks": True, "lstrip_blocks": True},
            )
        except AnsibleError as error:
            # The error's own text, and those it was caused by, may quote a value.
            said = f"{type(error).__name__}" if item.get("sensitive") else str(error)
            raise AnsibleActionFail(f"tree: template {item['template']} for {item['dest']} cannot be rendered: {said}") from None
        return "" if text is None else str(text)
