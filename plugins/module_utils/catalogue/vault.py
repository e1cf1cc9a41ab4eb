# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets are needed, of what shape, and how new ones are made. No message ever holds a value.

The library `cryptography` is imported where it is used: the controller has it (Ansible needs it), hosts need not.
"""

from __future__ import annotations

import re
import secrets as random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .findings import Findings, kind_of, shown, suggestion

VARIABLE = "cryptobot_secrets"
SHORTEST = 12
EXAMPLES = {
    "password": f"{VARIABLE}: {{%s: {{%s: a-random-text-of-32-characters}}}}, encrypted with ansible-vault",
    "ec-private-key": (
        f"{VARIABLE}: {{%s: {{%s: a PEM text that begins with -----BEGIN PRIVATE KEY-----}}}}, encrypted with ansible-vault"
    ),
}
_PLACEHOLDERS = re.compile(r"(?i)(change[-_ ]?me|your[-_ ].*|todo|x{3,}|<.*>|password|secret|example)[\d!]*")
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Need:
    """A secret that must have a value of its own in the vault."""

    service: str
    name: str
    kind: str = "password"
    length: int = 32

    @property
    def path(self) -> str:
        return f"{VARIABLE}.{self.service}.{self.name}"

    @property
    def example(self) -> str:
        return EXAMPLES.get(self.kind, EXAMPLES["password"]) % (self.service, self.name)


def needs(services: Mapping[str, Mapping[str, Any]]) -> list[Need]:
    """What the vault must hold for services with completed `secrets` (those of the datastores are among them)."""
    return [
        Need(service, name, secret.get("kind", "password"), secret.get("length", 32))
        for service, spec in services.items()
        for name, secret in spec["secrets"].items()
        if not any(secret.get(key) for key in ("public_of", "same_as", "rendered_from"))
    ]


def check_secrets(values: Any, needed: list[Need], findings: Findings) -> None:
    """Presence and shape."""
    if not isinstance(values, Mapping):
        findings.add(
            VARIABLE,
            f"should be a dictionary by service, but is {kind_of(values)}",
            EXAMPLES["password"] % ("billing", "redis_password"),
        )
        return
    known = {(need.service, need.name) for need in needed}
    services = sorted({need.service for need in needed})
    for service, of_service in values.items():
        path = f"{VARIABLE}.{shown(service)}"
        if not isinstance(of_service, Mapping):
            findings.add(
                path,
                f"should be a dictionary by secret, but is {kind_of(of_service)}",
                EXAMPLES["password"] % ("billing", "redis_password"),
            )
        elif service not in services:
            hint = suggestion(str(service), services)
            findings.add(path, f"is for a service that has no secret in the vault{'; ' + hint if hint else ''}")
        else:
            names = [need.name for need in needed if need.service == service]
            for name in of_service:
                if (service, name) not in known:
                    hint = suggestion(str(name), names)
                    findings.add(
                        f"{path}.{shown(name)}", f"is not a secret that the service needs{'; ' + hint if hint else ''}"
                    )
    for need in needed:
        of_service = values.get(need.service)
        if not isinstance(of_service, Mapping | None):
            continue
        value = (of_service or {}).get(need.name)
        problem = "is missing" if value is None else fault(need.kind, value)
        if problem:
            findings.add(need.path, problem, need.example)


def fault(kind: str, value: Any) -> str:
    """What is wrong with the shape of a value, without showing it; empty where nothing is.

    While a password changes it is a list of the new and the old one: servers let in both, services use the first.
    """
    if kind == "password" and isinstance(value, list):
        if len(value) not in (1, 2) or not all(isinstance(one, str) for one in value):
            return "should be text, or while it changes a list of two, [new, old]"
        return next(filter(None, (fault(kind, one) for one in value)), "")
    if not isinstance(value, str):
        return f"should be text, but is {kind_of(value)}"
    if not value.strip():
        return "is empty"
    if "\0" in value:
        return "holds a NUL character"
    if kind == "ec-private-key":
        return _key_fault(value)
    if kind == "password":
        if "\n" in value.strip("\n") or value != value.strip():
            return "has line breaks or spaces around it"
        if _PLACEHOLDERS.fullmatch(value):
            return "still looks like a placeholder"
        if len(value) < SHORTEST:
            return f"is shorter than {SHORTEST} characters"
    return ""


def _key_fault(value: str) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        key = serialization.load_pem_private_key(value.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "is not an unencrypted private key in PEM form"
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        return "is not a key on the curve P-256"
    return ""


def generate(need: Need) -> str:
    """A new value."""
    if need.kind == "ec-private-key":
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    return "".join(random.choice(_ALPHABET) for __ in range(need.length))


def public_half(private_key: str) -> str:
    """PEM of the public key of a private one."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def value_of(services: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], service: str, name: str) -> str:
    """What a service's secret is on the host: its own value, another's, a public half, or a rendered pass file."""
    secret = services[service]["secrets"][name]
    if secret.get("public_of"):
        return public_half(_stored(values, *secret["public_of"].split(".")))
    if secret.get("same_as"):
        return value_of(services, values, *secret["same_as"].split("."))
    if secret.get("rendered_from"):
        return "".join(
            _passfile_line(entry, _stored(values, service, entry["password"])) for entry in secret["rendered_from"]
        )
    return _stored(values, service, name)


def _stored(values: Mapping[str, Any], service: str, name: str) -> str:
    try:
        value = values[service][name]
        return str(value[0] if isinstance(value, list) else value)
    except (KeyError, TypeError, IndexError):
        raise KeyError(f"{VARIABLE}.{service}.{name} has no value") from None


def _passfile_line(entry: Mapping[str, Any], password: str) -> str:
    """One line of libpq's password file; backslash and colon are escaped."""
    parts = [str(entry[key]) for key in ("host", "port", "database", "user")] + [password]
    return ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in parts) + "\n"
