"""The example inventories pass the check, once their vaults are made, and differ from each other by nothing but themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"


def play(name: str, inventory: Path, folder: Path, **variables: str) -> str:
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "HOME": str(folder)}
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".ansible" / "collections")
    if (folder / "password").exists():
        environment["ANSIBLE_VAULT_PASSWORD_FILE"] = str(folder / "password")
    extra = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    command = [str(PLAYBOOK), "-i", str(inventory), str(ROOT / "playbooks" / f"{name}.yml"), *extra]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_example_passes_the_check(environment: str, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    shutil.copytree(ROOT / "inventories" / environment, inventory, ignore=shutil.ignore_patterns("vault*"))
    play("secrets", inventory, tmp_path, vault_password=str(tmp_path / "password"))
    assert "0 findings" not in play("validate", inventory, tmp_path)
    assert f"environment {environment}" in play("status", inventory, tmp_path, show="catalogue")
    assert "cryptobot_services__exchange" in play("status", inventory, tmp_path, show="provenance")
