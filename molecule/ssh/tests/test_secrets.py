"""Secrets are nowhere but in their own files: canaries take the place of all of them, then everything is searched."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
import reference
import yaml

ROOT = reference.ROOT
sys.path[:0] = [str(ROOT / "tests" / "demo"), str(ROOT / "tests" / "hosts")]

import vault  # noqa: E402
from machine import as_root, install  # noqa: E402

# Where secrets belong: files of root alone, and what systemd and the launcher hand to a process from them.
HOMES = ("/etc/cryptobot/secrets/", "/run/credentials/", "/run/cryptobot/")
LOOK = r"""
import os, re, subprocess, sys
homes, words = tuple(sys.argv[1].split(",")), [word.encode() for word in sys.stdin.read().split()]
pattern = re.compile(b"|".join(map(re.escape, words)))
def show(place, content):
    if pattern.search(content):
        print(place)
for top in ("/etc", "/var/log", "/var/lib/cryptobot", "/var/lib/systemd", "/var/cache", "/run", "/tmp", "/var/tmp", "/opt/cryptobot", "/usr/lib/cryptobot", "/root"):
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if not (top == "/opt/cryptobot" and name in ("venv", "cache", "tools"))]
        for name in names:
            path = os.path.join(folder, name)
            if not path.startswith(homes) and os.path.isfile(path):
                with open(path, "rb") as file:
                    show(path, file.read())
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            show(f"/proc/{pid}/cmdline", file.read())
    except OSError:
        pass
run = lambda *argv: subprocess.run(argv, capture_output=True).stdout
show("the journal", run("journalctl", "-o", "export", "--no-pager"))
show("systemctl show", run("runuser", "-u", "nobody", "--", "systemctl", "show", "*"))
show("systemctl cat", run("runuser", "-u", "nobody", "--", "sh", "-c", "systemctl cat 'cryptobot-*'"))
"""


class Canaries:
    """New secrets for the shipped catalogue, each recognisable, and the words that must be found nowhere."""

    def __init__(self, folder: Path) -> None:
        self.values = {
            service: {name: value if "\n" in value else f"canary-{secrets.token_hex(16)}" for name, value in named.items()}
            for service, named in vault.values().items()
        }
        self.words = [word for named in self.values.values() for value in named.values() for word in self._words(value)]
        self.file = folder / "canaries.yml"
        self.file.touch(mode=0o600)
        self.write(self.values)

    @staticmethod
    def _words(value: str) -> list[str]:
        """Of a key in PEM form each line of its body."""
        return [line for line in value.split("\n") if line and not line.startswith("-----")]

    def write(self, values: object) -> None:
        self.file.write_text(yaml.safe_dump({"cryptobot_secrets": values}), encoding="utf-8")

    def seen_in(self, text: str) -> bool:
        return any(word in text for word in self.words)


@pytest.fixture(scope="module")
def canaries(tmp_path_factory) -> Canaries:
    install(["strace"])
    return Canaries(tmp_path_factory.mktemp("secrets"))


@pytest.fixture
def inventories(request) -> list[str]:
    """As the scenario itself is played."""
    made = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
    return [f"--inventory={ROOT / 'molecule' / 'default' / 'inventory'}", f"--inventory={made}"]


def play(words: Iterable[str], trace: Path | None = None) -> tuple[int, str]:
    """Plays as loudly as Ansible can; with ``trace`` every program that is started is written down with its whole argv."""
    watched = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=execve", "-s", "65535", "-o", str(trace)] if trace else []
    command = [*watched, str(Path(sys.executable).with_name("ansible-playbook")), "-vvv", "--diff", *words]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=1200, check=False
    )
    return done.returncode, done.stdout + done.stderr


def written(path: Path, tasks: list[dict]) -> str:
    """A playbook of these tasks, which themselves hold no secret."""
    path.write_text(json.dumps([{"hosts": "cryptobot_app", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    return str(path)


def test_a_canary_in_an_argv_is_found(inventories, canaries: Canaries, tmp_path: Path) -> None:
    """The search itself works."""
    task = {"ansible.builtin.command": {"argv": ["echo", "{{ cryptobot_secrets.auth.service_key }}"]}, "delegate_to": "localhost"}
    code, text = play([*inventories, "-e", f"@{canaries.file}", written(tmp_path / "leak.yml", [task])], tmp_path / "trace")
    assert code == 0, text[-3000:]
    assert canaries.seen_in(text) and canaries.seen_in((tmp_path / "trace").read_text(errors="replace"))


def test_the_good_path_shows_none(host, inventories, canaries: Canaries, tmp_path: Path) -> None:
    """All secrets are replaced; afterwards everything is healthy with the new ones."""
    pid = host.run("true") and container_pid(host)
    trace = tmp_path / "host"
    command = as_root(["strace", "-f", "-qq", "-e", "trace=execve", "-s", "65535", "-o", str(trace), *(f"-p{p}" for p in pid)])
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as watcher:
        try:
            code, text = play([*inventories, "-e", f"@{canaries.file}", "site.yml"], tmp_path / "trace")
        finally:
            subprocess.run(as_root(["kill", str(watcher.pid)]), check=False)
    assert code == 0, text[-5000:]
    assert not canaries.seen_in(text)
    assert not canaries.seen_in((tmp_path / "trace").read_text(errors="replace"))
    assert "execve(" in trace.read_text(errors="replace")
    assert not canaries.seen_in(trace.read_text(errors="replace"))


def container_pid(host) -> list[str]:
    """The host's PID 1, and its sshd where it has one, as this machine numbers them."""
    name = host.ansible.get_variables()["container"]
    top = subprocess.run(as_root(["docker", "top", name, "-eo", "pid,comm"]), capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in top.splitlines()[1:] if line.split()[1] in ("systemd", "sshd")]


