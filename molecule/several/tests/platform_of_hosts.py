"""The platform over several hosts, as who runs its plays, who uses it, and who is outside of it."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
MADE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "inventory"
INVENTORIES = (ROOT / "molecule/default/inventory", ROOT / "molecule/several/inventory", MADE)
HOSTS = ("database", "cache", "app1", "app2", "edge")
EXCHANGE = 9900
PLAY_SECONDS = 1500


@functools.cache
def variables(host: str) -> dict[str, Any]:
    made = yaml.safe_load((MADE / "made.yml").read_text(encoding="utf-8"))
    return made["all"]["hosts"][host]


def address(host: str) -> str:
    return variables(host)["cryptobot_address"]


def container(host: str) -> str:
    return variables(host)["container"]


def docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False, timeout=600)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def on(host: str, script: str) -> str:
    """What a shell on the host prints."""
    return docker("exec", container(host), "sh", "-c", script).strip()


def command(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("ansible-playbook")), *(f"--inventory={one}" for one in INVENTORIES), *words]


def begin(*words: str, output: Path) -> subprocess.Popen[bytes]:
    """A play that goes on in the background."""
    environment = {name: value for name, value in os.environ.items() if name != "ANSIBLE_STDOUT_CALLBACK"}
    environment |= {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "NO_COLOR": "1"}
    with output.open("wb") as file:
        return subprocess.Popen(command(*words), cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)


def play(*words: str, folder: Path, fails: bool = False) -> str:
    """What Ansible said; that it failed, or did not, is asserted."""
    output = folder / "play.log"
    code = begin("site.yml", *words, output=output).wait(PLAY_SECONDS)
    said = output.read_text(encoding="utf-8", errors="replace")
    assert bool(code) == fails, said[-8000:]
    return said


def changed(said: str) -> dict[str, int]:
    """By host, how much a play says to have changed."""
    return {host: int(count) for host, count in re.findall(r"^(\w+) +: ok=\d+ +changed=(\d+)", said, re.MULTILINE)}


def journey() -> None:
    """A user's way through the whole platform, by the edge."""
    words = ["--base", f"http://{address('edge')}", "--exchange", f"http://{address('edge')}:{EXCHANGE}"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples/cryptobot/journey.py"), *words], capture_output=True, text=True, check=False, timeout=300
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def started(host: str, unit: str) -> str:
    """Another text for each start of a unit."""
    return on(host, f"systemctl show --value --property=InvocationID {unit}")


def boot(*hosts: str) -> None:
    for host in hosts:
        docker("start", container(host))
        # What a test host needs at each start, and a machine has anyway: units get their credentials by mounts.
        docker("exec", container(host), "mount", "--make-rshared", "/")


def settle(host: str, seconds: float = 300) -> str:
    """The state of the host's systemd when it has started everything, or has had that long."""
    until = time.monotonic() + seconds
    while not (state := docker("exec", container(host), "timeout", str(seconds), "systemctl", "is-system-running", "--wait", check=False).strip()):
        assert time.monotonic() < until, f"systemd of {host} does not answer"
        time.sleep(0.5)
    return state


def ports_from_outside(host: str) -> set[int]:
    """Those of all 65535 that this machine, which is in no group, comes to."""
    return asyncio.run(_open(address(host)))


async def _open(where: str) -> set[int]:
    few, found = asyncio.Semaphore(500), set()

    async def knock(port: int) -> None:
        async with few:
            try:
                __, writer = await asyncio.wait_for(asyncio.open_connection(where, port), 20)
            except OSError:
                return
            found.add(port)
            writer.close()

    await asyncio.gather(*(knock(port) for port in range(1, 65536)))
    return found


def reaches(source: str, target: str, port: int) -> bool:
    """Whether a connection from one host to another is taken."""
    program = f"import socket; print(socket.socket().connect_ex(({address(target)!r}, {port})))"
    return on(source, f'timeout 20 python3 -c "{program}"') == "0"


def asks_postgresql(source: str, user: str, database: str) -> str:
    """What the server says to a host that comes as this user: its refusal, or that it wants a password proven."""
    program = f"""
import socket, struct
body = struct.pack("!i", 196608) + b"user\\0{user}\\0database\\0{database}\\0\\0"
server = socket.create_connection(({address("database")!r}, 5432), 20)
server.sendall(struct.pack("!i", len(body) + 4) + body)
kind = server.recv(1)
length, = struct.unpack("!i", server.recv(4))
print({{b"R": "password", b"E": "refused"}}[kind], server.recv(length - 4))
"""
    done = subprocess.run(
        ["docker", "exec", "-i", container(source), "python3", "-"], input=program, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def load(port: int, read: str, write: str, body: dict[str, Any], token: str) -> subprocess.Popen[str]:
    """A bounded load against a public door of the edge, half of it writes, from this machine, until `report` ends it."""
    door = f"http://{address('edge')}:{port}"
    words = ["--clients", "4", "--rate", "16", "--seconds", str(PLAY_SECONDS), "--timeout", "60", "--read", door + read, "--write", door + write]
    words += ["--body", json.dumps(body), "--header", f"Authorization: Bearer {token}"]
    return subprocess.Popen([sys.executable, str(ROOT / "tests/scenarios/load.py"), *words], stdout=subprocess.PIPE, text=True)


def report(running: subprocess.Popen[str]) -> dict[str, Any]:
    running.terminate()
    told = json.loads(running.communicate(timeout=120)[0])
    print({key: value for key, value in told.items() if key not in ("acknowledged", "unknown")})
    return told
