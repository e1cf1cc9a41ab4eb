# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine of this host, driven by its own client: `docker inspect` and a few verbs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .containers import PROJECT, SERVICE, VOLUME, Container

Run = Callable[[Sequence[str], "float | None"], "subprocess.CompletedProcess[bytes]"]
SLACK = 30
"""Seconds beyond a container's own time to stop after which the engine's answer is no longer waited for."""


class DockerError(RuntimeError):
    """What is wrong, where, and what to do; never holds a value of an environment."""


def run_client(words: Sequence[str], timeout: float | None = None) -> subprocess.CompletedProcess[bytes]:
    """One call of the client. Raises :class:`DockerError` where there is none, or where it does not end."""
    environment = {**os.environ, "LC_ALL": "C", "PATH": os.environ.get("PATH", "") + ":/usr/bin:/usr/local/bin:/bin"}
    try:
        return subprocess.run(["docker", *words], capture_output=True, check=False, env=environment, timeout=timeout)
    except FileNotFoundError:
        raise DockerError(
            "There is no program docker on this host. Hosts with the containers belong to the group cryptobot_docker; "
            "where this is one, install its client (docker.io, from Debian 13 also docker-cli)."
        ) from None
    except subprocess.TimeoutExpired:
        raise DockerError(
            f"docker {words[0]} gave no answer within {timeout:.0f} s. Look at: systemctl status docker"
        ) from None


class Engine:
    """The engine. ``run`` takes the words after `docker` and a time limit in seconds; tests give their own."""

    def __init__(self, run: Run = run_client) -> None:
        self._run = run

    def client(self, *words: str, timeout: float | None = None) -> str:
        """What a call wrote. Raises :class:`DockerError` with the engine's own words."""
        return self.client_bytes(*words, timeout=timeout).decode(errors="replace")

    def client_bytes(self, *words: str, timeout: float | None = None) -> bytes:
        done = self._run(words, timeout)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            what = said[-1].removeprefix("Error response from daemon: ") if said else f"exit code {done.returncode}"
            if "Cannot connect to the Docker daemon" in what:
                raise DockerError("The Docker Engine of this host does not answer. Start it: systemctl start docker")
            raise DockerError(f"docker {' '.join(words[:2])} failed: {what}")
        return done.stdout

    def version(self) -> str:
        """Of the engine."""
        return self.client("version", "--format", "{{.Server.Version}}").strip()

    def inspect(self, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
        """`docker <kind> inspect` of all names in one call; ``kind`` is container, volume, network or image."""
        wanted = list(names)
        return json.loads(self.client(kind, "inspect", *wanted)) if wanted else []

    def containers(self, project: str) -> list[Container]:
        """All containers of a Compose project, stopped ones included, those of `docker compose run` left out."""
        names = self.client("ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={PROJECT}={project}").split()
        found = [Container(raw) for raw in self.inspect("container", names)]
        return sorted((one for one in found if not one.oneoff), key=lambda one: (one.service, one.number))

    def projects(self) -> list[str]:
        """The Compose projects that have a container here."""
        said = self.client("ps", "--all", "--filter", f"label={PROJECT}", "--format", f'{{{{.Label "{PROJECT}"}}}}')
        return sorted(set(said.split()))

    def container(self, project: str, service: str) -> Container:
        """The one container of a service, running or not."""
        filters = [f"label={PROJECT}={project}", f"label={SERVICE}={service}"]
        words = [word for one in filters for word in ("--filter", one)]
        names = self.client("ps", "--all", "--quiet", "--no-trunc", *words).split()
        found = [one for one in (Container(raw) for raw in self.inspect("container", names)) if not one.oneoff]
        if not found:
            known = self.projects()
            there = f"the projects here are {', '.join(known)}" if known else "no Compose project has a container here"
            raise DockerError(
                f"The Compose project {project} has no container of the service {service} on this host ({there}). "
                "Check cryptobot_compose.project and docker: {service: …} in the catalogue."
            )
        running = [one for one in found if one.running] or found
        if len(running) > 1:
            names = [one.name for one in running]
            raise DockerError(
                f"The service {service} of {project} has {len(running)} containers ({', '.join(sorted(names))}), and one was "
                f"expected. Scale it to one, or remove what is left over: docker rm NAME"
            )
        return running[0]

    def volume(self, project: str, name: str) -> dict[str, Any]:
        """A volume by its name in the Compose file, else by its own name (external and anonymous ones)."""
        words = ["--filter", f"label={PROJECT}={project}", "--filter", f"label={VOLUME}={name}"]
        own = self.client("volume", "ls", "--quiet", *words).split()
        known = set(own) or set(self.client("volume", "ls", "--quiet").split())
        for candidate in (*own, f"{project}_{name}", name):
            if candidate in known:
                return self.inspect("volume", [candidate])[0]
        raise DockerError(
            f"The Compose project {project} has no volume {name} on this host. Check cryptobot_compose.project and "
            "docker: {volume: …} in the catalogue; docker volume ls shows what is there."
        )

    def changed_files(self, container: str) -> list[tuple[str, str]]:
        """What differs from the image in a container's own layer: A(dded), C(hanged) or D(eleted), and the path."""
        lines = self.client("diff", container).splitlines()
        return [(line[0], line[2:]) for line in lines if line[1:2] == " "]

    def read_file(self, container: Container, path: str) -> bytes:
        """A file as a container sees it: from the host where a mount holds it, else asked inside."""
        if on_host := container.host_path(path):
            try:
                with open(on_host, "rb") as file:
                    return file.read()
            except OSError as error:
                raise DockerError(
                    f"{on_host}, which {container.name} has as {path}, cannot be read: {error.strerror}"
                ) from None
        if not container.running:
            raise DockerError(
                f"{path} lies inside {container.name}, which does not run. Start it: docker start {container.name}"
            )
        return self.client_bytes("exec", container.id, "cat", "--", path)

    def update_restart(self, container: str, policy: str) -> None:
        self.client("update", f"--restart={policy}", container)

    def stop(self, container: Container, timeout: int | None = None) -> None:
        """Stops it, within as many seconds as it was made with unless ``timeout`` says otherwise; then it is killed."""
        seconds = container.stop_timeout if timeout is None else timeout
        self.client("stop", "-t", str(seconds), container.id, timeout=seconds + SLACK)

    def start(self, container: str) -> None:
        self.client("start", container)


def by_service(containers: Iterable[Container]) -> Mapping[str, list[Container]]:
    """Containers by service, in the order of their numbers."""
    found: dict[str, list[Container]] = {}
    for one in containers:
        found.setdefault(one.service, []).append(one)
    return found


__all__ = ["Container", "DockerError", "Engine", "by_service", "run_client"]
