"""Tests that need servers of their own and root, on each host: plants and faults of the stores, and PostgreSQL's faults.
So they run with PostgreSQL 15 and 17, Redis 7.0 and 8.0, and both Pythons."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import ansible
import pytest
from both import ROOT, made

FOLDER = "/root/plants/ansible_collections/cryptobot/native"
PARTS = ["plugins", "tests/faults", "tests/plants", "tests/seed", "tests/servers", "pyproject.toml"]
LIBRARY = ["ansible/__init__.py", "ansible/_vendor", "ansible/release.py", "ansible/module_utils"]
"""What modules need of Ansible when they run."""
# One process each: their conftest.py have the same name. With the fewest tests that it must find.
RUNS = [
    (["tests/plants/redis", "tests/plants/files", "tests/plants/sqlite"], 100),
    (["tests/faults/postgresql"], 20),
]
VERSIONS = {"twelve": "15 15", "thirteen": "17 17"}
"""Of the PostgreSQL that is copied, and of the one that it is copied to."""


def put(container: str, root: Path, names: list[str], folder: str) -> None:
    packed = subprocess.run(["tar", "--exclude=__pycache__", "-cf", "-", *names], cwd=root, capture_output=True, check=True)
    enter = ["docker", "exec", "-i", container]
    subprocess.run([*enter, "mkdir", "-p", folder], check=True)
    subprocess.run([*enter, "tar", "-xf", "-", "-C", folder], input=packed.stdout, check=True)


@pytest.fixture(scope="module")
def running() -> dict[str, subprocess.Popen]:
    """Both hosts at work."""
    found = {}
    for name, each in made.items():
        put(each["container"], ROOT, PARTS, FOLDER)
        put(each["container"], Path(ansible.__file__).parents[1], LIBRARY, "/root/plants")
        test = f"POSTGRESQL_VERSIONS='{VERSIONS[name]}' PYTHONPATH=/root/plants python3 -m pytest -p no:cacheprovider -rsP --durations=5"
        lines = [f"cd {FOLDER} || exit", "failed=0"]
        lines += [f"{test} {' '.join(folders)} || failed=1" for folders, __ in RUNS]
        enter = ["docker", "exec", "-i", each["container"], "sh", "-c", "\n".join([*lines, "exit $failed"])]
        found[name] = subprocess.Popen(enter, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return found


@pytest.mark.parametrize("name", sorted(made))
def test_all_that_is_planted_is_found_and_faults_end_well(running, name):
    said, __ = running[name].communicate(timeout=1800)
    print(said)
    assert running[name].returncode == 0, said[-5000:]
    passed = [int(count) for count in re.findall(r"(\d+) passed", said)]
    assert len(passed) == len(RUNS) and all(count >= fewest for count, (__, fewest) in zip(passed, RUNS, strict=True)), passed
    assert "skipped" not in said
