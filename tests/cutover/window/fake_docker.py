"""Docker's client as far as a window asks it, where each container is a unit of systemd: fake_docker.py <book> <words>

The book is JSON: of each container its service, its port's host and its unit; one without a unit always runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main() -> None:
    book, words = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:]
    if words[0] == "ps":
        print("\n".join(book))
    elif words[:2] == ["container", "inspect"]:
        print(json.dumps([shown(name, book[name]) for name in words[2:]]))
    elif words[0] in ("start", "stop"):
        sys.exit(subprocess.run(["/usr/bin/systemctl", words[0], book[words[-1]]["unit"]], check=False).returncode)
    else:
        sys.exit(f"There is no docker {' '.join(words)} here.")


def shown(name: str, container: dict[str, str]) -> dict:
    unit, project = container["unit"], "com.docker.compose.project"
    runs = not unit or subprocess.run(["/usr/bin/systemctl", "is-active", "--quiet", unit], check=False).returncode == 0
    labels = {project: container["project"], "com.docker.compose.service": container["service"]}
    return {
        "Id": name, "Name": f"/{name}", "Config": {"Labels": labels, "StopTimeout": 5},
        "State": {"Running": runs, "Status": "running" if runs else "exited"},
        "HostConfig": {"NetworkMode": "host", "RestartPolicy": {"Name": "no"}},
        "NetworkSettings": {"Networks": {}}, "Mounts": [],
    }  # fmt: skip


main()
