"""Containers and volumes for tests, answered as Docker's client does."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.docker.engine import Engine

PROJECT = "cryptobot"


def container(service: str, **over: Any) -> dict[str, Any]:
    """As `docker inspect` shows one. Keyword arguments: name, project, number, env, cmd, entrypoint, state, began, policy, ports,
    mounts, networks, network_mode, labels, workdir, image."""
    env = over.get("env", {})
    running = over.get("state", "running") == "running"
    labels = {
        "com.docker.compose.project": over.get("project", PROJECT),
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": str(over.get("number", 1)),
        "com.docker.compose.oneoff": over.get("oneoff", "False"),
        "com.docker.compose.version": "1.29.2",
        **over.get("labels", {}),
    }
    name = over.get("name", f"{over.get('project', PROJECT)}_{service}_{over.get('number', 1)}")
    networks = over.get("networks", {"cryptobot_platform": "172.20.0.5"})
    return {
        "Id": over.get("id", (name.encode().hex() + "0" * 64)[:64]),
        "Name": f"/{name}",
        "Created": "2026-01-01T00:00:00Z",
        "Image": "sha256:" + "1" * 64,
        "State": {
            "Status": over.get("state", "running"),
            "Running": running,
            "Pid": 4711 if running else 0,
            "ExitCode": 0,
            "StartedAt": over.get("began", "2026-01-01T00:00:01Z"),
        },
        "Config": {
            "Env": [f"{key}={value}" for key, value in env.items()],
            "Cmd": over.get("cmd"),
            "Entrypoint": over.get("entrypoint"),
            "Image": over.get("image", f"example/{service}:1"),
            "Labels": labels,
            "WorkingDir": over.get("workdir", ""),
            "StopTimeout": over.get("stop_timeout"),
        },
        "HostConfig": {
            "RestartPolicy": over.get("policy", {"Name": "unless-stopped", "MaximumRetryCount": 0}),
            "PortBindings": {
                port: [{"HostIp": address, "HostPort": str(host)}]
                for port, (address, host) in over.get("ports", {}).items()
            },
            "NetworkMode": over.get("network_mode", "cryptobot_platform"),
        },
        "NetworkSettings": {
            "Networks": {key: {"IPAddress": value if running else ""} for key, value in networks.items()}
        },
        "Mounts": over.get("mounts", []),
    }


class Client:
    """Answers as `docker` would, and keeps what was asked of it. ``files``: what `exec … cat` gives, by path."""

    def __init__(
        self, containers: list[dict[str, Any]], volumes: list[dict[str, Any]] | None = None, **more: Any
    ) -> None:
        self.containers = containers
        self.volumes = volumes or []
        self.networks: list[dict[str, Any]] = more.get("networks", [])
        self.images: list[dict[str, Any]] = more.get("images", [])
        self.files: dict[str, str] = more.get("files", {})
        self.diff: dict[str, str] = more.get("diff", {})
        self.calls: list[list[str]] = []

    @property
    def engine(self) -> Engine:
        return Engine(self)

    def __call__(self, words, timeout=None):
        words = list(words)
        self.calls.append(words)
        text, code = self._answer(words)
        return subprocess.CompletedProcess(words, code, text.encode(), b"" if not code else text.encode())

    def _answer(self, words: list[str]) -> tuple[str, int]:
        labels = [word.removeprefix("label=") for word in words if word.startswith("label=")]
        if words[0] == "ps":
            found = [one for one in self.containers if _labelled(one["Config"]["Labels"], labels)]
            if "--format" in words:
                return "\n".join(one["Config"]["Labels"]["com.docker.compose.project"] for one in found), 0
            return "\n".join(one["Id"] for one in found), 0
        if words[0] in ("volume", "network") and words[1] == "ls":
            there = self.volumes if words[0] == "volume" else self.networks
            return "\n".join(one["Name"] for one in there if _labelled(one.get("Labels") or {}, labels)), 0
        if words[1] == "inspect":
            there = {
                "container": self.containers,
                "volume": self.volumes,
                "network": self.networks,
                "image": self.images,
            }
            names = set(words[2:])
            return json.dumps([one for one in there[words[0]] if names & {one.get("Id"), one.get("Name")}]), 0
        if words[0] == "diff":
            return self.diff.get(words[1], ""), 0
        if words[0] == "exec":
            path = words[-1]
            return (self.files[path], 0) if path in self.files else (f"cat: {path}: No such file or directory", 1)
        return "", 0


def _labelled(labels: dict[str, str], wanted: list[str]) -> bool:
    return all(
        labels.get(name) == value if sign else name in labels
        for name, sign, value in (one.partition("=") for one in wanted)
    )
