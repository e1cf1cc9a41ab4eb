"""The demo: a bare host, the platform installed on it, a user's way through it, and what it looks like from outside."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "hosts"), str(ROOT / "tests" / "demo"), str(ROOT / "tests" / "dashboard"), str(ROOT / ".ansible" / "collections")]

import engine  # noqa: E402
import host  # noqa: E402
import look  # noqa: E402
import vault  # noqa: E402
import visit  # noqa: E402
from machine import MachineError  # noqa: E402
from timing import Stopwatch  # noqa: E402

NAME = "cryptobot-demo"
DEBIAN = os.environ.get("DEBIAN", "12")
INVENTORY = ROOT / "inventories" / "demo"
SECRETS = INVENTORY / "group_vars" / "cryptobot" / "vault.yml"
PASSWORD = INVENTORY / "vault-password.txt"
BUILD = ROOT / "build"
ADDRESS = BUILD / "demo" / "address"
TIMES = BUILD / "demo" / "times.json"
EXCHANGE_PORT = 9900
JOURNEY = ROOT / "examples" / "cryptobot" / "journey.py"
JOURNEYED = BUILD / "journey.json"
os.environ["PATH"] = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"


class DemoError(Exception):
    """The demo did not come to its end; the text says where."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--started", type=float, default=time.time(), help="when make began, in seconds since 1970")
    started = parser.parse_args().started
    watch = Stopwatch()
    watch.seconds["virtual environment, engine, base image"] = round(time.time() - started, 1)
    os.environ["PATH"] = engine.program_path()
    with watch.part("host"):
        host.remove(NAME)
        made = host.create(NAME, DEBIAN)
        ADDRESS.parent.mkdir(parents=True, exist_ok=True)
        ADDRESS.write_text(made.address, encoding="utf-8")
    with watch.part("secrets"):
        if not (SECRETS.exists() and PASSWORD.exists()):
            vault.write(SECRETS, PASSWORD, vault.values())
    with watch.part("exchange simulator"):
        play("tests/demo/exchange.yml")
    with ThreadPoolExecutor(1) as beside:
        browser = beside.submit(visit.prepare)
        with watch.part("site.yml"):
            play("site.yml")
    with watch.part("journey"):
        travel(made.address)
    with watch.part("dashboard in a browser"):
        browser.result()
        pictures = visit.visit(f"http://{made.address}", JOURNEYED, BUILD / "dashboard")
    with watch.part("look from outside"):
        rows = look.look(made.address, shell)
    host.collect(NAME)
    watch.seconds["all"] = round(time.time() - started, 1)
    report(made.address, rows, watch.seconds, pictures)
    return 0 if all(row.health == "healthy" for row in rows) else 1


def play(playbook: str) -> None:
    """What an operator types, with its output shown as it comes."""
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_VAULT_PASSWORD_FILE": str(PASSWORD)}
    environment["CRYPTOBOT_TIMES_FILE"] = str(TIMES)
    command = ["ansible-playbook", playbook, "-i", "inventories/demo"]
    print(f"$ {' '.join(command)}", flush=True)
    if subprocess.call(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL) != 0:
        raise DemoError(f"{playbook} failed. The host is there to look at: docker exec -it {NAME} bash")


def shell(command: str) -> str:
    """What a command on the host prints."""
    return engine.docker("exec", NAME, "sh", "-c", command, check=False).strip()


def travel(address: str) -> None:
    """A new user's way through the platform, through the entrance; the account stays logged in."""
    command = [sys.executable, str(JOURNEY), "--base", f"http://{address}", "--exchange", f"http://{address}:{EXCHANGE_PORT}"]
    if subprocess.call([*command, "--keep-session", "--json", str(JOURNEYED)], stdin=subprocess.DEVNULL) != 0:
        raise DemoError(f"The journey did not arrive. Logs: docker exec {NAME} journalctl -u 'cryptobot-*'")


def report(address: str, rows: list[look.Sight], seconds: dict[str, float], pictures: list[Path]) -> None:
    """Prints what came of it, and writes the same for programs."""
    steps = {step["step"]: step["seconds"] for step in json.loads(TIMES.read_text(encoding="utf-8"))["steps"]}
    found = {"services": [row.row() for row in rows], "seconds": seconds, "steps": steps, "dashboard": f"http://{address}/"}
    (BUILD / "demo.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\n{look.table(rows)}\n")
    for part, value in seconds.items():
        print(f"{part:56} {value:7.1f} s")
        if part == "site.yml":
            print("\n".join(f"  {step:54} {each:7.1f} s" for step, each in steps.items()))
    vaulted = f"ANSIBLE_VAULT_PASSWORD_FILE={PASSWORD.relative_to(ROOT)}"
    print(f"""
open     http://{address}/
look     {"  ".join(str(picture.relative_to(ROOT)) for picture in pictures)}
inspect  docker exec -it {NAME} bash        systemctl list-units 'cryptobot-*'
re-run   . .venv/bin/activate; {vaulted} ansible-playbook site.yml -i inventories/demo
remove   make demo-remove
""")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (DemoError, MachineError) as error:
        sys.exit(f"make demo: {error}")
