"""Request id, bearer token, access log and metrics, as one plain ASGI layer."""

from __future__ import annotations

import logging
import time
from typing import Any

from prometheus_client import Counter, Histogram

from cryptobot_common.context import REQUEST_ID_HEADER, accept_request_id, bearer_token, request_id
from cryptobot_common.errors import Problem, answer

logger = logging.getLogger("cryptobot.access")

REQUESTS = Counter("http_requests_total", "Requests answered.", ["service", "method", "route", "status"])
SECONDS = Histogram("http_request_duration_seconds", "Time to answer.", ["service", "method", "route"])


class RequestContext:
    """Not BaseHTTPMiddleware: that one runs the application in another context."""

    def __init__(self, app: Any, service: str) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        identity = accept_request_id(headers.get(REQUEST_ID_HEADER.lower().encode(), ""))
        scheme, _, credential = headers.get(b"authorization", "").partition(" ")
        tokens = (
            request_id.set(identity),
            bearer_token.set(credential.strip() if scheme.lower() == "bearer" else ""),
        )
        status, begun, started = 500, False, time.perf_counter()

        async def send_on(message: dict[str, Any]) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message.get("headers", []), (b"x-request-id", identity.encode())]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, send_on)
        except Exception as error:
            # Answered here: Starlette's own layer for this lies outside and does not know the request's id.
            logger.exception("request failed")
            if scope["type"] == "http" and not begun:
                await answer(Problem(500, "internal", f"unexpected {type(error).__name__}"))(scope, receive, send_on)
        finally:
            self._record(scope, status, time.perf_counter() - started)
            bearer_token.reset(tokens[1])
            request_id.reset(tokens[0])

    def _record(self, scope: dict[str, Any], status: int, seconds: float) -> None:
        method = scope.get("method", "WEBSOCKET")
        # The route's template: a label a row would be unbounded.
        route = getattr(scope.get("route"), "path", "none")
        REQUESTS.labels(self.service, method, route, status).inc()
        SECONDS.labels(self.service, method, route).observe(seconds)
        level = logging.DEBUG if route.startswith(("/health", "/metrics")) and status < 400 else logging.INFO
        fields = {"method": method, "path": scope["path"], "status": status, "ms": round(seconds * 1000, 2)}
        logger.log(level, "request", extra={"fields": fields})
