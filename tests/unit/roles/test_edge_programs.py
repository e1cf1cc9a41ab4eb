"""What the router's programs import is placed on the host, and nothing twice."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
UTILS = "ansible_collections.cryptobot.native.plugins.module_utils."
LISTS = ("__edge_router_modules", "__edge_guardian_modules")
PROGRAMS = ("cutover.guardian", "router.watch", "router.boot")


def placed() -> list[str]:
    variables = yaml.safe_load((ROOT / "roles" / "edge" / "vars" / "main.yml").read_text(encoding="utf-8"))
    lists = (re.match(r"\{\{ \[(.*?)\]\n? *\| map", variables[name], re.DOTALL) for name in LISTS)
    return [name for found in lists if found for name in re.findall(r"'([\w/]+)'", found[1])]


def imported() -> set[str]:
    imports = "".join(f"import {UTILS}{name}\n" for name in PROGRAMS)
    code = f"import sys\n{imports}print(*(name for name in sys.modules if name.startswith({UTILS!r})))"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True)
    paths = [name.removeprefix(UTILS).replace(".", "/") for name in done.stdout.split()]
    folder = ROOT / "plugins" / "module_utils"
    return {f"{path}/__init__" if (folder / path).is_dir() else path for path in paths}


def test_nothing_is_missing_and_nothing_twice() -> None:
    assert imported() <= set(placed())
    assert len(placed()) == len(set(placed()))
