#!/usr/bin/env python3
"""An exchange for tests: it accepts every order, repeated ones too, and keeps every request, so that both lost and
doubled orders can be counted. Python's standard library only.

    exchange.py --port 9100 --record FILE     the record is one JSON object a line; a restart reads it again

    POST /orders {client_order_id, symbol, side, quantity, price?}   201
    GET  /orders[?client_order_id=…]     {"orders": […]}
    GET  /requests                       {"count": n, "requests": […]}
    GET  /doubled                        {"doubled": {client_order_id: count}}
    PUT  /faults {"lose_answers": n, "refuse": n, "delay_ms": n}     the next n answers are lost, or are 503
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

REQUIRED = ("client_order_id", "symbol", "side", "quantity")


@dataclass
class Faults:
    """What goes wrong next."""

    lose_answers: int = 0
    refuse: int = 0
    delay_ms: int = 0


class Book:
    """Every request, and the orders among them; a line is on disk before its answer goes out."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.faults = Faults()
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self._take(json.loads(line))
        self._file = path.open("a", encoding="utf-8")

    def _take(self, entry: dict[str, Any]) -> None:
        self.requests.append(entry)
        if "order" in entry:
            self.orders.append(entry["order"])

    def record(self, method: str, path: str, request_id: str, draft: dict[str, Any] | None) -> dict[str, Any] | None:
        """Keep the request; the order it made, if it made one."""
        with self._lock:
            entry: dict[str, Any] = {"at": time.time(), "method": method, "path": path, "request_id": request_id}
            if draft is not None:
                number = len(self.orders) + 1
                entry["order"] = draft | {"exchange_order_id": f"X{number:08d}", "status": "accepted"}
            self._take(entry)
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            return entry.get("order")

    def take_fault(self, name: str) -> bool:
        with self._lock:
            left = getattr(self.faults, name)
            if left:
                setattr(self.faults, name, left - 1)
            return bool(left)

    def find(self, client_order_id: str | None) -> list[dict[str, Any]]:
        with self._lock:
            return [one for one in self.orders if client_order_id in (None, one["client_order_id"])]

    def doubled(self) -> dict[str, int]:
        with self._lock:
            counts = Counter(order["client_order_id"] for order in self.orders)
        return {name: count for name, count in counts.items() if count > 1}


class Handler(BaseHTTPRequestHandler):
    """One request; nothing is recorded of looking at the record."""

    protocol_version = "HTTP/1.1"
    book: ClassVar[Book]

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> dict[str, Any] | None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _record(self, draft: dict[str, Any] | None = None) -> dict[str, Any] | None:
        return self.book.record(self.command, self.path, self.headers.get("X-Request-ID", ""), draft)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/health/"):
            self._answer(HTTPStatus.OK, {"status": "ok", "service": "exchange"})
        elif parts.path == "/requests":
            self._answer(HTTPStatus.OK, {"count": len(self.book.requests), "requests": list(self.book.requests)})
        elif parts.path == "/doubled":
            self._answer(HTTPStatus.OK, {"doubled": self.book.doubled()})
        elif parts.path == "/orders":
            self._record()
            wanted = parse_qs(parts.query).get("client_order_id", [None])[0]
            self._answer(HTTPStatus.OK, {"orders": self.book.find(wanted)})
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"nothing at {parts.path}"})

    def do_POST(self) -> None:
        draft = self._body()
        if urlsplit(self.path).path != "/orders":
            self._answer(HTTPStatus.NOT_FOUND, {"error": f"nothing at {self.path}"})
        elif draft is None or any(not draft.get(name) for name in REQUIRED):
            self._record()
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"an order has {', '.join(REQUIRED)}"})
        elif self.book.take_fault("refuse"):
            self._record()
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "refused by the test"})
        else:
            order = self._record(draft)
            time.sleep(self.book.faults.delay_ms / 1000)
            if self.book.take_fault("lose_answers"):
                self.close_connection = True
            else:
                self._answer(HTTPStatus.CREATED, order or {})

    def do_PUT(self) -> None:
        wanted = self._body()
        if self.path != "/faults" or wanted is None or not set(wanted) <= set(vars(Faults())):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"PUT /faults takes {sorted(vars(Faults()))}"})
            return
        self.book.faults = Faults(**wanted)
        self._answer(HTTPStatus.OK, vars(self.book.faults))

    def log_message(self, format: str, *args: Any) -> None:
        """The record is the log."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--record", type=Path, default=Path("exchange.jsonl"))
    arguments = parser.parse_args()
    Handler.book = Book(arguments.record)
    server = ThreadingHTTPServer((arguments.host, arguments.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    known = len(Handler.book.requests)
    print(f"exchange: {arguments.host}:{arguments.port}, {known} requests on record", file=sys.stderr)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
