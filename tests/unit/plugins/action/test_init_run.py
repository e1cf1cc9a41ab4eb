"""`init`, really run: a project that passes the check, whose second run changes nothing and whose secrets stay secret."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = Path(__file__).resolve().parents[4]
PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"


def play(folder: Path, book: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"), "HOME": str(folder.parent)}
    command = [str(PLAYBOOK), book, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def state(project: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in project.rglob("*") if path.is_file()]
    return {str(path.relative_to(project)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_new_project(tmp_path: Path) -> None:
    work, project = tmp_path / "work", tmp_path / "project"
    work.mkdir()
    (work / "answers.yml").write_text(
        f"host: localhost\nenvironment: staging\nsource: {{path: {ROOT / 'examples' / 'cryptobot'}}}\n"
    )
    arguments = ["-e", f"project={project}", "-e", "answers=answers.yml"]

    predicted = play(work, "cryptobot.native.init", *arguments, "--check")
    assert predicted.returncode == 0, predicted.stdout + predicted.stderr
    assert not project.exists()

    made = play(work, "cryptobot.native.init", *arguments, "-vvv", "--diff")
    assert made.returncode == 0, made.stdout + made.stderr
    password = (project / ".vault-password").read_text().strip()
    vault = (project / "inventory/group_vars/cryptobot/vault.yml").read_bytes()
    plain = VaultLib([("default", VaultSecret(password.encode()))]).decrypt(vault).decode()
    values = [value for secrets in yaml.safe_load(plain)["cryptobot_secrets"].values() for value in secrets.values()]
    assert len(values) >= 8
    said = made.stdout + made.stderr
    assert not [value for value in [password, *values] if value.split("\n")[-2 if "\n" in value else 0] in said]
    assert {
        stat.S_IMODE((project / name).stat().st_mode)
        for name in (".vault-password", "inventory/group_vars/cryptobot/vault.yml")
    } == {0o600}

    before = state(project)
    again = play(work, "cryptobot.native.init", *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert state(project) == before
    assert "nothing was changed" in again.stdout

    shown = play(project, "cryptobot.native.status", "-e", "show=catalogue")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "environment staging" in shown.stdout


def test_wrong_answers_write_nothing(tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("hots: localhost\n")
    done = play(tmp_path, "cryptobot.native.init", "-e", f"project={tmp_path}/project", "-e", "answers=answers.yml")
    assert done.returncode != 0
    assert "did you mean host" in done.stdout + done.stderr
    assert not (tmp_path / "project").exists()
