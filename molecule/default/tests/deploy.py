"""Plays the site over a scenario's host with variables of a test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]


def prepared(variables: dict[str, Any], folder: Path, playbook: str = "site.yml", *words: str) -> tuple[list[str], dict[str, str]]:
    """The command and its environment; ``words`` are further ones. The variables are written where only this user can read them."""
    given = folder / "variables.yml"
    given.touch(mode=0o600)
    # The scenarios' own patch is for the shipped services.
    given.write_text(yaml.safe_dump(variables | {"cryptobot_services__scenario": {}}), encoding="utf-8")
    made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
    inventories = [f"--inventory={ROOT / 'molecule' / 'default' / 'inventory'}", f"--inventory={made}"]
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *inventories, "-e", f"@{given}", playbook, *words]
    return command, {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}


def play(variables: dict[str, Any], folder: Path, playbook: str = "site.yml", *words: str) -> str:
    """What Ansible said of a run that succeeded."""
    command, environment = prepared(variables, folder, playbook, *words)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    failed = done.stdout.partition("\nFAILED ")
    assert done.returncode == 0, "".join(failed[1:])[:5000] or done.stdout[-5000:] + done.stderr[-2000:]
    return done.stdout
