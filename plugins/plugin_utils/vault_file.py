# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vault file on the controller: read, completed with generated or given secrets, written again.

Values stay in memory and in the file.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import AnsibleVaultError, VaultLib, VaultSecret
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.vault import VARIABLE, Need, generate
from ansible_collections.cryptobot.native.plugins.module_utils.project.files import Literal, vault_text

PASSWORD_BYTES = 32


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Writes a file so that nobody sees half of it, and nobody else sees it before it has its mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.new-{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


class _Loader(yaml.SafeLoader):
    """Safe, and keeps what is marked as literal."""


_Loader.add_constructor("!unsafe", lambda loader, node: Literal(loader.construct_scalar(node)))


class VaultFile:
    """`path` is encrypted with the password in `password`, which is made where there is no vault yet."""

    def __init__(self, path: Path, password: Path) -> None:
        self.path = path
        self.password = password

    def complete(self, needs: Iterable[Need], dry: bool = False) -> list[str]:
        """Adds a generated value for every need that has none, and gives their names.

        What is there is never changed.
        """
        data = self._read()
        values = self._values(data)
        missing = [need for need in needs if (values.get(need.service) or {}).get(need.name) is None]
        if not missing or dry:
            return [need.path for need in missing]
        for need in missing:
            values.setdefault(need.service, {})[need.name] = generate(need)
        self._write(data | {VARIABLE: values})
        return [need.path for need in missing]

    def put(self, given: Mapping[str, Mapping[str, str]], dry: bool = False) -> dict[str, str]:
        """Sets values by service and name, and gives for each that changes `added` or `replaced`.

        The vault as it was stays beside it, encrypted, when a value is replaced.
        """
        data = self._read()
        values = self._values(data)
        changed = {}
        for service, of_service in given.items():
            for name, value in of_service.items():
                there = (values.get(service) or {}).get(name)
                if there != value:
                    changed[f"{VARIABLE}.{service}.{name}"] = "added" if there is None else "replaced"
                    values.setdefault(service, {})[name] = Literal(value)
        if changed and not dry:
            if "replaced" in changed.values():
                write_new(self.path.with_name(f".{self.path.name}.before-import"), self.path.read_bytes(), 0o600)
            self._write(data | {VARIABLE: values})
        return changed

    def _values(self, data: Mapping[str, Any]) -> dict[str, Any]:
        values = data.get(VARIABLE) or {}
        if not isinstance(values, dict) or not all(isinstance(one, dict) for one in values.values()):
            raise AnsibleActionFail(
                f"{VARIABLE} in {self.path} should be a dictionary by service of dictionaries by secret."
            )
        return values

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            return {}
        text = self.path.read_bytes()
        try:
            plain = self._lib().decrypt(text) if VaultLib.is_encrypted(text) else text
            # A subclass of the safe loader.
            return yaml.load(plain, Loader=_Loader) or {}  # noqa: S506
        except (AnsibleVaultError, OSError) as error:
            raise AnsibleActionFail(
                f"{self.path} cannot be read with the password in {self.password}. "
                "Give the password that it was made with."
            ) from error
        except yaml.YAMLError:
            # The error would show the line, which may be a secret's.
            raise AnsibleActionFail(f"{self.path} is no YAML. Mend it with ansible-vault edit.") from None

    def _write(self, data: Mapping[str, Any]) -> None:
        others = {key: value for key, value in data.items() if key != VARIABLE}
        text = vault_text(data[VARIABLE], str(self.path.name))
        if others:
            text += yaml.safe_dump(others, allow_unicode=True)
        if not self.password.exists():
            write_new(self.password, secrets.token_urlsafe(PASSWORD_BYTES).encode() + b"\n", 0o600)
        write_new(self.path, self._lib().encrypt(text.encode()) + b"\n", 0o600)

    def _lib(self) -> VaultLib:
        if not self.password.is_file():
            raise AnsibleActionFail(
                f"There is no password file {self.password} for {self.path}. "
                "Put it back, or move the vault away to make a new one."
            )
        if stat.S_IMODE(self.password.stat().st_mode) & 0o077:
            raise AnsibleActionFail(f"{self.password} can be read by others. Run: chmod 600 {self.password}")
        return VaultLib([("default", VaultSecret(self.password.read_bytes().strip()))])
