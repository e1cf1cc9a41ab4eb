"""A directory with everything that a naive copy forgets, and what it is copied to. As root: owners are given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import Place
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Task, Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal

SEED = Path(__file__).resolve().parents[2] / "seed" / "files.py"
NATIVE, OTHER, SHARED = 61990, 61991, 61992
OWNERSHIP = {"users": [str(NATIVE), str(OTHER)], "group": str(SHARED), "run_as": [0, 1000]}


def seeded(root: Path) -> Path:
    if os.geteuid() != 0:
        pytest.fail("Owners can be given by root alone; run these tests as root.")
    if not shutil.which("rsync"):
        pytest.fail("There is no rsync here: apt-get install rsync")
    root.mkdir()
    words = [sys.executable, SEED, root, "--files", "40", "--megabytes", "1"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    with (root / "bars-00" / "holes").open("wb") as file:
        file.truncate(4 << 20)
    return root


def task(source: Path, target: Path, **more) -> Task:
    ownership = Ownership.from_options({**OWNERSHIP, **more.pop("ownership", {})})
    ends = (Place.from_options({"path": str(path)}) for path in (source, target))
    return Task("run", "bars", *ends, ownership, **more)


def copied(source: Path, folder: Path, **more) -> Task:
    wanted = task(source, folder / "bars", **more)
    Transfer(wanted, Journal(folder / "journal")).copied()
    return wanted
