"""ansible-test's sanity tests, with what they fetch kept in the cache outside the clone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTION = ROOT / ".ansible/collections/ansible_collections/cryptobot/native"
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

from machine import cache_directory  # noqa: E402

# ansible-test downloads this script to bring pip into the environments that it makes. The server is not reached from
# everywhere, and Python carries pip with it.
GET_PIP = """\
import subprocess
import sys

words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *words]))
"""
GET_PIP_NAME = "get_pip_24_2.py"


def main() -> int:
    home = cache_directory() / "ansible-test"
    script = home / ".ansible" / "test" / "cache" / GET_PIP_NAME
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP, encoding="utf-8")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {**os.environ, "HOME": str(home), "ANSIBLE_TEST_CONTENT_ROOT": str(COLLECTION)}
    # What ships is tested; the rest is not written for Ansible's own conventions.
    left_out = ["--exclude", "examples/", "--exclude", "tests/", "--exclude", "molecule/"]
    command = ["ansible-test", "sanity", "--color", "no", "--local", "--python", version, *left_out, *sys.argv[1:]]
    try:
        return subprocess.call(command, cwd=COLLECTION, env=environment, stdin=subprocess.DEVNULL)
    finally:
        shutil.rmtree(ROOT / "tests" / "output", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
