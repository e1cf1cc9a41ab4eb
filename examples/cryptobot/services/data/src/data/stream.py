"""Live prices: one subscription to Redis a process, handed on to every WebSocket of it."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import contextmanager
from typing import Any

import redis

from cryptobot_common.cache import Cache

logger = logging.getLogger(__name__)

QUEUE_LENGTH = 100


class PriceStream:
    """Slow readers lose old prices, never the newest."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str]] = set()

    @contextmanager
    def queue(self) -> Any:
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_LENGTH)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def publish(self, text: str) -> None:
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)

    async def follow(self, cache: Cache) -> None:
        """Hand on what is published, for ever; a lost Redis is waited for."""
        while True:
            client = cache.subscriber()
            try:
                async with client.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(cache.key("prices"))
                    async for message in channel.listen():
                        self.publish(message["data"])
            except (redis.RedisError, OSError) as error:
                logger.warning("price channel lost", extra={"fields": {"error": repr(error)}})
                await asyncio.sleep(1)
            finally:
                await client.aclose()


def price(symbol: str, value: str, at: str) -> dict[str, str]:
    return {"symbol": symbol, "price": value, "at": at}


def encode(tick: dict[str, str]) -> str:
    return json.dumps(tick)
