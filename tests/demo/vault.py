"""Secrets of an installation that is made to be thrown away."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.vault import generate, needs


def values(services: dict[str, Any]) -> dict[str, dict[str, str]]:
    """New secrets for services of a resolved catalogue."""
    made: dict[str, dict[str, str]] = {}
    for need in needs(services):
        made.setdefault(need.service, {})[need.name] = generate(need)
    return made


def write(path: Path, password: Path, made: dict[str, dict[str, str]]) -> None:
    """Encrypts the secrets; both files are for this user alone."""
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    subprocess.run(
        ["ansible-vault", "encrypt", "--vault-password-file", password, "--output", path],
        input=yaml.safe_dump({"cryptobot_secrets": made}),
        text=True,
        check=True,
        capture_output=True,
    )
    path.chmod(0o600)
