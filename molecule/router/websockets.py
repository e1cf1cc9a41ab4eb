"""Clients with open WebSockets, which come again when one ends: what they saw, as JSON.

websockets.py PORT CLIENTS SECONDS STOP: until the file STOP is there, at most so long
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

PORT, CLIENTS, SECONDS, STOP = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
UPGRADE = (
    "GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LATEST = time.monotonic() + SECONDS
seen = {"opened": 0, "cut": 0, "failed": [], "sides": {}, "last": [], "longest_upgrade": 0.0, "messages": 0}


def goes_on() -> bool:
    return time.monotonic() < LATEST and not os.path.exists(STOP)


async def client() -> None:
    last = ""
    while goes_on():
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        try:
            writer.write(UPGRADE.encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
            if not head.startswith(b"HTTP/1.1 101"):
                seen["failed"].append(head.decode().splitlines()[0])
                return
            seen["opened"] += 1
            seen["longest_upgrade"] = max(seen["longest_upgrade"], round(time.monotonic() - began, 3))
            while goes_on():
                writer.write(b"?\n")
                last = (await asyncio.wait_for(reader.readuntil(b"\n"), 30)).decode().strip()
                seen["messages"] += 1
                seen["sides"][last] = seen["sides"].get(last, 0) + 1
                await asyncio.sleep(0.1)
        except (OSError, asyncio.IncompleteReadError) as error:
            if time.monotonic() - began < 0.05:
                seen["failed"].append(type(error).__name__)
            seen["cut"] += 1
        finally:
            writer.close()
    seen["last"].append(last)


async def main() -> None:
    await asyncio.gather(*(client() for __ in range(CLIENTS)))


asyncio.run(main())
print(json.dumps(seen))
