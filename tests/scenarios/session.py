#!/usr/bin/env python3
"""A user whose session goes on: renews it once a second, and uses the token of before and the new one. Never retries.

    session.py FILE AUTH USE…     until SIGTERM; FILE has the refresh token to begin with, and the last one afterwards

Prints how often what succeeded, and what failed. Standard library only.
"""

from __future__ import annotations

import collections
import json
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path

PAUSE, TIMEOUT = 1.0, 40
over = threading.Event()


def call(url: str, token: str = "", body: dict[str, str] | None = None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=TIMEOUT) as answer:
        return json.load(answer)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *__: over.set())
    file, auth, *uses = sys.argv[1:]
    refresh, before = Path(file).read_text(encoding="utf-8").strip(), ""
    done: collections.Counter[str] = collections.Counter()
    failures = []
    while not over.is_set():
        what = "renew"
        try:
            pair = call(f"{auth}/refresh", body={"refresh_token": refresh})
            refresh, access = pair["refresh_token"], pair["access_token"]
            done[what] += 1
            for token in filter(None, (before, access)):
                for what in uses:
                    call(what, token)
                    done[what] += 1
            before = access
        except Exception as error:
            failures.append(f"{time.strftime('%H:%M:%S')} {what}: {error!r}"[:200])
        over.wait(PAUSE)
    Path(file).write_text(refresh, encoding="utf-8")
    json.dump({"done": done, "failures": failures}, sys.stdout)


if __name__ == "__main__":
    main()
