# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a new project, as text.

What exists is never written again: the user has it in hand from the first moment on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .answers import LOCAL, PLACES, Answers

VAULT = "inventory/group_vars/cryptobot/vault.yml"
PASSWORD = ".vault-password"
SECRETS_NOTE = "# The values of all secrets. Change them with: ansible-vault edit {path}\n"


@dataclass(frozen=True)
class ProjectFile:
    """One file, relative to the project."""

    path: str
    text: str
    mode: int = 0o644


def project_files(answers: Answers, version: str, collections: str = "") -> list[ProjectFile]:
    """Everything but vault and password.

    `collections`: where the collection lies, if Ansible does not look there by itself.
    """
    return [
        ProjectFile("ansible.cfg", _configuration(collections)),
        ProjectFile("requirements.yml", f'---\ncollections:\n  - name: cryptobot.native\n    version: ">={version}"\n'),
        ProjectFile(
            "site.yml",
            "---\n- name: Install the platform natively\n  ansible.builtin.import_playbook: cryptobot.native.site\n",
        ),
        ProjectFile(".gitignore", f"/{PASSWORD}\n/build/\n*.retry\n"),
        ProjectFile("inventory/hosts.yml", _hosts(answers)),
        ProjectFile("inventory/group_vars/cryptobot/main.yml", _main(answers)),
        ProjectFile("inventory/group_vars/cryptobot/services.yml", SERVICES),
    ]


def _configuration(collections: str) -> str:
    lines = [
        "[defaults]",
        "inventory = inventory/hosts.yml",
        f"vault_password_file = {PASSWORD}",
        *(
            [f"collections_path = {collections}:~/.ansible/collections:/usr/share/ansible/collections"]
            if collections
            else []
        ),
        "stdout_callback = cryptobot.native.progress",
        "interpreter_python = /usr/bin/python3",
        "gathering = explicit",
        "inject_facts_as_vars = false",
        "forks = 10",
        "timeout = 30",
        "",
        "[connection]",
        "pipelining = true",
        "",
        "[ssh_connection]",
        "# A host that is lost in the midst of a play is given up after a minute of silence, not a quarter of an hour.",
        "ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=15 -o ServerAliveCountMax=4",
        "",
    ]
    return "\n".join(lines)


def _hosts(answers: Answers) -> str:
    lines = ["---", "# Which host does what.", "cryptobot:", "  hosts:"]
    for name in answers.names:
        lines.append(f"    {_quoted(name)}:")
        options: dict[str, Any] = {"ansible_connection": "local"} if name == LOCAL else {"ansible_host": name}
        if answers.user and name != LOCAL:
            options |= {"ansible_user": answers.user}
        if answers.user != "root":
            options |= {"ansible_become": "true"}
        if name != LOCAL:
            options |= {"cryptobot_address": name}
        lines += [
            f"      {key}: {_quoted(value) if key in ('ansible_host', 'cryptobot_address') else value}"
            for key, value in options.items()
        ]
    lines.append("  children:")
    lines += [f"    cryptobot_{place}: {{hosts: {{{_quoted(answers.hosts[place])}: {{}}}}}}" for place in PLACES]
    return "\n".join([*lines, ""])


def _quoted(name: str) -> str:
    return f'"{name}"' if ":" in name or name[0].isdigit() else name


def _main(answers: Answers) -> str:
    lines = [
        "---",
        "# development, staging or production: services are told.",
        f"cryptobot_environment: {answers.environment}",
        "",
        "# The application's source: a directory, a git repository at a version, or an archive with a checksum.",
        "cryptobot_source:",
    ]
    lines += [f"  {key}: {_text(value)}" for key, value in answers.source.items()]
    return "\n".join([*lines, ""])


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


SERVICES = """---
# Changes to the shipped catalogue: any number of variables that begin so, merged in the order of their names.
# Lists are replaced, null removes. The reference is docs/catalogue.md of the collection.
# The result: ansible-playbook cryptobot.native.status -e show=catalogue
# cryptobot_services__ports:
#   auth:
#     processes:
#       web:
#         port: 9000
"""


_TEMPLATE = re.compile(r"\{[{%#]")
_BLOCK = re.compile(r"(?:\S(?:[^\n]*\S)?\n)+(?:\S(?:[^\n]*\S)?)?")
"""Lines that a block keeps as they are, as those of a key."""


class Literal(str):
    """A text that came from elsewhere, and is never taken for a template."""


def _quoted_text(value: str) -> str:
    """A text on one line, whatever it holds."""
    if value.isprintable():
        return _text(value)
    return '"' + "".join(one if one.isprintable() and one not in '"\\' else _escape(one) for one in value) + '"'


def _escape(character: str) -> str:
    code = ord(character)
    return {34: '\\"', 92: "\\\\", 10: "\\n", 9: "\\t"}.get(code) or (f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}")


def vault_text(values: Mapping[str, Mapping[str, Any]], path: str = VAULT) -> str:
    """The vault before it is encrypted."""
    lines = ["---", SECRETS_NOTE.format(path=path).rstrip(), "cryptobot_secrets:"]
    for service, secrets in sorted(values.items()):
        lines.append(f"  {service}:")
        for name, value in sorted(secrets.items()):
            if not isinstance(value, str):
                # Whatever a user put there stays: JSON is YAML.
                lines.append(f"    {name}: {json.dumps(value)}")
            elif isinstance(value, Literal) and _TEMPLATE.search(value):
                lines.append(f"    {name}: !unsafe {_quoted_text(value)}")
            elif _BLOCK.fullmatch(value) and value.replace("\n", "").isprintable():
                sign = "|" if value.endswith("\n") else "|-"
                lines += [f"    {name}: {sign}", *(f"      {line}" for line in value.rstrip("\n").split("\n"))]
            else:
                lines.append(f"    {name}: {_quoted_text(value)}")
    return "\n".join([*lines, ""])
