"""A running Compose project is described, stopped and put back, and its configuration arrives natively as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(Path(__file__).resolve().parent))

import shop  # noqa: E402

INSPECT = "docker inspect $(docker ps -aq) --format '{{.Name}} {{.State.Status}} {{json .HostConfig.RestartPolicy}}' | sort"


class Inventory:
    """An inventory of the scenario's host on disk, and plays over it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.vars = folder, folder / "inventory" / "group_vars" / "cryptobot"
        self.vars.mkdir(parents=True)
        for made in (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory").glob("*.yml"):
            shutil.copy(made, folder / "inventory")
        shutil.copy(ROOT / "molecule" / "default" / "inventory" / "groups.yml", folder / "inventory")
        shutil.copy(ROOT / "molecule" / "default" / "inventory" / "group_vars" / "cryptobot.yml", self.vars / "0-common.yml")
        self.set(
            cryptobot_catalogue="none",
            cryptobot_source={"path": str(ROOT / "molecule" / "units" / "application")},
            cryptobot_migration_groups=["all"],
            cryptobot_entrance={"port": 8088},
            cryptobot_services__scenario={},
            cryptobot_services__shop=shop.catalogue(),
            cryptobot_compose={"project": "shop", "accept": ["anonymous-volume", "layer-files"]},
        )

    def set(self, **variables: Any) -> None:
        path = self.vars / "main.yml"
        there = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump(there | variables))

    def play(self, playbook: str, *words: str, good: bool = True) -> str:
        password = self.folder / ".vault-password"
        vault = ["--vault-password-file", str(password)] if password.exists() else []
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [program, "-i", str(self.folder / "inventory"), *vault, playbook, *words]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default"}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is good, done.stdout[-5000:] + done.stderr[-2000:]
        assert shop.CANARY not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def tasks(self, tasks: list[dict[str, Any]], *words: str, good: bool = True) -> dict[str, Any]:
        """Plays tasks; the result of the one registered as `result`."""
        kept = self.folder / "result.json"
        kept.unlink(missing_ok=True)
        keep = {"ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(kept)}, "delegate_to": "localhost", "check_mode": False}
        playbook = self.folder / "tasks.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "cryptobot", "gather_facts": False, "tasks": [*tasks, *([keep] if good else [])]}]))
        said = self.play(str(playbook), *words, good=good)
        return json.loads(kept.read_text()) if good else {"said": said}

    def task(self, name: str, *words: str, good: bool = True, **options: Any) -> dict[str, Any]:
        return self.tasks([{f"cryptobot.native.{name}": options, "register": "result"}], *words, good=good)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory) -> Inventory:
    return Inventory(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def project(host) -> str:
    """The project, up; how its Compose names containers."""
    client = "docker-cli" if host.check_output("cat /etc/debian_version").startswith("13") else ""
    packages = f"docker.io docker-compose busybox-static {client}"
    host.check_output(f"apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends {packages}")
    host.check_output("mkdir -p /srv/shop /tmp/root/bin && cp /bin/busybox /tmp/root/bin/sh && cp /bin/busybox /tmp/root/bin/sleep")
    host.check_output("cp /bin/busybox /tmp/root/bin/cat && tar -cC /tmp/root . > /tmp/root.tar")
    change = "--change 'ENV PATH=/bin FLAVOUR=plain'"
    host.check_output(f"docker image inspect shop:1 > /dev/null 2>&1 || docker import {change} /tmp/root.tar shop:1")
    for name, text in shop.files().items():
        write = ["docker", "exec", "-i", host.ansible.get_variables()["container"], "sh", "-c", f"cat > /srv/shop/{name}"]
        subprocess.run(write, input=text.encode(), check=True)
    host.check_output("cd /srv/shop && FROM_SHELL='only the shell knew' docker-compose up -d < /dev/null")
    host.check_output("docker exec $(docker ps -qf name=back) sh -c 'echo kept > /left-here; echo x > /scratch/y'")
    return "v1" if host.run("docker-compose version --short").stdout.startswith("1.") else "v2"


def keys(result: dict[str, Any]) -> dict[str, str]:
    return {f"{one['code']}:{one['object']}": one["severity"] for one in result["findings"]}


def test_it_is_described_as_it_runs(inventory: Inventory, project: str) -> None:
    result = inventory.task("docker_source_info", "-vvvv", project="shop")
    assert result["source"]["naming"] == project
    # Nothing is said to differ: what Compose made of the files is what is read from them.
    assert keys(result) == {
        "layer-files:back": "decision",
        "anonymous-volume:back:/scratch": "decision",
        "unset-variable:services.front.environment.FROM_SHELL": "note",
        "profile:debug": "note",
        "port-differs:back": "note",
        "port-differs:front": "note",
    }
    front = result["source"]["services"]["front"]
    assert front["environment"]["FLAVOUR"]["from"] == "image"
    assert set(shop.environment("front")) < set(front["environment"])
    assert front["ports"] == [{"address": "0.0.0.0", "host_port": 7000, "container_port": 8000, "protocol": "tcp"}]
    (layer,) = [one["layer"] for one in result["source"]["containers"] if one["service"] == "back"]
    assert layer == [{"change": "A", "path": "/left-here"}]


def test_a_broken_file_is_named_by_its_place(inventory: Inventory, project: str) -> None:
    tasks = [
        {
            "cryptobot.native.docker_source_info": {"project": "shop", "directory": "/srv/shop", "files": ["{{ item }}.yml"]},
            "register": "result",
            "loop": [*shop.BROKEN, "broken-yaml"],
        }
    ]
    results = inventory.tasks(tasks)["results"]
    for result, (name, (__, key)) in zip(results, shop.BROKEN.items(), strict=False):
        assert keys(result).get(key) == "blocking", name
    assert keys(results[-1])["file-unreadable:/srv/shop/broken-yaml.yml"] == "blocking"
    said = inventory.task("docker_source_info", good=False, project="nowhere")["said"]
    assert "the projects here are shop" in said


def test_what_is_stopped_stays_so_and_is_put_back_exactly(host, inventory: Inventory, project: str) -> None:
    before = host.check_output(INSPECT)
    predicted = inventory.task("docker_containers", "--check", project="shop", state="stopped", run="r1")
    assert host.check_output(INSPECT) == before
    made = inventory.task("docker_containers", project="shop", state="stopped", run="r1")
    assert predicted["containers"] == made["containers"]
    host.check_output("systemctl restart docker")
    assert host.check_output("docker ps -q") == ""
    assert not inventory.task("docker_containers", project="shop", state="stopped", run="r2")["changed"]
    assert inventory.task("docker_containers", project="shop", state="still", run="r1")["ran"] == []
    name = next(one["name"] for one in made["containers"] if one["was"]["running"])
    host.check_output(f"docker start {name} && docker stop {name}")
    said = inventory.task("docker_containers", good=False, project="shop", state="still", run="r1")["said"]
    assert f"{name} was started after the run had stopped what writes" in said
    again = inventory.task("docker_containers", project="shop", state="stopped", run="r1")
    assert (again["changed"], again["ran"]) == (True, [name])
    assert "stopped-container" not in str(keys(inventory.task("docker_source_info", project="shop")))
    inventory.task("docker_containers", project="shop", state="started", run="r3")
    assert host.check_output(INSPECT) == before
    assert not inventory.task("docker_containers", project="shop", state="started", run="r3")["changed"]


@pytest.fixture(scope="module")
def imported(inventory: Inventory, project: str) -> Inventory:
    """The inventory with the containers' configuration, and the platform installed by it."""
    said = inventory.play("playbooks/import_configuration.yml", "--check", "--diff")
    assert not (inventory.vars / "00-compose.yml").exists()
    said = inventory.play("playbooks/import_configuration.yml", "--diff", "-vvvv")
    assert "cryptobot_secrets.front.api_token added" in said
    assert "changed=0" in inventory.play("playbooks/import_configuration.yml")
    assert shop.CANARY not in "".join(path.read_text() for path in inventory.vars.iterdir())
    inventory.play("site.yml")
    return inventory


def compared(inventory: Inventory, **options: Any) -> dict[str, Any]:
    return inventory.task("configuration_compare", "-vvvv", project="shop", **options)


def states(result: dict[str, Any], seen: str) -> dict[str, str]:
    assert {one["seen"] for one in result["variables"]} == {seen}
    return {f"{one['service']}.{one['variable']}": one["state"] for one in result["variables"]}


def expected() -> dict[str, str]:
    """By variable what must be said of it."""
    states = {}
    for service in shop.PORTS:
        names = dict.fromkeys([*shop.environment(service), "FROM_SHELL"], "equal")
        names |= {"OTHER_URL": "rewritten", "CALLBACK": "rewritten", "FLAVOUR": "intended", "PATH": "intended"}
        states |= {f"{service}.{name}": state for name, state in names.items()}
    return states


def test_every_value_would_arrive_as_it_was(imported: Inventory) -> None:
    assert states(compared(imported), "files") == expected()


def test_every_value_is_what_the_native_process_sees(host, imported: Inventory) -> None:
    outline = "{{ ansible_facts['cryptobot'] | cryptobot.native.sides_outline(inventory_hostname) }}"
    for side in ("none", "native"):
        options = {"catalogue": outline, "compose": "{{ cryptobot_compose }}", "groups": {"all": side}, "run": "r4"}
        tasks = [{"cryptobot.native.catalogue": {}}, {"cryptobot.native.migration_sides": options, "register": "result"}]
        imported.tasks(tasks)
    imported.play("site.yml")
    result = compared(imported, run="r4")
    assert states(result, "process") == expected()
    assert json.loads(host.check_output(f"cat {result['evidence']}"))["equal"]
    # Read by other means than the comparison's own.
    pid = host.check_output("systemctl show --property=MainPID --value cryptobot-front-web@1.service")
    raw = subprocess.run(
        ["docker", "exec", host.ansible.get_variables()["container"], "cat", f"/proc/{pid}/environ"], capture_output=True, check=True
    ).stdout
    seen = dict(entry.split("=", 1) for entry in raw.decode().split("\0") if entry)
    moved = ("OTHER_URL", "CALLBACK", "KEY_FILE", "LOG_LEVEL")
    assert {name: seen.get(name) for name in shop.environment("front") if name not in moved} == {
        name: value for name, value in shop.environment("front").items() if name not in moved
    }


def test_a_value_that_is_another_is_named_and_not_shown(imported: Inventory) -> None:
    imported.set(cryptobot_services__zz={"front": {"environment": {"DOLLAR": "another"}}})
    imported.play("site.yml")
    said = imported.task("configuration_compare", good=False, project="shop")["said"]
    assert "front.web DOLLAR: another value natively" in said
    result = compared(imported, changes={"front:DOLLAR": "was wrong"})
    assert [one["reason"] for one in result["variables"] if one["service"] == "front" and one["variable"] == "DOLLAR"] == ["was wrong"]
    imported.set(cryptobot_services__zz={})


def test_preflight_reports_both_and_changes_nothing(host, imported: Inventory) -> None:
    before = host.check_output(INSPECT) + host.check_output("find /etc /var/lib/cryptobot* -newer /srv/shop/key -type f | sort | xargs sha256sum")
    said = imported.play("playbooks/preflight.yml")
    assert "port-differs" in said
    report = json.loads((imported.folder / "build" / "preflight.json").read_text())
    (one,) = report.values()
    assert {"host", "source", "findings"} == set(one) and one["source"]["project"] == "shop"
    after = host.check_output(INSPECT) + host.check_output("find /etc /var/lib/cryptobot* -newer /srv/shop/key -type f | sort | xargs sha256sum")
    assert after == before
