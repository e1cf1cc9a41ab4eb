"""Systemd hosts in containers: what a play is tried on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import compose as compose_project
import image
import networks
from engine import docker
from machine import MachineError, as_root, cache_directory, run
from stack import STACKS, Stack

LABEL = "cryptobot-native.debian"
BOOT_SECONDS = 180
# As in Dockerfile.compose, where it says why.
ENGINE_SETTING = """install -d /etc/systemd/system/docker.service.d && printf '[Service]\\nEnvironment=DOCKER_ALLOW_IPV6_ON_IPV4_INTERFACE=1\\n' \\
  > /etc/systemd/system/docker.service.d/test-host.conf"""
ARCHIVES = "/var/cache/apt/archives"
# systemd needs its control groups and mounts; a fully privileged container is refused where the machine itself
# lacks a capability, and would share the machine's devices.
RUN_WORDS = """
--stop-signal SIGRTMIN+3 --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE
--security-opt seccomp=unconfined --security-opt apparmor=unconfined
--cgroupns=host -v /sys/fs/cgroup:/sys/fs/cgroup:rw --tmpfs /run --tmpfs /run/lock --shm-size 512m
""".split()
# A test host cannot reserve ports, for its own settings are read-only: outgoing connections are kept from the doors' ports so.
PORTS = ["--sysctl", "net.ipv4.ip_local_port_range=50000 60999"]


@dataclass(frozen=True)
class Host:
    """A test host as an inventory needs it."""

    name: str
    debian: str
    address: str
    running: bool


def create(
    name: str, release: str, *, ssh: Path | None = None, engine: bool = False, compose: str = "", network: str = ""
) -> Host:
    """Returns the running host of that name, made now unless it is there already.

    `ssh` is a directory for the key pair and the known host of the user `operator`; `engine` gives the host a
    volume on which a Docker Engine of its own can work; `compose` names the stack of the reference application that
    runs there; `network` names hosts that keep their addresses, in whatever order they boot.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise MachineError(f"{name!r} is no host name. Use small letters, digits and hyphens.")
    if name not in {host.name for host in hosts()}:
        image.ensure(release)
        if compose:
            _create_compose(name, release, STACKS[compose])
        else:
            words = ["-v", "/var/lib/docker"] if engine else []
            with networks.place(network) as address:
                place(name, release, image.tag(release, "ssh" if ssh else "host"), [*words, *address])
            start(name)
            if engine:
                docker("exec", name, "sh", "-c", ENGINE_SETTING)
    elif not find(name).running:
        start(name)
    if ssh:
        _open_ssh(find(name), ssh)
    return find(name)


def _create_compose(name: str, release: str, stack: Stack) -> None:
    kept = compose_project.ensure(release, stack)
    place(name, release, compose_project.tag(release), compose_project.VOLUMES)
    compose_project.give(name, kept)
    start(name)
    compose_project.start_exchange(name)
    compose_project.wait_ready(name, stack)


def place(name: str, release: str, from_image: str, volumes: Sequence[str]) -> None:
    """Makes a host and does not start it."""
    variables = [word for item in image.environment().items() for word in ("-e", "=".join(item))]
    identity = ["--name", name, "--hostname", name, "--label", f"{LABEL}={release}"]
    mounts = ["-v", f"{_borrow_archives(name, release)}:{ARCHIVES}"]
    docker("create", *identity, *RUN_WORDS, *PORTS, *mounts, *volumes, *variables, from_image)


def start(name: str) -> None:
    """Boots a host."""
    docker("start", name)
    _boot(name)


def remove(name: str) -> None:
    """Removes a host with its volumes and keeps the packages that it had downloaded."""
    if name in {host.name for host in hosts()}:
        collect(name)
        borrowed = _archives(find(name).debian, name)
        found = networks.of(name)
        docker("rm", "-fv", name)
        networks.tidy(found)
        run(as_root(["rm", "-rf", str(borrowed)]))


def collect(name: str) -> None:
    """Gives the packages that a host has downloaded to those made after it."""
    release = find(name).debian
    borrowed, shared = _archives(release, name), _archives(release)
    debs = [str(path) for path in borrowed.glob("*.deb") if not (shared / path.name).exists()]
    if debs:
        run(as_root(["ln", "-f", "-t", str(shared), *debs]))


def hosts() -> list[Host]:
    """All test hosts of this engine."""
    names = docker("ps", "-aq", "--filter", f"label={LABEL}").split()
    return [_host(entry) for entry in json.loads(docker("inspect", *names))] if names else []


def find(name: str) -> Host:
    """The host of that name."""
    for host in hosts():
        if host.name == name:
            return host
    raise MachineError(f"There is no host {name}. Make it: tests/hosts/host create {name}")


def _host(entry: dict) -> Host:
    return Host(
        name=entry["Name"].lstrip("/"),
        debian=entry["Config"]["Labels"][LABEL],
        address=networks.address(entry),
        running=entry["State"]["Running"],
    )


def _boot(name: str) -> None:
    """Waits until systemd has started all that it was to start."""
    # LoadCredential= and others pass mounts on to the unit's own namespace, which a private root does not.
    docker("exec", name, "mount", "--make-rshared", "/")
    deadline = time.monotonic() + BOOT_SECONDS
    state = ""
    while state not in {"running", "degraded"} and time.monotonic() < deadline:
        time.sleep(0.2)
        state = docker(
            "exec", name, "systemctl", "is-system-running", "--wait", check=False, timeout=BOOT_SECONDS
        ).strip()
    if state != "running":
        failed = docker("exec", name, "systemctl", "--failed", "--no-legend", "--plain", check=False)
        raise MachineError(f"{name} is {state or 'silent'} after its start. Failed units:\n{failed}")


def _archives(release: str, host: str = "") -> Path:
    """Downloaded packages: the shared ones, or those of a host."""
    return cache_directory() / "apt" / (f"{release}-hosts/{host}" if host else release)


def _borrow_archives(name: str, release: str) -> Path:
    """A directory with links to all packages that earlier hosts have downloaded.

    One directory for all would do but for apt's lock on it: two hosts could not install at once.
    """
    shared, borrowed = _archives(release), _archives(release, name)
    shared.mkdir(parents=True, exist_ok=True)
    run(as_root(["rm", "-rf", str(borrowed)]))
    borrowed.mkdir(parents=True)
    run(as_root(["cp", "-alT", str(shared), str(borrowed)]))
    return borrowed


def _open_ssh(host: Host, directory: Path) -> None:
    """Lets the user `operator` in by a key of this directory, and writes down the host's own key."""
    directory.mkdir(parents=True, exist_ok=True)
    key = directory / "id_ed25519"
    if not key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test host", "-f", str(key)])
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    script = (
        "set -e; ssh-keygen -A >/dev/null; systemctl -q enable --now ssh; "
        "install -d -m 700 -o operator ~operator/.ssh; "
        f"echo '{public}' >~operator/.ssh/authorized_keys; chown operator ~operator/.ssh/authorized_keys; "
        "cat /etc/ssh/ssh_host_*_key.pub"
    )
    keys = docker("exec", host.name, "sh", "-c", script).splitlines()
    lines = [f"{host.address} {' '.join(line.split()[:2])}\n" for line in keys]
    (directory / "known_hosts").write_text("".join(lines), encoding="utf-8")


def as_json(host: Host) -> str:
    """One line for programs."""
    return json.dumps(asdict(host))
