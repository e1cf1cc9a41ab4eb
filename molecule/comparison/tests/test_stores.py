"""Plants and faults of Redis, directories and SQLite (tests/plants) as root on each host: with Redis 7.0 and 8.0, and both Pythons."""

from __future__ import annotations

import re
import subprocess

import pytest
from both import ROOT, made

FOLDER = "/root/plants/ansible_collections/cryptobot/native"
PARTS = ["plugins", "tests/plants", "tests/seed", "tests/servers", "pyproject.toml"]
KINDS = ["redis", "files", "sqlite"]
FEWEST = 100
"""Tests on a host; fewer would mean that some were not found."""


@pytest.fixture(scope="module")
def running() -> dict[str, subprocess.Popen]:
    """Both hosts at work."""
    found = {}
    for name, each in made.items():
        enter = ["docker", "exec", "-i", each["container"]]
        packed = subprocess.run(["tar", "--exclude=__pycache__", "-cf", "-", *PARTS], cwd=ROOT, capture_output=True, check=True)
        subprocess.run([*enter, "mkdir", "-p", FOLDER], check=True)
        subprocess.run([*enter, "tar", "-xf", "-", "-C", FOLDER], input=packed.stdout, check=True)
        command = f"cd {FOLDER} && PYTHONPATH=/root/plants exec python3 -m pytest -p no:cacheprovider -rs --durations=5 "
        command += " ".join(f"tests/plants/{kind}" for kind in KINDS)
        found[name] = subprocess.Popen([*enter, "sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return found


@pytest.mark.parametrize("name", sorted(made))
def test_all_that_is_planted_is_found_and_faults_end_well(running, name):
    said, __ = running[name].communicate(timeout=1800)
    print(said)
    assert running[name].returncode == 0, said[-5000:]
    passed = re.search(r"(\d+) passed", said)
    assert passed and int(passed[1]) >= FEWEST
    assert "skipped" not in said
