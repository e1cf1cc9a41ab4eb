# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building artefacts on a build host, each in a sandbox of systemd's that sees nothing of the host but its tools.

Source goes in by standard input and the artefact comes out by standard output, both as archives, so a build needs no
directory that anyone else may write; its environment travels in the archive, since a unit's is readable by everybody.
Caches of compilers and package managers stay between builds in the sandbox user's own cache directory.

A build outlives whoever began it: when the connection breaks it goes on, and the next run finds what it made, or waits for it.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .errors import ReleaseError, explain
from .process import failure, redact
from .source import add_bytes

LOGS = Path("/var/log/cryptobot/build")
BUILT = Path("/var/cache/cryptobot/builds")
KEPT_DAYS = 30
USER = "cryptobot-build"
SANDBOX = {
    "DynamicUser": "yes",
    "User": USER,
    "CacheDirectory": USER,
    "CacheDirectoryMode": "0700",
    "UMask": "0022",
    "Nice": "5",
    "RuntimeMaxSec": "2h",
    "PrivateDevices": "yes",
    "ProtectHome": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "LockPersonality": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallArchitectures": "native",
    # Netlink: Node asks it for the machine's interfaces.
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "InaccessiblePaths": "-/etc/cryptobot -/var/lib/cryptobot -/etc/ssl/private",
}
# A fixed path a label, for cargo knows by it what it has compiled; a lock, for two controllers may build at once.
# tar -m: new times, for cargo takes a source that is older than its last build as unchanged.
DRIVER = """\
set -eu
umask 022
exec 9>"$CACHE_DIRECTORY/{label}.lock"
flock 9
work="$CACHE_DIRECTORY/work/{label}"
rm -rf "$work"
mkdir -p "$work/out"
cd "$work"
tar -xmf -
export HOME="$work" NO_COLOR=1
. ./environment
. ./build 1>&2
tar -C out --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -I "gzip -n" -cf - .
cd /
rm -rf "$work"
"""
# The archive appears under its name only when it is whole and on the disk.
DETACHED = """\
set -eu
exec 8>"$1.lock"
flock 8
[ ! -s "$1" ] || exit 0
made="$1" log="$2"
shift 2
"$@" >"$made.part" 2>"$log"
sync "$made.part"
mv "$made.part" "$made"
"""
RECIPES = {
    "wheel": """
export UV_CACHE_DIR="$CACHE_DIRECTORY/uv" UV_NO_CONFIG=1 UV_NO_PROGRESS=1 UV_PYTHON_DOWNLOADS=never
{uv} build --wheel --python /usr/bin/python3 --out-dir made source
mv made/*.whl out/
""",
    "cargo": """
export CARGO_HOME="$CACHE_DIRECTORY/cargo" CARGO_TARGET_DIR="$CACHE_DIRECTORY/target/{label}" CARGO_TERM_COLOR=never
{lto}
cd source
cargo build --release --locked --bin {binary}
cd ..
mkdir out/bin
cp "$CARGO_TARGET_DIR/release/"{binary} out/bin/
""",
    "npm": """
export PATH={node}:$PATH npm_config_cache="$CACHE_DIRECTORY/npm" npm_config_update_notifier=false CI=true
cd source
npm ci --no-audit --no-fund
npm run build
cd ..
cp -R source/{output} out/dist
""",
}


def build_script(spec: Mapping[str, Any], tools: Mapping[str, str]) -> str:
    """The commands that make an artefact, for the shell in the sandbox."""
    values = {
        key: shlex.quote(str(value)) for key, value in {**spec["settings"], **tools, "label": spec["label"]}.items()
    }
    values["lto"] = "export CARGO_PROFILE_RELEASE_LTO=true" if spec["settings"].get("lto") else ""
    return "set -eu\n" + RECIPES[spec["kind"]].format_map(values)


