"""Runs the reference application's own unit tests, in an environment that uv makes for the purpose and keeps in its cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

APPLICATION = Path(__file__).resolve().parents[1] / "examples" / "cryptobot"


def main() -> None:
    packages = [path.parent for path in sorted(APPLICATION.glob("[ls]*/*/pyproject.toml"))]
    options = [
        *("--no-project", "--isolated", "--quiet", "--python", sys.executable),
        *("--with-requirements", "requirements.lock", "--with-requirements", "tests/requirements.txt"),
        *(word for package in packages for word in ("--with-editable", str(package))),
    ]
    os.environ["UV_SYSTEM_CERTS"] = "1"
    os.chdir(APPLICATION)
    uv = Path(sys.executable).with_name("uv")
    os.execv(uv, [str(uv), "run", *options, "pytest", "--color=no", "-c", "tests/pytest.ini", "tests"])


if __name__ == "__main__":
    main()
