"""README as someone reads it who has a bare machine: its commands, typed, lead to the running platform."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typist import type_in

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "demo"), str(ROOT / "tests" / "hosts")]

import look  # noqa: E402
from machine import cache_directory  # noqa: E402

SECONDS = 90 * 60
REPOSITORY = "https://github.com/cryptobot/native"
# This machine, an environment for trying, and the application that comes with the clone.
ANSWERS = ["", "", "native/examples/cryptobot"]
LOOKS = ("systemctl status", "journalctl", "apt-get install", "curl", "grep")
INSIDE = ". ~/ansible/bin/activate && cd ~/trading && "


def blocks(page: str) -> list[list[str]]:
    """The commands of a page's console blocks."""
    found = re.findall(r"```console\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    joined = [re.sub(r"\s*\n +(?=\S)", " ", text).splitlines() for text in found]
    return [[re.sub(r"\s+#.*", "", line[2:]) for line in lines if line.startswith("$ ")] for lines in joined]


def looks() -> list[str]:
    """What the docs tell to type on a host to see how it is."""
    pages = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md"))
    return [command for page in pages for lines in blocks(page) for command in lines if command.startswith(LOOKS)]


@pytest.fixture(scope="module")
def container(host) -> str:
    """The host's name, on which the project's address leads to a bundle of this checkout."""
    name = host.ansible.get_variables()["container"]
    branch = subprocess.run(
        ["git", "rev-parse", "--abbrev-ref", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    words = [
        "git",
        "bundle",
        "create",
        "-",
        "HEAD",
        *([branch.stdout.strip()] if branch.stdout.strip() != "HEAD" else []),
    ]
    bundle = subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    script = f"cat >/root/native.bundle && printf '[url \"/root/native.bundle\"]\\n\\tinsteadOf = {REPOSITORY}\\n' >/root/.gitconfig"
    subprocess.run(["docker", "exec", "-i", name, "sh", "-c", script], input=bundle.stdout, check=True)
    # What a compiler made for other scenarios is not compiled again; a machine without it compiles.
    compiled = [str(path.relative_to(cache_directory())) for path in cache_directory().glob("artefacts/cargo-*")]
    kept = subprocess.run(
        ["tar", "-C", str(cache_directory()), "-cf", "-", "-T", "-"],
        input="\n".join(compiled).encode(),
        check=True,
        capture_output=True,
    )
    unpack = "mkdir -p /root/.cache/cryptobot-native && tar -C /root/.cache/cryptobot-native -xf -"
    subprocess.run(["docker", "exec", "-i", name, "sh", "-c", unpack], input=kept.stdout, check=True)
    return name


def shell(container: str, command: str) -> str:
    """What a command in the project prints; it has to end well."""
    done = subprocess.run(
        ["docker", "exec", container, "bash", "-ec", INSIDE + command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-5000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_readme_leads_to_the_running_platform(container: str) -> None:
    typed = blocks("README.md")[1]
    assert typed == blocks("docs/install.md")[0], "README and docs/install.md tell different ways"
    assert typed[-1] == "cd trading && ansible-playbook site.yml"
    code, screen = type_in(container, "\n".join(typed), ANSWERS, SECONDS)
    assert code == 0, screen[-5000:]


def test_it_is_the_archive_that_was_used(container: str) -> None:
    assert '"namespace": "cryptobot"' in shell(
        container, "cat ~/.ansible/collections/ansible_collections/cryptobot/native/MANIFEST.json"
    )


def test_it_is_healthy(host, container: str) -> None:
    address = host.ansible.get_variables()["cryptobot_address"]
    seen = look.look(address, lambda command: host.run(command).stdout.strip())
    assert {sight.unit: sight.health for sight in seen if sight.health != "healthy"} == {}
    assert len({sight.service for sight in seen}) == 14
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert "<title>" in answer.read().decode()


def test_a_second_run_changes_nothing(container: str) -> None:
    assert "changed=0" in shell(container, "ANSIBLE_STDOUT_CALLBACK=default ansible-playbook site.yml")


@pytest.mark.parametrize(
    "command",
    [
        "ansible-playbook cryptobot.native.status",
        "ansible-playbook cryptobot.native.status -e show=catalogue",
        "ansible-playbook cryptobot.native.status -e show=provenance",
        "ansible-playbook cryptobot.native.inventory_report -e report=/root/report",
        "ansible-playbook cryptobot.native.preflight -e report=/root/preflight.json",
        "ansible-playbook cryptobot.native.secrets",
        "ansible-playbook cryptobot.native.uninstall --check",
        *looks(),
    ],
)
def test_what_the_docs_tell_to_type_works(container: str, command: str) -> None:
    assert shell(container, command).strip()
