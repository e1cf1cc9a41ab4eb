"""The image of a bare systemd host, one a Debian release, made once and kept by the digest of what went into it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import machine
from engine import client, docker
from machine import MachineError, as_root, install, lock

RELEASES = {"12": "bookworm", "13": "trixie"}
PACKAGES = "systemd systemd-sysv dbus python3 ca-certificates iproute2 procps"
DOCKERFILE = Path(__file__).with_name("Dockerfile")
LABEL = "cryptobot-native.digest"
REGISTRY_SECONDS = 5
# Programs with a certificate store of their own are told to use the system's.
ENVIRONMENT = {
    "NODE_EXTRA_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    "UV_SYSTEM_CERTS": "1",
}


def tag(release: str, variant: str = "host") -> str:
    """The image's name in the engine."""
    return f"cryptobot-native/{variant}:{release}"


def ensure(release: str) -> None:
    """Has both variants of a release's image in the engine: from there, from the cache, or made."""
    files = _machine_files(release)
    digest = _digest(release, files)
    with lock(f"image-{release}"):
        if _digest_in_engine(release) == digest:
            return
        kept = machine.cache_directory() / "images" / f"debian-{release}-{digest}.tar.zst"
        if kept.exists():
            pipe(["zstd", "-qdc", str(kept)], client("load", "-q"))
            return
        _build(release, files, digest)
        _keep(release, kept)


def environment() -> dict[str, str]:
    """What processes on a host are told on a machine with certificates of its own; empty elsewhere."""
    return ENVIRONMENT if machine.own_certificates() else {}


def _machine_files(release: str) -> dict[str, str]:
    """Path on the host → content, for what this machine's network asks of a host."""
    files = {
        "etc/apt/sources.list": machine.archive().sources(RELEASES[release]),
        # As in Debian's own images: what is lost with the machine is made again.
        "etc/dpkg/dpkg.cfg.d/90unsafe-io": "force-unsafe-io\n",
        "etc/apt/apt.conf.d/90machine": machine.acquire_settings(),
        "etc/environment": "".join(f"{name}={value}\n" for name, value in environment().items()),
    }
    for certificate in machine.own_certificates():
        files[str(certificate.relative_to("/"))] = certificate.read_text(encoding="utf-8")
    return files


def _digest(release: str, files: dict[str, str]) -> str:
    parts = [release, PACKAGES, DOCKERFILE.read_text(encoding="utf-8"), repr(sorted(files.items()))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _digest_in_engine(release: str) -> str:
    words = ("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}')
    return docker(*words, tag(release, "ssh"), check=False).strip()


def _build(release: str, files: dict[str, str], digest: str) -> None:
    rootfs = _pulled(release) or _bootstrapped(release)
    with tempfile.TemporaryDirectory() as context:
        for name, content in files.items():
            path = Path(context, "machine", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        for variant in ("host", "ssh"):
            arguments = ["--build-arg", f"ROOTFS={rootfs}", "--build-arg", f"PACKAGES={PACKAGES}"]
            words = ["build", "-q", "-f", str(DOCKERFILE), "--target", variant, "--label", f"{LABEL}={digest}"]
            docker(*words, *arguments, "-t", tag(release, variant), context, timeout=900)


def _pulled(release: str) -> str:
    """Debian's own image where a registry answers quickly; an empty string elsewhere."""
    name = f"debian:{RELEASES[release]}-slim"
    try:
        docker("manifest", "inspect", name, timeout=REGISTRY_SECONDS, env={**os.environ, "DOCKER_CLI_EXPERIMENTAL": "enabled"})
        docker("pull", "-q", name, timeout=300)
    except MachineError:
        return ""
    return name


def _bootstrapped(release: str) -> str:
    """The same from Debian's archive, as this machine reaches it."""
    install(["mmdebstrap", "debian-archive-keyring"])
    name = tag(release, "rootfs")
    codename = RELEASES[release]
    options = [f"--aptopt={line}" for line in machine.acquire_settings().splitlines()]
    sources = machine.archive().sources(codename).splitlines()
    command = ["mmdebstrap", "-q", "--variant=minbase", "--include=ca-certificates", *options, codename, "-", *sources]
    pipe(as_root(command), client("import", "-", name))
    return name


def _keep(release: str, kept: Path) -> None:
    """Saves both variants, which share their layers, in one file; older ones of the release make room."""
    install(["zstd"])
    kept.parent.mkdir(parents=True, exist_ok=True)
    for old in kept.parent.glob(f"debian-{release}-*"):
        old.unlink()
    partial = kept.with_suffix(".partial")
    pipe(client("save", tag(release), tag(release, "ssh")), ["zstd", "-qT0", "-o", str(partial), "-f"])
    partial.rename(kept)


def pipe(source: list[str], sink: list[str]) -> None:
    """`source | sink`, where the failure of either one counts."""
    with subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as feeding:
        taking = subprocess.run(sink, stdin=feeding.stdout, stdout=subprocess.DEVNULL, check=False)
    if feeding.returncode or taking.returncode:
        raise MachineError(f"{' '.join(source)} | {' '.join(sink)}: {feeding.returncode} and {taking.returncode}")
