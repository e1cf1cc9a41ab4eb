"""Works without a port, and there may be one of it: leaves a tick in the database ten times a second."""

from __future__ import annotations

import os
import signal
import sys
import time

import psycopg2

SIDE = "native" if "STATE_DIRECTORY" in os.environ else "docker"
signal.signal(signal.SIGTERM, lambda *__: sys.exit(0))
while True:
    try:
        connection = psycopg2.connect(os.environ["DATABASE_URL"], connect_timeout=3)
        while True:
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO ticks (side) VALUES (%s)", (SIDE,))
            connection.commit()
            if directory := os.environ.get("STATE_DIRECTORY"):
                with open(os.path.join(directory, "alive"), "w", encoding="ascii"):
                    pass
            time.sleep(0.1)
    except psycopg2.Error as error:
        print(error, flush=True)
        time.sleep(1)
