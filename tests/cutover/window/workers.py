"""The process of a stage that runs on one side alone: a unit of systemd on either side, of which Docker's client knows
one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jobs
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import Place
from ansible_collections.cryptobot.native.plugins.module_utils.files.transfer import Task, Transfer
from ansible_collections.cryptobot.native.plugins.module_utils.migration.journal import Journal
from parts import SIDES, other

HERE = Path(__file__).resolve().parent
UNITS = Path("/run/systemd/system")
PROJECT = "crash"
TREES = (("files", ""), ("notebook", "jobs.db"))
KEPT = 5
"""Sentences that are told."""


class Workers:
    """``ports`` by side; ``python``: the path of imports."""

    def __init__(self, folder: Path, ports: dict[str, int], python: str) -> None:
        self._folder, self._ports, self._python = folder, ports, python
        self.units = {side: f"{folder.name}-{side}.service" for side in SIDES}
        self._broken = folder / "jobs.lock.broken"

    def home(self, side: str) -> Path:
        return self._folder / f"jobs-{side}"

    def start(self) -> None:
        """On the one side, which has the files."""
        jobs.prepare(self.home(SIDES[0]))
        self.home(SIDES[1]).mkdir()
        for side, unit in self.units.items():
            words = f"/usr/bin/python3 {HERE}/jobs.py {self._ports[side]} {self.home(side)} {self._folder}/jobs.lock"
            lines = (f"Environment=PYTHONPATH={self._python}", f"ExecStart={words}", "TimeoutStopSec=5")
            UNITS.mkdir(parents=True, exist_ok=True)
            (UNITS / unit).write_text("\n".join(("[Service]", *lines, "")))
        self._systemctl("daemon-reload")
        self._systemctl("start", self.units[SIDES[0]])

    def stop(self) -> None:
        self._systemctl("stop", *self.units.values())
        for unit in self.units.values():
            (UNITS / unit).unlink(missing_ok=True)
        self._systemctl("daemon-reload")

    def copy(self, to: str, journal: Path) -> None:
        """The pass before a window, as the play makes it: most of it is beside the target then."""
        for name, file in TREES:
            source, target = (Place.from_options({"path": str(self.home(side) / name)}) for side in (other(to), to))
            ownership = Ownership.from_options({})
            task = Task("first", name, source, target, ownership, reverse=to == SIDES[0], replace=True, file=file)
            Transfer(task, Journal(journal)).copied()

    def arguments(self) -> dict[str, Any]:
        """Of the module `cutover`."""
        trees = [
            {"datastore": name, "file": file, **{side: {"path": str(self.home(side) / name)} for side in SIDES}}
            for name, file in TREES
        ]
        native = [{"name": self.units["native"], "process": "jobs-web", "slot": "a"}]
        return {"trees": trees, "project": PROJECT, "containers": ["jobs"], "units": native}

    def running(self) -> list[str]:
        words = ["/usr/bin/systemctl", "is-active", "--quiet"]
        ran = {side: subprocess.run([*words, unit], check=False).returncode for side, unit in self.units.items()}
        return [side for side, code in ran.items() if code == 0]

    def rows(self, side: str) -> dict[str, list[str]]:
        return jobs.rows(self.home(side))

    def wrong(self, side: str) -> list[str]:
        """Sentences about what is not as it must be while ``side`` works."""
        wrong = []
        if self.running() != [side]:
            wrong.append(f"of the process that runs on one side alone there is {self.running()}, and {side} writes")
        if self._broken.exists():
            wrong.append(f"two of them ran at once: {self._broken.read_text().splitlines()[:KEPT]}")
            self._broken.unlink()
        left = [str(each) for name in SIDES for each in self.home(name).glob("*.outdated")]
        return wrong + ([f"{', '.join(left)} was left"] if left else [])

    @staticmethod
    def _systemctl(*words: str) -> None:
        subprocess.run(["/usr/bin/systemctl", *words], check=True, capture_output=True)


def containers(services: tuple[str, ...], unit: str) -> str:
    """The book of `fake_docker.py`."""
    of = {service: {"project": PROJECT, "service": service, "unit": ""} for service in services}
    if unit:
        of["jobs"]["unit"] = unit
    return json.dumps({f"{PROJECT}-{service}-1": container for service, container in of.items()})
