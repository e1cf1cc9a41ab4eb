"""Writers and readers that never retry, until SIGTERM; a line an answer: start, end, kind, status, id, what was said.

  load.py LOG DSN REDIS

Half of them open a connection for each request, half keep one for at most ten seconds. Readers of `/both` go through a
call between services. Two more write past the doors into the Docker side's database, DSN, and its Redis (host:password):
what they are refused is no failure.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time

import psycopg2

KEPT_SECONDS, TIMEOUT = 10, 40
DOORS = {"orders": 7000, "ledger": 7010, "papers": 7020}
WRITERS = [("orders", "POST", "/orders")] * 4 + [("ledger", "POST", "/entries")] * 2
NOTES = "/notes"
WRITERS += [("papers", "POST", NOTES), ("ledger", "POST", NOTES)]
"""What is noted becomes a file: seldom enough that they stay few."""
READERS = [("orders", "GET", "/who"), ("ledger", "GET", "/both")] * 2 + [("papers", "GET", "/who")]
PAUSE, PAUSE_OF_NOTES = 0.12, 0.6
stop = threading.Event()


def noted(log: int, start: float, kind: str, status: object, row: str, said: str) -> None:
    line = "\t".join([f"{start:.4f}", f"{time.time():.4f}", kind, str(status), row, " ".join(said.split())[:200]])
    os.write(log, (line + "\n").encode())


def client(log: int, number: int, service: str, method: str, path: str) -> None:
    connection, since, count = None, 0.0, 0
    keep, pause = number % 2 == 0, PAUSE_OF_NOTES if path == NOTES else PAUSE
    kind = path.strip("/") if path == NOTES else f"{service}-{'w' if method == 'POST' else 'r'}"
    while not stop.is_set():
        count += 1
        row, start = f"{os.getpid()}-{number}-{count}", time.time()
        if connection is not None and start - since > KEPT_SECONDS:
            connection.close()
            connection = None
        try:
            if connection is None:
                connection, since = http.client.HTTPConnection("127.0.0.1", DOORS[service], timeout=TIMEOUT), start
            body = json.dumps({"id": row}) if method == "POST" else None
            connection.request(method, path, body, {} if keep else {"Connection": "close"})
            answer = connection.getresponse()
            said, status = answer.read().decode(errors="replace"), answer.status
        except Exception as error:
            said, status = repr(error), 0
        noted(log, start, kind, status, row, said)
        if connection is not None and (not keep or status == 0):
            connection.close()
            connection = None
        stop.wait(pause)


def past_the_doors(log: int, dsn: str) -> None:
    connection, count = None, 0
    while not stop.is_set():
        count += 1
        row, start = f"{os.getpid()}-past-{count}", time.time()
        try:
            if connection is None:
                connection = psycopg2.connect(dsn, connect_timeout=3)
                connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO rows (id, side) VALUES (%s, 'past')", (row,))
            noted(log, start, "past", 200, row, "")
        except psycopg2.Error as error:
            noted(log, start, "past", error.pgcode or 0, row, str(error))
            if connection is not None and connection.closed:
                connection = None
        stop.wait(0.1)


def past_to_redis(log: int, place: str) -> None:
    """Appends to the list that the service appends to, with the service's own password."""
    host, __, password = place.partition(":")
    line, count = None, 0
    while not stop.is_set():
        count += 1
        row, start = f"{os.getpid()}-list-{count}", time.time()
        try:
            if line is None:
                line = socket.create_connection((host, 6379), timeout=3)
                line.sendall(f"AUTH {password}\r\n".encode())
                line.recv(100)
            line.sendall(f"RPUSH orders:rows {row}\r\n".encode())
            said = line.recv(1000).decode()
            noted(log, start, "list", 200 if said.startswith(":") else 0, row, said)
            if not said:
                raise OSError("the connection was ended")
        except OSError as error:
            noted(log, start, "list", 0, row, str(error))
            if line is not None:
                line.close()
            line = None
        stop.wait(0.1)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *__: stop.set())
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    kinds = enumerate([*WRITERS, *READERS])
    threads = [threading.Thread(target=client, args=(log, number, *kind)) for number, kind in kinds]
    threads.append(threading.Thread(target=past_the_doors, args=(log, sys.argv[2])))
    threads.append(threading.Thread(target=past_to_redis, args=(log, sys.argv[3])))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
