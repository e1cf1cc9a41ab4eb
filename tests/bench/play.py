"""What a service costs in a run that changes nothing: the whole platform against one service, in turn, on a host each.

Prints the time and the number of module executions of each run, and the cost of a service as a share of the whole:
(t14 - t1) / 13 / t14. Writes build/bench/play.json. It judges nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "hosts"), str(ROOT / "tests" / "demo"), str(ROOT / ".ansible" / "collections")]

import engine  # noqa: E402
import host  # noqa: E402
import image  # noqa: E402
import vault  # noqa: E402

GROUPS = ("database", "cache", "app", "edge", "build")
# It uses a database and Redis, as the whole does, so that the same roles have the same work.
KEPT = "trade"
ROUNDS = 5
AIM = 0.02


@dataclass(frozen=True)
class Side:
    """One host with its inventory, and how many services it has."""

    name: str
    services: int
    inventory: Path

    def play(self) -> tuple[float, int, str]:
        """Seconds, module executions, and what Ansible said."""
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-vvv",
            "-i",
            str(self.inventory),
            "site.yml",
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "default"}
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        seconds = time.monotonic() - started
        if done.returncode != 0:
            sys.exit(f"{self.name}: site.yml failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
        return seconds, len(re.findall(r"^Using module file", done.stdout, re.MULTILINE)), done.stdout


def variables(only: str | None) -> dict:
    """The shipped catalogue, or one service of it with what that needs."""
    shipped = yaml.safe_load((ROOT / "catalogues" / "cryptobot.yml").read_text(encoding="utf-8"))
    given: dict = {
        "cryptobot_source": {"path": str(ROOT / "examples" / "cryptobot")},
        "cryptobot_secrets": vault.values(),
    }
    if only:
        service = shipped["services"][only]
        url = re.compile(r"\{urls\.")
        kept = {name: value for name, value in service["environment"].items() if not url.match(value)}
        gone = {name: None for name in service["environment"] if name not in kept}
        patch = {name: None for name in shipped["services"] if name != only}
        given["cryptobot_services__bench"] = patch | {only: {"calls": [], "after": [], "environment": gone}}
        # Nothing of another service is needed, so its keys are its own.
        given["cryptobot_services__bench"][only]["secrets"] = {
            name: {"as": "credential", "kind": "text"}
            | {key: None for key in ("public_of", "same_as") if key in secret}
            for name, secret in service["secrets"].items()
        }
        stores = {name: None for name in shipped["datastores"] if name not in service["uses"]}
        given["cryptobot_datastores__bench"] = stores
        given["cryptobot_secrets"] = {
            only: vault.values()[only] | dict.fromkeys(service["secrets"], "a text of the benchmark")
        }
    return given


def make(name: str, only: str | None, folder: Path) -> Side:
    """A host that is up to date."""
    made = host.create(name, "12")
    groups = {f"cryptobot_{group}": {"hosts": {"bench": {}}} for group in GROUPS}
    reached = {
        "ansible_connection": "community.docker.docker",
        "ansible_host": made.name,
        "cryptobot_address": made.address,
    }
    inventory = folder / f"{name}.yml"
    content = {"cryptobot": {"hosts": {"bench": reached}, "children": groups, "vars": variables(only)}}
    inventory.touch(mode=0o600)
    inventory.write_text(yaml.safe_dump(content), encoding="utf-8")
    side = Side(name, 1 if only else 14, inventory)
    seconds, modules, __ = side.play()
    print(f"{side.services:3} services  first run     {seconds:7.1f} s  {modules} module executions")
    return side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    engine.ensure()
    os.environ["PATH"] = engine.program_path()
    image.ensure("12")
    names = {"bench-whole": None, "bench-single": KEPT}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            host.remove(name)
        try:
            sides = [make(name, only, Path(folder)) for name, only in names.items()]
            times: dict[int, list[float]] = {14: [], 1: []}
            counts: dict[int, set[int]] = {14: set(), 1: set()}
            for turn in range(rounds):
                for side in sides:
                    seconds, modules, said = side.play()
                    if "changed=0" not in said:
                        sys.exit(
                            f"{side.name}: a run that should change nothing changed something; times of it say nothing."
                        )
                    times[side.services].append(seconds)
                    counts[side.services].add(modules)
                    print(
                        f"{side.services:3} services  round {turn + 1}       {seconds:7.1f} s  {modules} module executions"
                    )
        finally:
            for name in names:
                host.remove(name)
    shares = [(whole - single) / 13 / whole for whole, single in zip(times[14], times[1], strict=True)]
    share = statistics.median(shares)
    print(
        f"cost of a service: {share:.2%} of a run over 14 (median of {rounds} pairs, {min(shares):.2%} to {max(shares):.2%})"
    )
    print(f"module executions: {sorted(counts[14])} for 14 services, {sorted(counts[1])} for one")
    result = {
        "name": "cost of a service in a run without a change",
        "value": statistics.median(times[14]),
        "unit": "s for 14 services",
        "against": "one service",
        "against_value": statistics.median(times[1]),
        "ratio": share,
        "aim": AIM,
        "met": share <= AIM,
    }
    target = ROOT / "build" / "bench"
    target.mkdir(parents=True, exist_ok=True)
    (target / "play.json").write_text(json.dumps([result], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