def test_the_host_shows_none(host, canaries: Canaries, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("\n".join(canaries.words), encoding="utf-8")
    program = tmp_path / "look.py"
    program.write_text(LOOK, encoding="utf-8")
    name = host.ansible.get_variables()["container"]
    docker = as_root(["docker", "exec", "-i", name, "python3", "-c", LOOK, ",".join(HOMES)])
    with words.open(encoding="utf-8") as given:
        done = subprocess.run(docker, stdin=given, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.split("\n")) == (0, [""]), done.stdout + done.stderr


def test_facts_show_none(inventories, canaries: Canaries, tmp_path: Path) -> None:
    tasks = [{"cryptobot.native.catalogue": None}, {"ansible.builtin.setup": {}}, {"ansible.builtin.debug": {"var": "ansible_facts"}}]
    code, text = play([*inventories, "-e", f"@{canaries.file}", written(tmp_path / "facts.yml", tasks)])
    assert code == 0, text[-3000:]
    assert not canaries.seen_in(text)


def fails(inventories, canaries: Canaries, words: list[str], sentence: str) -> None:
    code, text = play([*inventories, "-e", f"@{canaries.file}", *words])
    assert code != 0
    assert sentence in text, text[-3000:]
    assert not canaries.seen_in(text)


@pytest.mark.parametrize("wrong", ["a dictionary in place of a text", "a text in place of all", "a list in place of a service"])
def test_a_wrong_type_shows_none(inventories, canaries: Canaries, wrong: str) -> None:
    key = canaries.values["auth"]["service_key"]
    values: object = {
        "a dictionary in place of a text": {**canaries.values, "auth": {**canaries.values["auth"], "service_key": {"value": key}}},
        "a text in place of all": key,
        "a list in place of a service": {**canaries.values, "auth": [key]},
    }[wrong]
    canaries.write(values)
    try:
        fails(inventories, canaries, ["site.yml"], "cryptobot_secrets")
    finally:
        canaries.write(canaries.values)


@pytest.mark.parametrize("role", ["postgresql", "redis", "units"])
def test_a_role_s_own_spec_error_shows_none(inventories, canaries: Canaries, role: str, tmp_path: Path) -> None:
    """Ansible prints the value that a spec refuses; a secret's spec refuses none."""
    wrong = ["{{ cryptobot_secrets.auth.service_key }}"]
    task = {
        "ansible.builtin.include_role": {"name": f"cryptobot.native.{role}"},
        "vars": {f"{role}_catalogue": "{{ cryptobot_secrets.auth.service_key is none }}", f"{role}_secrets": wrong},
    }
    fails(inventories, canaries, [written(tmp_path / "spec.yml", [task])], "_catalogue")


def test_a_failed_template_shows_none(inventories, canaries: Canaries, tmp_path: Path) -> None:
    (tmp_path / "bad.j2").write_text("{{ cryptobot_secrets.auth.service_key }}{{ cryptobot_secrets.auth.service_key | int / 0 }}", encoding="utf-8")
    file = {"template": "bad.j2", "dest": "/etc/cryptobot/secrets/bad", "sensitive": True}
    fails(inventories, canaries, [written(tmp_path / "template.yml", [{"cryptobot.native.tree": {"files": [file]}}])], "cannot be rendered")


def test_a_failed_validator_shows_none(inventories, canaries: Canaries, tmp_path: Path) -> None:
    file = {"content": "{{ cryptobot_secrets.auth.service_key }}\n", "dest": "/etc/cryptobot/secrets/bad", "sensitive": True}
    check = {"argv": ["sh", "-c", "cat {staged}/etc/cryptobot/secrets/bad; exit 7"]}
    task = {"cryptobot.native.tree": {"files": [file], "validate": [check]}}
    fails(inventories, canaries, [written(tmp_path / "validator.yml", [task])], "exit 7")


def test_failed_sql_shows_none(inventories, canaries: Canaries, tmp_path: Path) -> None:
    packed = "{{ {'pg_reserved': cryptobot_secrets.auth.service_key} | to_json | b64encode }}"
    task = {"cryptobot.native.postgresql_objects": {"roles": [{"name": "pg_reserved", "password": True}], "passwords": packed}}
    fails(inventories, canaries, [written(tmp_path / "sql.yml", [task])], "pg_reserved")
