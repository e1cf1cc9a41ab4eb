"""Bars in files, the latest prices in Redis, and their stream over a WebSocket."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from fastapi import Path, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, Field

from cryptobot_common import Service
from cryptobot_common.errors import Problem, not_found
from cryptobot_common.tokens import Anyone
from data.bars import Bar, BarStore
from data.stream import PriceStream, encode, price

MAX_BARS = 50_000
SYMBOL = r"^[A-Z0-9]{2,10}-[A-Z0-9]{2,10}$"

Symbol = Annotated[str, Path(pattern=SYMBOL, examples=["BTC-USD"])]
Interval = Annotated[str, Path(pattern=r"^[1-9][0-9]?[mhd]$", examples=["1h"])]


@cache
def store() -> BarStore:
    return BarStore(service.settings.require("BARS_DIR", "/var/lib/cryptobot-datastores/bars"))


service = Service("data", uses=("redis",), checks={"files": lambda: store().check()})
app = service.app
stream = PriceStream()


class Bars(BaseModel):
    bars: list[Bar] = Field(min_length=1, max_length=MAX_BARS)


class Tick(BaseModel):
    symbol: str = Field(pattern=SYMBOL)
    price: Decimal = Field(gt=0, max_digits=28, decimal_places=8)


@service.background
async def follow_prices() -> None:
    await stream.follow(service.cache)


def _remember(symbol: str, value: str, at: datetime) -> dict[str, str]:
    tick = price(symbol, value, at.isoformat())
    with service.cache.client.pipeline() as pipe:
        pipe.hset(service.cache.key("latest"), symbol, json.dumps(tick))
        pipe.publish(service.cache.key("prices"), encode(tick))
        pipe.execute()
    return tick


def _remember_close(symbol: str, close: float, at: datetime) -> None:
    """An old bar does not take the place of a later price."""
    known = service.cache.client.hget(service.cache.key("latest"), symbol)
    if not known or datetime.fromisoformat(json.loads(known)["at"]) <= at:
        _remember(symbol, f"{close:.8f}".rstrip("0").rstrip("."), at)


@app.get("/symbols")
def symbols(_: Anyone) -> dict[str, Any]:
    return {"items": store().symbols()}


@app.post("/bars/{symbol}/{interval}", status_code=201)
def load(symbol: Symbol, interval: Interval, body: Bars, _: Anyone) -> dict[str, Any]:
    """Merge bars into the file; the last close becomes the latest price."""
    count, digest = store().merge(symbol, interval, body.bars)
    service.cache.client.delete(service.cache.key("bars", symbol, interval))
    last = max(body.bars)
    _remember_close(symbol, last[4], datetime.fromtimestamp(last[0], UTC))
    return {"symbol": symbol, "interval": interval, "count": count, "digest": digest}


@app.get("/bars/{symbol}/{interval}")
def bars(
    symbol: Symbol, interval: Interval, _: Anyone, start: int = 0, end: int = 2**40, limit: int = 500
) -> dict[str, Any]:
    """The last *limit* bars from *start* to before *end*."""
    key = service.cache.key("bars", symbol, interval)
    if text := service.cache.client.get(key):
        found = json.loads(text)
    else:
        found = store().read(symbol, interval)
        service.cache.client.set(key, json.dumps(found), ex=service.settings.value("cache_seconds", 60))
    chosen = [bar for bar in found if start <= bar[0] < end]
    return {"symbol": symbol, "interval": interval, "bars": chosen[-max(1, min(limit, MAX_BARS)) :]}


@app.post("/prices", status_code=201)
def tick(body: Tick, _: Anyone) -> dict[str, str]:
    return _remember(body.symbol, str(body.price), datetime.now(UTC))


@app.get("/prices")
def prices(_: Anyone) -> dict[str, Any]:
    latest = service.cache.client.hgetall(service.cache.key("latest"))
    return {"items": [json.loads(latest[symbol]) for symbol in sorted(latest)]}


@app.get("/prices/{symbol}")
def latest_price(symbol: Symbol, _: Anyone) -> dict[str, str]:
    text = service.cache.client.hget(service.cache.key("latest"), symbol)
    if not text:
        raise not_found(f"a price of {symbol}")
    return json.loads(text)


@app.get("/symbols/{symbol}/usage")
def usage(symbol: Symbol, _: Anyone) -> dict[str, Any]:
    """Who depends on these bars, before anybody replaces them."""

    def count(peer: str, path: str) -> int | str:
        try:
            return len(service.peers.get(peer, path, symbol=symbol, limit=1000)["items"])
        except Problem as problem:
            return problem.message

    return {"symbol": symbol, "backtests": count("backtest", "/backtests"), "orders": count("trade", "/orders")}


@app.websocket("/ws/prices")
async def price_socket(socket: WebSocket) -> None:
    """The latest prices at once, then every change; prices are public, so no token is asked."""
    await socket.accept()
    with stream.queue() as queue:
        latest = await asyncio.to_thread(service.cache.client.hgetall, service.cache.key("latest"))
        for symbol in sorted(latest):
            await socket.send_text(latest[symbol])
        sender = asyncio.create_task(_send(socket, queue))
        try:
            while True:  # nothing is expected; this is how the end of the connection is seen
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            sender.cancel()


async def _send(socket: WebSocket, queue: asyncio.Queue[str]) -> None:
    while True:
        await socket.send_text(await queue.get())
