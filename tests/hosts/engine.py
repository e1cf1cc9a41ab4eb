"""A Docker Engine for the test hosts: the running one, else Debian's, started here where no systemd does it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from machine import MachineError, as_root, debian_version, install, lock, run

SOCKET = Path("/run/docker.sock")
PID_FILE = Path("/run/docker.pid")
LOG = Path("/var/log/dockerd.log")
ANSWER_SECONDS = 60


def client(*argv: str) -> list[str]:
    """The words of a Docker command, with root's rights where the socket asks for them."""
    # Debian's client brings no other builder than the engine's own.
    command = ["env", "DOCKER_BUILDKIT=0", "docker", *argv]
    return command if os.access(SOCKET, os.W_OK) else as_root(command)


def program_path() -> str:
    """The PATH on which programs that call Docker themselves, such as Ansible's connection, find one that may."""
    own = [] if os.geteuid() == 0 or os.access(SOCKET, os.W_OK) else [str(Path(__file__).with_name("sudo"))]
    return os.pathsep.join([*own, os.environ["PATH"]])


def docker(*argv: str, **options) -> str:
    """Runs the Docker client and returns what it printed."""
    return run(client(*argv), **options)


def ensure() -> str:
    """Returns the version of an engine that answers, and installs and starts one where there is none."""
    with lock("engine"):
        if version := _version():
            return version
        if shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/bin") is None or shutil.which("docker") is None:
            # From Debian 13 on the client is a package of its own.
            client_package = ["docker-cli"] if debian_version() >= "13" else []
            install(["docker.io", "iptables", *client_package])
        return _version() or _start()


def _version() -> str:
    if shutil.which("docker") is None:
        return ""
    return docker("version", "--format", "{{.Server.Version}}", check=False, timeout=20).strip()


def _start() -> str:
    if Path("/run/systemd/system").is_dir():
        run(as_root(["systemctl", "start", "docker"]), timeout=120)
    else:
        _start_daemon()
    return _wait()


def _start_daemon() -> None:
    """Starts dockerd beside this process: where systemd is not PID 1 nobody else does."""
    pid = PID_FILE.read_text(encoding="utf-8").strip() if PID_FILE.exists() else ""
    if pid and not _runs(pid, "dockerd"):
        # Left by a machine that was switched off; dockerd refuses to start when another process has that number now.
        run(as_root(["rm", "-f", str(PID_FILE)]))
    # The file stays open in the daemon, so its end can be read when it does not answer.
    command = as_root(["sh", "-c", f"exec dockerd >>{LOG} 2>&1"])
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd="/")


def _runs(pid: str, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == program
    except OSError:
        return False


def _wait() -> str:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if version := _version():
            return version
        time.sleep(0.3)
    tail = run(as_root(["tail", "-n", "15", str(LOG)]), check=False)
    raise MachineError(f"The Docker Engine does not answer after {ANSWER_SECONDS} s. The end of {LOG}:\n{tail}")
