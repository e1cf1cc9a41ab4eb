"""Snapshots of a scenario's host, taken by scripts that its own Python runs, and what differs between two of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("host_snapshot.py")
Snapshot = dict[str, dict[str, str]]


def snapshot(host: Any, script: Path = SCRIPT) -> Snapshot:
    """By kind of thing and name, in words, as a script that prints JSON sees it."""
    container = host.ansible.get_variables()["container"]
    done = subprocess.run(
        ["docker", "exec", "-i", container, "python3", "-"], input=script.read_bytes(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def differences(before: Snapshot, after: Snapshot, not_compared: Collection[tuple[str, str]] = ()) -> dict[tuple[str, str], str]:
    """What is not as it was, by kind and name."""
    return {
        (kind, name): f"{before[kind].get(name)} -> {after[kind].get(name)}"
        for kind in before
        for name in sorted({*before[kind], *after[kind]})
        if before[kind].get(name) != after[kind].get(name) and (kind, name) not in not_compared
    }
