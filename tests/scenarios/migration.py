"""What the tests of a migration share: plays over its host, questions to both sides, faults, and a picture of the whole host."""

from __future__ import annotations

import base64
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "demo"), str(ROOT / "tests" / "scenarios")]

import part  # noqa: E402
import vault  # noqa: E402
from plays import FAULTS, end_all  # noqa: E402

PROJECT = "cryptobot"
STATE = "/var/lib/cryptobot-migration"
PASSWORD = ".vault-password"
COMPOSE = {"project": PROJECT, "directory": "/srv/cryptobot"}
CONTAINER = (
    f"docker ps -aq --filter label=com.docker.compose.project={PROJECT} --filter label=com.docker.compose.service="
)
# What a look at the host must not change: files, with their times; and what has no file, the databases' own catalogues.
TREE = (
    "find / -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/lib/docker -o -path /var/log "
    "-o -path /var/lib/postgresql -o -path /var/lib/redis -o -path /root/.ansible -o -path /var/cache -o -path /var/tmp "
    "-o -path /var/lib/containerd -o -path /var/lib/systemd -o -path /var/lib/cryptobot-migration -o -path /root/exchange.jsonl \\) -prune "
    "-o -not -type d -printf '%p %s %T@ %m %U:%G\\n' | sort"
)
SERVER = "/run/postgresql/.s.PGSQL.5432"
# Roles, settings and rights of the server; of each database all definitions, and how many objects there ever were; what no dump has.
CATALOGUES = r"""
psql() { command psql -U postgres -XAtq "$@"; }
own() { grep -v -e '^.restrict ' -e '^.unrestrict ' | sha256sum; }
echo server $(pg_dumpall -U postgres --globals-only | own)
psql -c "SELECT slot_name, slot_type FROM pg_replication_slots" -c "SELECT gid FROM pg_prepared_xacts" \
  -c "SELECT name, setting FROM pg_settings WHERE source <> 'default' AND source <> 'client' ORDER BY 1"
for base in $(psql -c "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1"); do
  echo $base $(pg_dump -U postgres --schema-only --create $base | own) \
    $(psql -d $base -c "SELECT count(*), max(oid::bigint) FROM pg_class" -c "SELECT count(*), max(oid::bigint) FROM pg_largeobject_metadata")
done
"""
PROXY = "/run/cryptobot-edge/master.sock"
# Its workers, with the maps and the servers' states that each has in memory.
PROXY_STATE = """
import socket
def ask(line):
    with socket.socket(socket.AF_UNIX) as master:
        master.connect("%s")
        master.sendall(line.encode() + b"\\n")
        master.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: master.recv(65536), b"")).decode()
for process in ask("show proc").splitlines():
    if " worker " in process and process[:1].isdigit():
        worker = process.split()[0]
        print(worker)
        for each in ask(f"@!{worker} show map").splitlines():
            if each[:1].isdigit():
                print(each, ask(f"@!{worker} show map #{each.split()[0]}"))
        for each in ask(f"@!{worker} show servers state").splitlines():
            if each[:1].isdigit() and " " in each:
                print(each.split()[1], *each.split()[3:7])
""" % PROXY


