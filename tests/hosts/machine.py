"""What this machine is and what can be asked of it: commands, packages, apt sources, certificates."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CERTIFICATES = Path("/usr/local/share/ca-certificates")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# How the archive is reached; the rest of a machine's apt settings is its own business.
ACQUIRE = re.compile(r"^\s*(Acquire::(?:Check-|https?::|Retries|ForceIPv)[^;]*;)", re.MULTILINE)


class MachineError(Exception):
    """Something this machine lacks or refuses; the text says what to do."""


def cache_directory() -> Path:
    """Where slow things are kept, outside the clone so that a fresh clone is quick."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cryptobot-native"


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Keeps others who want the same slow thing waiting instead of making it twice."""
    directory = cache_directory()
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def as_root(argv: Sequence[str]) -> list[str]:
    """The same command with the rights of root."""
    if os.geteuid() == 0:
        return list(argv)
    if shutil.which("sudo") is None:
        raise MachineError(f"{argv[0]} needs root. Neither root nor sudo is here. Run as root, or install sudo.")
    return ["sudo", "-n", *argv]


def run(argv: Sequence[str], *, timeout: float = 600, check: bool = True, **options) -> str:
    """Runs a command without a shell or an input and returns what it printed."""
    options.setdefault("stdin", subprocess.DEVNULL)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False, **options)
    except FileNotFoundError as error:
        raise MachineError(f"{argv[0]} is not installed.") from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(argv)}: no end after {timeout:.0f} s.") from error
    if check and done.returncode != 0:
        raise MachineError(f"{' '.join(argv)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def debian_version() -> str:
    """VERSION_ID of this machine, "12" for instance."""
    return _os_release().get("VERSION_ID", "")


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    return {key: value.strip('"') for key, __, value in (line.partition("=") for line in lines)}


def install(packages: Iterable[str]) -> None:
    """Installs the Debian packages that are missing."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    environment = as_root(["env", "DEBIAN_FRONTEND=noninteractive"])
    # apt waits for nobody who reads the lists while it does.
    with lock("apt"):
        run([*environment, "apt-get", "update", "-q"])
        run([*environment, "apt-get", "install", "-qy", "--no-install-recommends", *missing], timeout=900)


def _installed(package: str) -> bool:
    status = run(["dpkg-query", "--show", "--showformat", "${db:Status-Status}", package], check=False)
    return status.strip() == "installed"


@dataclass(frozen=True)
class Archive:
    """Debian's archive as this machine reaches it."""

    main: str = "http://deb.debian.org/debian"
    security: str = "http://deb.debian.org/debian-security"

    def sources(self, codename: str) -> str:
        """One-line apt sources of a release."""
        return "".join(
            f"deb [signed-by={KEYRING}] {uri} {suite} main\n"
            for uri, suite in (
                (self.main, codename),
                (self.main, f"{codename}-updates"),
                (self.security, f"{codename}-security"),
            )
        )


def archive(etc: Path = Path("/etc/apt")) -> Archive:
    """The URIs from which this machine has its own release and its security updates."""
    codename = _os_release().get("VERSION_CODENAME", "bookworm")
    found = dict(reversed(list(_suites(etc))))
    known = Archive()
    return Archive(found.get(codename, known.main), found.get(f"{codename}-security", known.security))


def _suites(etc: Path) -> Iterator[tuple[str, str]]:
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if path.suffix == ".list":
            for match in re.finditer(r"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s", text, re.MULTILINE):
                yield match[2], match[1].rstrip("/")
        elif path.suffix == ".sources":
            for stanza in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^([\w-]+):\s*(.*)$", stanza, re.MULTILINE))
                for suite in fields.get("Suites", "").split():
                    for uri in fields.get("URIs", "").split()[:1]:
                        yield suite, uri.rstrip("/")


def acquire_settings(etc: Path = Path("/etc/apt")) -> str:
    """The apt settings without which this machine's archive is not reached."""
    files = [etc / "apt.conf", *sorted((etc / "apt.conf.d").glob("*"))]
    texts = (path.read_text(encoding="utf-8") for path in files if path.is_file())
    return "".join(f"{setting}\n" for text in texts for setting in ACQUIRE.findall(text))


def own_certificates() -> list[Path]:
    """Certificates that someone added to this machine: a company's, or those of a proxy that re-signs TLS."""
    return sorted(CERTIFICATES.glob("**/*.crt"))
