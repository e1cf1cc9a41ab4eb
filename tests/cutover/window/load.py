"""Writers and readers at a public door that never retry: every answer is a line of the log.

  load.py <port> <log> [writers] [readers]

Half of them open a connection for each request. A line: start, end, w or r, status (0: none), id, what was said.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
import time

TIMEOUT = 25


def client(port: int, log: int, name: str, write: bool, keep: bool, stop: threading.Event) -> None:
    connection, number = None, 0
    while not stop.is_set():
        number += 1
        row, start, said = f"{name}-{number}", time.time(), ""
        try:
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            connection.request("POST" if write else "GET", "/order" if write else "/count", row if write else None)
            answer = connection.getresponse()
            said, status = answer.read().decode(errors="replace"), answer.status
        except Exception as error:
            said, status = repr(error), 0
        if connection is not None and (not keep or status == 0):
            connection.close()
            connection = None
        said = " ".join(said.split())[:220]
        line = f"{start:.6f}\t{time.time():.6f}\t{'w' if write else 'r'}\t{status}\t{row}\t{said}\n"
        os.write(log, line.encode())
        time.sleep(0.04 if write else 0.06)


def main() -> None:
    port, path, writers, readers = (*sys.argv[1:], "8", "2")[:4]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *__: stop.set())
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    threads = [
        threading.Thread(
            target=client, args=(int(port), log, f"{os.getpid()}-{i}", i < int(writers), i % 2 == 0, stop), daemon=True
        )
        for i in range(int(writers) + int(readers))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
