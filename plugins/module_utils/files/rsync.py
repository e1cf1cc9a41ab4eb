# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rsync driven: what it is told, how far it is, and what it says when it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .. import scratch
from .place import FilesError

OPTIONS = ("-aHAXS", "--numeric-ids", "--delete", "--modify-window=-1", "--info=progress2", "--no-human-readable")
"""Without the window rsync takes times within a second for the same, and so a file that was changed twice in one."""
VANISHED = 24
"""Exit code where files of a live source went away meanwhile; the comparison decides whether that matters."""
_SPECIAL = re.compile(rb"[*?\[\\]")


@dataclass(frozen=True)
class Copy:
    """``source`` → ``target``, whole directories. ``skip``: paths below the source that are copied otherwise; ``chmod``: as rsync
    takes it, what most entries' modes become, so that few have to be changed afterwards."""

    source: str
    target: str
    usermap: str = ""
    groupmap: str = ""
    chmod: str = ""
    skip: tuple[bytes, ...] = ()

    def command(self, skips: str) -> list[str]:
        """Ends with the process that started it: two copies at work in one directory would be one too many."""
        maps = [f"--usermap={self.usermap}"] if self.usermap else []
        maps += [f"--groupmap={self.groupmap}"] if self.groupmap else []
        maps += [f"--chmod={self.chmod}"] if self.chmod else []
        excluded = ["--from0", f"--exclude-from={skips}"] if self.skip else []
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        return [*guard, "rsync", *OPTIONS, *maps, *excluded, "--", f"{self.source}/", f"{self.target}/"]


def pattern(path: bytes) -> bytes:
    """A path as a pattern that means itself: rsync takes a backslash as such only where there is a wildcard."""
    anchored = b"/" + path
    return _SPECIAL.sub(lambda found: b"\\" + found[0], anchored) if re.search(rb"[*?\[]", anchored) else anchored


def run(copy: Copy, reached: Callable[[int], None]) -> None:
    """Copies; ``reached`` is called with bytes of files so far. Raises :class:`FilesError`."""
    if not shutil.which("rsync"):
        raise FilesError("rsync is not installed on this host. Install it (apt-get install rsync), and run this again.")
    with scratch.folder() as private:
        skips = private / "skips"
        skips.write_bytes(b"\0".join(pattern(path) for path in copy.skip))
        process = subprocess.Popen(
            copy.command(str(skips)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
        said: list[bytes] = []
        listener = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
        listener.start()
        try:
            _progress(process, reached)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        listener.join()
    if code not in (0, VANISHED):
        raise FilesError(_explained(copy, code, [line.decode(errors="replace").strip() for line in said]))


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("RSYNC_")}, "LC_ALL": "C"}


def _progress(process: subprocess.Popen[bytes], reached: Callable[[int], None]) -> None:
    """Its lines end in carriage returns: bytes, per cent, speed, time."""
    rest = b""
    while piece := os.read(process.stdout.fileno(), 65536):
        *lines, rest = (rest + piece).replace(b"\n", b"\r").split(b"\r")
        for line in reversed(lines):
            number = line.split()[:1]
            if number and number[0].isdigit():
                reached(int(number[0]))
                break


def _explained(copy: Copy, code: int, said: Iterable[str]) -> str:
    lines = [line for line in said if line and not line.startswith("rsync error:")]
    reason = lines[0] if lines else f"exit code {code}"
    free = shutil.disk_usage(copy.target).free if os.path.isdir(copy.target) else 0
    if any("No space left" in line for line in lines):
        return (
            f"The disk of {copy.target} is full ({free >> 20} MB are free). Nothing was renamed into place. "
            "Make room and run this again, which goes on from there."
        )
    if any("quota" in line.lower() for line in lines):
        return f"The quota for {copy.target} is used up: {reason}. Raise it and run this again."
    return f"rsync could not copy {copy.source} to {copy.target}: {reason}. What was copied stays beside, and the next run goes on from there."
