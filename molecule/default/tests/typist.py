"""Types commands at a terminal of a host, and answers what they ask."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

QUESTION = re.compile(rb"\? \[[^\]\r\n]*\][\r\n]*$")


def type_in(container: str, script: str, answers: list[str], seconds: float) -> tuple[int, str]:
    """Exit code and screen of a shell that stops at the first command that fails."""
    ours, theirs = pty.openpty()
    command = ["docker", "exec", "-it", "-w", "/root", container, "bash", "-ec", script]
    screen, unanswered, left = b"", b"", list(answers)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                said = os.read(ours, 65536)
            except OSError:
                break
            sys.stdout.write(said.decode(errors="replace"))
            screen, unanswered = screen + said, unanswered + said
            if left and QUESTION.search(unanswered):
                os.write(ours, left.pop(0).encode() + b"\r")
                unanswered = b""
        else:
            process.kill()
    os.close(ours)
    return process.returncode, screen.decode(errors="replace")
