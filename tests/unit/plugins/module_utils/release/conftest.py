"""A small application: one shared package, a Python, a binary and a static service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

LOCK = (
    "fastapi==0.115.0 \\\n    --hash=sha256:"
    + "a" * 64
    + "\nuvloop==0.21.0 ; sys_platform != 'win32' \\\n    --hash=sha256:"
    + "b" * 64
    + "\n"
)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def application(tmp_path: Path) -> Path:
    root = tmp_path / "application"
    for name in ("libs/shared", "services/quotes"):
        write(root / name / "pyproject.toml", f'[project]\nname = "acme-{Path(name).name}"\nversion = "1.2.3"\n')
        write(root / name / "src/code.py", "value = 1\n")
    write(root / "services/quotes/requirements.lock", LOCK)
    write(
        root / "services/engine/Cargo.toml",
        '[package]\nname = "engine"\nversion = "0.3.0"\n[profile.release]\nlto = true\n',
    )
    write(root / "services/engine/Cargo.lock", "version = 4\n")
    write(root / "services/engine/migrations/1.sql", "SELECT 1;\n")
    write(root / "services/panel/package.json", json.dumps({"version": "2.0.0"}))
    write(root / "services/panel/package-lock.json", "{}")
    return root


@pytest.fixture
def services() -> dict[str, dict]:
    return {
        "quotes": {
            "runtime": "python",
            "source": "services/quotes",
            "python": {
                "requirements": "requirements.lock",
                "packages": ["libs/shared", "services/quotes"],
                "interpreter": "python3",
            },
        },
        "engine": {
            "runtime": "binary",
            "source": "services/engine",
            "build": {"kind": "cargo", "binary": "engine", "files": ["migrations"]},
        },
        "panel": {"runtime": "static", "source": "services/panel", "build": {"kind": "npm", "output": "dist"}},
    }
