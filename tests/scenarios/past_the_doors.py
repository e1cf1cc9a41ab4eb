#!/usr/bin/env python3
"""A job that writes into a container's database by itself, as the application's own role: five rows a second.

    past_the_doors.py CONTAINER ROLE DATABASE STATEMENT     until SIGTERM; %N% of the statement is a new number each time

What the statement returns is printed, so what was refused is not. Standard library only.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

PAUSE = 0.2
over = threading.Event()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *__: over.set())
    container, role, database, statement = sys.argv[1:]
    psql = ["docker", "exec", "-i", container, "psql", "-XAtq", "-U", role, "-d", database]
    number, job = int(time.time()), None
    while not over.is_set():
        number += 1
        if job is None or job.poll() is not None:
            # Its connection was ended.
            job = subprocess.Popen(psql, stdin=subprocess.PIPE, text=True)
        try:
            print(statement.replace("%N%", str(number)) + ";", file=job.stdin, flush=True)
        except BrokenPipeError:
            job = None
        over.wait(PAUSE)
    if job and job.stdin:
        job.stdin.close()
        job.wait(30)


if __name__ == "__main__":
    main()
