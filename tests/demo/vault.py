"""Secrets of an installation that is made to be thrown away."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".ansible" / "collections"))

from ansible_collections.cryptobot.native.plugins.plugin_utils.catalogue_files import load_shipped  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.inventory import Host, Inventory  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import required_secrets  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate  # noqa: E402
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.vault import generate, needs  # noqa: E402

GROUPS = frozenset(f"cryptobot_{part}" for part in ("database", "cache", "app", "edge", "build"))


def values(database_elsewhere: bool = False) -> dict[str, dict[str, str]]:
    """New secrets for the shipped catalogue on one host, or on one whose database is on another."""
    shipped, __ = load_shipped(ROOT / "catalogues", "cryptobot")
    database = frozenset({"cryptobot_database"})
    hosts = [Host("host", "127.0.0.1", GROUPS - (database if database_elsewhere else frozenset()))]
    hosts += [Host("database", "127.0.0.2", database)] if database_elsewhere else []
    made: dict[str, dict[str, str]] = {}
    for need in needs(required_secrets(validate(shipped).usable, Inventory(tuple(hosts), "development"))):
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


if __name__ == "__main__":
    print(json.dumps(values(sys.argv[1:] == ["--database-elsewhere"])))