def sandbox(spec: Mapping[str, Any]) -> list[str]:
    """The command that starts the sandbox of an artefact."""
    properties = [f"--property={name}={value}" for name, value in SANDBOX.items()]
    # systemd puts variables into the command itself; a doubled dollar sign is the shell's.
    driver = DRIVER.format(label=f"{spec['kind']}-{spec['label']}").replace("$", "$$")
    unit = f"--unit=cryptobot-build-{spec['name']}-{os.getpid()}"
    return ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", unit, *properties, "/bin/sh", "-c", driver]


def environment_file(environment: Mapping[str, str]) -> bytes:
    """Variables as the shell reads them."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())).encode()


def built_before(names: Iterable[str], directory: Path = BUILT) -> list[str]:
    """Which artefacts lie finished on this host, from a run whose end nobody waited for."""
    return [name for name in names if (directory / f"{name}.tar.gz").exists()]


class Builder:
    """Builds artefacts side by side."""

    def __init__(
        self,
        environment: Mapping[str, str],
        cargo: str,
        tools: Mapping[str, str],
        target: Path = BUILT,
        logs: Path = LOGS,
    ) -> None:
        self._environment = environment
        self._cargo = cargo
        self._tools = tools
        self._target = target
        self._logs = logs

    def build(
        self, specs: Sequence[Mapping[str, Any]], bundle: Path, workers: int = 0
    ) -> tuple[dict[str, float], list[str]]:
        """Build artefacts from an unpacked bundle into the target directory.

        Returns how many seconds each took that was built, and a sentence for each that was not.
        """
        seconds: dict[str, float] = {}
        failures: list[str] = []
        self._target.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._logs.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._forget()

        def one(spec: Mapping[str, Any]) -> None:
            begun = time.monotonic()
            try:
                self._one(spec, bundle)
                seconds[spec["name"]] = round(time.monotonic() - begun, 2)
            except ReleaseError as error:
                failures.append(str(error))
            except OSError as error:
                failures.append(str(explain(error, f"building {spec['label']}")))

        # What takes longest begins first, so that the small ones fill the time beside it.
        ordered = sorted(specs, key=lambda spec: ["cargo", "npm", "wheel"].index(spec["kind"]))
        with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
            list(pool.map(one, ordered))
        return seconds, sorted(failures)

    def path(self, name: str) -> Path:
        """Where the archive of an artefact is made."""
        return self._target / f"{name}.tar.gz"

    def _one(self, spec: Mapping[str, Any], bundle: Path) -> None:
        doing = f"building {spec['label']} ({spec['kind']}) from {spec['directory']}"
        made, log = self.path(spec["name"]), self._logs / f"{spec['name']}.log"
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                add_bytes(archive, "environment", environment_file(self._environment))
                add_bytes(archive, ".cargo/config.toml", self._cargo.encode())
                add_bytes(archive, "build", build_script(spec, self._tools).encode())
                archive.add(bundle / "source" / spec["name"], "source")
            packed.seek(0)
            argv = ["/bin/sh", "-c", DETACHED, "sh", str(made), str(log), *sandbox(spec)]
            ended = subprocess.run(argv, stdin=packed, capture_output=True, start_new_session=True, check=False)
        said = redact(log.read_text(errors="replace")) if log.exists() else ""
        log.write_text(said)
        if ended.returncode:
            raise ReleaseError(
                failure(doing, "the build", ended.returncode, said + ended.stderr.decode(errors="replace"), log)
            )
        with tarfile.open(made) as archive:
            empty = not any(member.isreg() for member in archive)
        if empty:
            made.unlink()
            raise ReleaseError(f"{doing}: the build ended well and made nothing. Its output is in {log} on that host.")

    def _forget(self) -> None:
        """Remove what nobody asked for in a long time; the controller has its own copy."""
        for path in [*self._target.iterdir(), *self._logs.iterdir()]:
            if path.stat().st_mtime < time.time() - KEPT_DAYS * 86400:
                path.unlink()
