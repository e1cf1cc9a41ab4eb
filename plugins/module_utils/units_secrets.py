# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a secret's file: the vaulted value, another service's, the public half of a key, or libpq's password file.

No error of this module holds a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Secrets = Mapping[str, Mapping[str, Any]]


class SecretError(ValueError):
    """A secret that cannot be had; the text names it and what to write, never a value."""


def value(secrets: Secrets, service: str, name: str) -> str:
    try:
        found = secrets[service][name]
    except (KeyError, TypeError):
        raise SecretError(
            f"cryptobot_secrets.{service}.{name} is missing. Write it into the vault, for example cryptobot_secrets: {{{service}: {{{name}: …}}}}"
        ) from None
    if not isinstance(found, str) or not found:
        raise SecretError(f"cryptobot_secrets.{service}.{name} should be a text that is not empty")
    return found


def public_half(private_pem: str) -> str:
    """PEM of the public key; the library comes with ansible-core."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:")


def pgpass(service: Mapping[str, Any], datastores: Mapping[str, Any], password: str) -> str:
    """One line for each PostgreSQL datastore that it uses; host and port are open, as the pool and the server share them."""
    names = [name for name in service.get("uses", {}) if datastores.get(name, {}).get("kind") == "postgresql"]
    user, secret = _escaped(service["identifier"]), _escaped(password)
    return "".join(f"*:*:{_escaped(datastores[name].get('database', name))}:{user}:{secret}\n" for name in names)


def content(service: Mapping[str, Any], name: str, datastores: Mapping[str, Any], secrets: Secrets) -> str:
    """What the file of this secret of the service holds."""
    secret = (service.get("secrets") or {})[name]
    if name == "pgpass":
        return pgpass(service, datastores, value(secrets, service["name"], "postgresql_password"))
    if source := secret.get("public_of"):
        owner, __, key = source.partition(".")
        try:
            return public_half(value(secrets, owner, key))
        except SecretError:
            raise
        except Exception:
            raise SecretError(f"cryptobot_secrets.{owner}.{key} is not a private key in PEM form; make one with openssl ecparam -name prime256v1 -genkey") from None
    if source := secret.get("same_as"):
        owner, __, key = source.partition(".")
        return value(secrets, owner, key)
    return value(secrets, service["name"], name)
