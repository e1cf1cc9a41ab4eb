"""Runs a program of the tests on a test host that has PostgreSQL 15 and 17, Redis, HAProxy and systemd, and removes it.

  tests/cutover/on_host.py tests/cutover/window/crash.py --selection
  tests/cutover/on_host.py -m pytest tests/cutover/redis

The words are Python's. The host is a Debian 13, which has 17; 15 is Debian 12's, unpacked beside it. What the loop
keeps in the cache is this machine's. CUTOVER_HOST names a host to be used and left there.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

import engine  # noqa: E402
import host  # noqa: E402
import image  # noqa: E402
from machine import MachineError, cache_directory  # noqa: E402

RELEASE = "13"
INSIDE, KEPT = "/srv/native", "/root/.cache/cryptobot-native/cutover"
LEFT_OUT = ("./.git", "./.venv", "./build", "./.cache", "./.ansible", "*/__pycache__")
PASSED_ON = ("POSTGRESQL_VERSIONS",)
INSTALL = """set -e
export DEBIAN_FRONTEND=noninteractive
install -d /etc/postgresql-common/createcluster.d
echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/tests.conf
ln -sf /dev/null /etc/systemd/system/haproxy.service
ln -sf /dev/null /etc/systemd/system/redis-server.service
apt-get update -q
apt-get install -qy --no-install-recommends postgresql-17 redis-server haproxy nftables rsync acl attr sqlite3 \\
  ansible-core python3-psycopg2 python3-pytest
# Its libraries have other names than those of Debian 13, and go beside them.
install -d /var/cache/cryptobot-tests/lists/partial
cd /var/cache/cryptobot-tests
sed 's/ trixie/ bookworm/' /etc/apt/sources.list >sources.list
old="-o Dir::Etc::SourceList=$PWD/sources.list -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=$PWD/lists
  -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root -o Acquire::Languages=none"
apt-get $old update -q
apt-get $old download -q postgresql-15 libicu72 libldap-2.5-0
for package in *.deb; do dpkg-deb --extract "$package" /; done
# Compiling queries would take a library of 100 MB.
rm -f /usr/lib/postgresql/15/lib/llvmjit.so
ldconfig
"""


def make(name: str) -> None:
    """A host, unless it is there already, with what the tests need."""
    if name in {each.name for each in host.hosts()}:
        return
    image.ensure(RELEASE)
    kept = cache_directory() / "cutover"
    kept.mkdir(parents=True, exist_ok=True)
    host.place(name, RELEASE, image.tag(RELEASE), ["-v", f"{kept}:{KEPT}"])
    host.start(name)
    words = engine.client("exec", "-i", name, "sh")
    subprocess.run(words, input=INSTALL, text=True, stdout=subprocess.DEVNULL, check=True)


def give(name: str) -> None:
    """This checkout as it is now; what changes here meanwhile changes nothing there."""
    link = f"{INSIDE}/.ansible/collections/ansible_collections/cryptobot"
    words = f"rm -rf {INSIDE} && mkdir -p {link} && ln -s ../../../.. {link}/native && tar -x -C {INSIDE}"
    packed = ["tar", "-c", "-C", str(ROOT), *(f"--exclude={each}" for each in LEFT_OUT), "."]
    image.pipe(packed, engine.client("exec", "-i", name, "sh", "-c", words))


def run(name: str, words: list[str]) -> int:
    variables = {"PYTHONUNBUFFERED": "1", **{key: os.environ[key] for key in PASSED_ON if key in os.environ}}
    given = [word for pair in variables.items() for word in ("-e", "=".join(pair))]
    return subprocess.run(
        engine.client("exec", "-w", INSIDE, *given, name, "python3", *words), stdin=subprocess.DEVNULL, check=False
    ).returncode


def main() -> int:
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    # Told to end, it still removes the host.
    signal.signal(signal.SIGTERM, lambda *__: sys.exit(143))
    engine.ensure()
    kept = os.environ.get("CUTOVER_HOST", "")
    # Two checkouts, or two runs, share one engine.
    name = kept or f"c{hashlib.sha1(f'{ROOT} {os.getpid()}'.encode()).hexdigest()[:6]}-cutover"
    try:
        make(name)
        give(name)
        return run(name, words)
    finally:
        if not kept:
            host.remove(name)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (MachineError, subprocess.CalledProcessError) as error:
        sys.exit(f"tests/cutover/on_host.py: {error}")
