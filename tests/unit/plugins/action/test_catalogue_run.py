"""The first play, really run: it stops with a sentence, no host is touched, no secret is printed."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import (
    CANARY,
    GROUPS,
    ROOT,
    inventory_variables,
)

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"


@dataclass(frozen=True)
class Case:
    """What is put into a good inventory, and the sentence that must come."""

    name: str
    sentence: str
    variables: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, Any] = field(default_factory=dict)
    groups: tuple[str, ...] = GROUPS
    parent: str = "cryptobot"
    more: str = ""


CASES = [
    Case(
        "wrong type of a secret",
        "cryptobot_secrets.auth.redis_password: should be text, or while it changes a list of two, [new, old]",
        secrets={"redis_password": [CANARY, {CANARY: CANARY}]},
    ),
    Case(
        "short secret",
        "cryptobot_secrets.auth.redis_password: is shorter than 12 characters",
        secrets={"redis_password": CANARY[:11]},
    ),
    Case(
        "broken key",
        "cryptobot_secrets.auth.jwt_private: is not an unencrypted private key",
        secrets={"jwt_private": CANARY},
    ),
    Case(
        "template of a secret with an unknown variable",
        "cryptobot_secrets: cannot be rendered: nobody_knows is undefined",
        secrets={"redis_password": CANARY + "{{ nobody_knows }}"},
    ),
    Case(
        "template of a secret that fails",
        "cryptobot_secrets: cannot be rendered: its template has an error",
        secrets={"redis_password": "{{ '" + CANARY + "' | int(base='x') / 0 }}"},
    ),
    Case(
        "template of a secret that is none",
        "cryptobot_secrets: cannot be rendered: its template has an error",
        secrets={"redis_password": CANARY + "{{ 1 + }}"},
    ),
    Case(
        "secret in the catalogue's environment",
        "services.auth.environment.X: is a URL that holds a password",
        {"cryptobot_services__x": {"auth": {"environment": {"X": f"redis://me:{CANARY}@cache:6379"}}}},
    ),
    Case(
        "secret as a port",
        "services.auth.processes.web.port: should be a whole number",
        {"cryptobot_services__x": {"auth": {"processes": {"web": {"port": CANARY}}}}},
    ),
    Case(
        "role's option of a wrong type",
        "postgresql_max_connections: should be a whole number",
        {"postgresql_max_connections": f"many {CANARY}"},
    ),
    Case(
        "unknown variable",
        "cryptobot_enviroment: is not a variable of this collection; did you mean cryptobot_environment?",
        {"cryptobot_enviroment": CANARY},
    ),
    Case("no host in our groups", "group cryptobot_app: has no host", parent="others", groups=()),
]


def write_inventory(folder: Path, case: Case) -> None:
    variables = inventory_variables() | copy.deepcopy(case.variables)
    variables["cryptobot_secrets"]["auth"] |= case.secrets
    variables["ansible_connection"] = "local"
    children = {group: {"hosts": {"one": {}}} for group in case.groups}
    hosts = {case.parent: {"hosts": {"one": {}}, "children": children}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(hosts))
    (folder / "group_vars").mkdir()
    (folder / "group_vars" / "all.yml").write_text(yaml.safe_dump(variables, width=10000))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    book = folder / "book.yml"
    touch = {
        "name": "Touch a host",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.file": {"path": str(folder / "touched"), "state": "touch"}}],
    }
    book.write_text(yaml.safe_dump([{"import_playbook": str(ROOT / "playbooks" / "validate.yml")}, touch]))
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "HOME": str(folder),
    }
    environment["ANSIBLE_PYTHON_INTERPRETER"] = sys.executable
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(ROOT / ".ansible" / "collections")
    command = [str(PLAYBOOK), "-i", str(folder / "hosts.yml"), str(book), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_broken_input_stops_the_first_play(case: Case, tmp_path: Path) -> None:
    write_inventory(tmp_path, case)
    loud = run(tmp_path, "-vvv", "--diff")
    said = loud.stdout + loud.stderr
    assert loud.returncode != 0, said
    assert case.sentence in said.replace("\\n", "\n").replace('\\"', '"')
    assert CANARY not in said
    assert CANARY[:11] not in said
    assert not (tmp_path / "touched").exists()


def test_a_good_inventory_goes_on_and_prints_no_secret(tmp_path: Path) -> None:
    case = Case("good", "", secrets={"redis_password": CANARY + CANARY})
    write_inventory(tmp_path, case)
    done = run(tmp_path, "-vvv", "--diff")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert CANARY not in said
    assert "PRIVATE KEY" not in said
    assert (tmp_path / "touched").exists()


def test_every_finding_comes_once_and_in_full_on_a_quiet_screen(tmp_path: Path) -> None:
    write_inventory(tmp_path, CASES[0])
    done = run(tmp_path)
    assert done.stdout.count(CASES[0].sentence) + done.stderr.count(CASES[0].sentence) == 1
    assert "1 finding in the catalogue and the inventory; no host was touched." in done.stdout + done.stderr
    assert "group_vars/all.yml:" in done.stdout + done.stderr