def project(scenario: Path, patches: dict[str, Any]) -> Path:
    """A folder as an operator has it: hosts, a vault with its password, variables, and room for what an import writes.
    Made once a scenario."""
    made = scenario / "project"
    variables = made / "inventory" / "group_vars" / "cryptobot"
    if not variables.exists():
        variables.mkdir(parents=True)
        hosts = yaml.safe_load((scenario / "inventory" / "made.yml").read_text(encoding="utf-8"))
        vault.write(variables / "vault.yml", made / PASSWORD, hosts["all"].pop("vars")["cryptobot_secrets"])
        (made / "inventory" / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
        for each in (scenario / "inventory").glob("*.yml"):
            if each.name != "made.yml":
                shutil.copy(each, made / "inventory")
        shutil.copy(ROOT / "molecule" / "default" / "inventory" / "groups.yml", made / "inventory")
        own = {
            "cryptobot_environment": "production",
            "cryptobot_source": {"path": str(ROOT / "examples" / "cryptobot")},
            **patches,
        }
        (variables / "main.yml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return made


class Migration:
    """One host with both sides. ``compose``: names of its Compose services, ``services``: of the catalogue's."""

    def __init__(self, host: Any, folder: Path) -> None:
        self.host, self.folder = host, folder
        self.accept: list[str] = []
        self.compose = list(yaml.safe_load(host.check_output("cat /srv/cryptobot/docker-compose.yml"))["services"])
        self.services = part.services(self.compose)
        self.project = project(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]), part.patches(self.services))

    # Plays

    def command(self, playbook: str, *words: str, **variables: Any) -> tuple[list[str], dict[str, str]]:
        given = self.folder / "variables.yml"
        given.touch(mode=0o600)
        given.write_text(
            yaml.safe_dump({"cryptobot_compose": {**COMPOSE, "accept": self.accept}, **variables}), encoding="utf-8"
        )
        inventory = [f"--inventory={self.project / 'inventory'}", f"--vault-password-file={self.project / PASSWORD}"]
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
        return [program, *inventory, f"--extra-vars=@{given}", *words, f"playbooks/{playbook}.yml"], environment

    def play(self, playbook: str, *words: str, good: bool = True, **variables: Any) -> str:
        """Plays; what Ansible said."""
        command, environment = self.command(playbook, *words, **variables)
        began = time.monotonic()
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        print(
            f"--- {playbook} {' '.join(words)}: {'ok' if done.returncode == 0 else 'failed'} in {time.monotonic() - began:.0f} s"
        )
        if (done.returncode == 0) is not good:
            print(self.host.run(f"tail -n 25 {STATE}/journal.jsonl").stdout)
        assert (done.returncode == 0) is good, done.stdout[-6000:] + done.stderr[-2000:]
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def killed(self, playbook: str, point: str, **variables: Any) -> str:
        """Plays until the module's process dies at a point; whether it did is what the faults file says."""
        self.fault(f"kill {point}")
        said = self.play(playbook, good=False, **variables)
        assert f"killed {point}" in self.faults(), f"{point} was never reached: {said[-3000:]}"
        return said

    def orphaned(self, playbook: str, point: str, **variables: Any) -> None:
        """Plays until a point, and there kills the controller with all of its own, while the module goes on waiting."""
        self.fault(f"hold {point}")
        command, environment = self.command(playbook, **variables)
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            until = time.monotonic() + 600
            while f"held {point}" not in self.faults():
                assert process.poll() is None, (process.stdout.read() if process.stdout else b"")[-3000:]
                assert time.monotonic() < until, f"{point} was never reached"
                time.sleep(0.3)
            end_all(process.pid)

    def tasks(self, *tasks: dict[str, Any], good: bool = True, **variables: Any) -> str:
        """Plays tasks on the host."""
        path = self.folder / "tasks.yml"
        path.write_text(
            yaml.safe_dump([{"hosts": "cryptobot_docker", "gather_facts": False, "tasks": list(tasks)}]),
            encoding="utf-8",
        )
        return self.play(f"../{os.path.relpath(path.with_suffix(''), ROOT)}", good=good, **variables)

    # Faults

    def fault(self, *lines: str) -> None:
        text = "".join(f"{line}\n" for line in lines)
        self.host.check_output(f"umask 077 && printf %s {shlex.quote(text)} > {FAULTS}")

    def faults(self) -> list[str]:
        return self.host.run(f"cat {FAULTS}").stdout.splitlines()

    def points(self) -> list[str]:
        """Points that were reached, in their order, each once."""
        return list(dict.fromkeys(line[3:] for line in self.faults() if line.startswith("at ")))

    def no_faults(self) -> None:
        self.host.check_output(f"rm -f {FAULTS}")

    # Both sides

    def docker_sql(self, database: str, statement: str) -> str:
        command = f"docker exec $({CONTAINER}postgres) psql -U postgres -XAtd {database} -c %s"
        return str(self.host.check_output(command, statement))

    def native_sql(self, database: str, statement: str) -> str:
        return str(self.host.check_output(f"cd / && runuser -u postgres -- psql -XAtd {database} -c %s", statement))

    def state(self, name: str) -> Any:
        """A JSON file of the migration's."""
        return json.loads(self.host.check_output(f"cat {STATE}/{name}"))

    def journal(self) -> list[dict[str, Any]]:
        lines = self.host.run(f"cat {STATE}/journal.jsonl").stdout.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def put(self, source: Path, path: str) -> None:
        """A file of the checkout on the host."""
        content = base64.b64encode(source.read_bytes()).decode()
        self.host.check_output(f"mkdir -p {os.path.dirname(path)} && echo {content} | base64 -d > {shlex.quote(path)}")

    def put_folder(self, source: Path, path: str) -> None:
        """The files of a folder of the checkout, in one go."""
        with tempfile.TemporaryFile() as archive:
            with tarfile.open(fileobj=archive, mode="w:gz") as tar:
                tar.add(source, ".", filter=lambda each: None if "__pycache__" in each.name else each)
            archive.seek(0)
            content = base64.b64encode(archive.read()).decode()
        self.host.check_output(f"mkdir -p {path} && echo {content} | base64 -d | tar -xzC {path}")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replaces a text of a file on the host, which is there once."""
        text = self.host.check_output(f"cat {path}") + "\n"
        assert text.count(old) == 1, f"{path} holds {text.count(old)} times {old!r}"
        content = base64.b64encode(text.replace(old, new).encode()).decode()
        self.host.check_output(f"echo {content} | base64 -d > {path}")

    def python(self, script: Path, *words: str, before: str = "", quoted: bool = True) -> str:
        """Runs a program of the checkout with the host's own Python; ``before`` sets variables, which the shell makes."""
        where = f"/root/scenarios/{script.name}"
        self.put(script, where)
        return str(
            self.host.check_output(
                f"{before} python3 {where} " + " ".join(map(shlex.quote, words) if quoted else words)
            )
        )

    # What must not change

    def picture(self) -> dict[str, str]:
        """What a look must leave as it is: files, containers, both servers' catalogues, keys, rules, units, the proxy."""
        redis = f"docker exec $({CONTAINER}redis) sh -c 'redis-cli dbsize; redis-cli config get save; redis-cli acl list; redis-cli info replication'"
        commands = {
            "files": TREE,
            "containers": "docker inspect $(docker ps -aq) --format '{{.Id}} {{.State.Pid}} {{.State.StartedAt}} {{json .HostConfig.RestartPolicy}}' | sort",
            "redis": redis + " | grep -v -e repl_offset -e repl_backlog -e lag= -e second",
            "rules": "nft list ruleset | grep -v counter",
            "units": "systemctl list-units --plain --no-legend --state=active 'cryptobot*' 'postgresql*' 'redis*' | sort",
            "proxy": f"test ! -S {PROXY} || python3 -c {shlex.quote(PROXY_STATE)}",
            "docker catalogues": f"docker exec $({CONTAINER}postgres) sh -c {shlex.quote(CATALOGUES)}",
            "native catalogues": f"test ! -S {SERVER} || (cd / && runuser -u postgres -- sh -c {shlex.quote(CATALOGUES)})",
        }
        found = {}
        for name, command in commands.items():
            done = self.host.run(command)
            assert name == "rules" or done.rc == 0, f"{name}: {done.stderr}"
            found[name] = done.stdout
        return found

    def leftovers(self) -> list[str]:
        """What no run may leave behind."""
        found = []
        for side in (self.docker_sql, self.native_sql):
            found += side(
                "postgres", "SELECT datname FROM pg_database WHERE datname ~ '__(incoming|restoring)$'"
            ).split()
            found += side("postgres", "SELECT slot_name FROM pg_replication_slots").split()
            found += side("postgres", "SELECT 'prepared ' || gid FROM pg_prepared_xacts").splitlines()
            found += side(
                "postgres",
                "SELECT 'session ' || pid FROM pg_stat_activity WHERE application_name LIKE 'cryptobot-migration%'",
            ).splitlines()
        places = ("/var/lib/cryptobot-datastores/*.incoming", "/var/lib/docker/volumes/*/*.incoming", "/tmp/cryptobot-*")
        files = " ".join((f"{STATE}/owner.json", f"{STATE}/dumps/*", f"{STATE}/backup/*/*/*.new", *places))
        found += self.host.run(f"ls -d {files} 2>/dev/null").stdout.split()
        return found
