"""A service: its settings, datastores, peers and application in one object."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from cryptobot_common import errors, logs
from cryptobot_common.context import request_id
from cryptobot_common.errors import Problem
from cryptobot_common.middleware import RequestContext
from cryptobot_common.peers import Peers
from cryptobot_common.settings import Settings
from cryptobot_common.tokens import Anyone, Tokens

if TYPE_CHECKING:
    from cryptobot_common.cache import Cache
    from cryptobot_common.database import Database

logger = logging.getLogger(__name__)

CHECK_SECONDS = 4
Check = Callable[[], None]


class Service:
    """Makes the application with health, metrics, errors, logs and calls; the routes are the service's own."""

    def __init__(self, name: str, *, uses: Iterable[str] = (), checks: dict[str, Check] | None = None) -> None:
        """*uses* names the datastores that must answer: ``database``, ``redis``."""
        self.name = name
        self.settings = Settings.load(name)
        self.uses = tuple(uses)
        self._checks = checks or {}
        self._background: list[Callable[[], Awaitable[None]]] = []
        logs.configure(name, self.settings.value("log_level", "info"))
        self.app = FastAPI(title=f"cryptobot {name}", version=self.version, lifespan=self._lifespan)
        self.app.state.service = self
        self.app.add_middleware(RequestContext, service=name)
        errors.install(self.app)
        self._add_routes()

    @cached_property
    def version(self) -> str:
        try:
            return version(f"cryptobot-{self.name}")
        except PackageNotFoundError:
            return "0"

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.settings)

    @cached_property
    def peers(self) -> Peers:
        return Peers(self.settings, self.tokens)

    @cached_property
    def database(self) -> Database:
        from cryptobot_common.database import Database  # only services with a database install SQLAlchemy

        return Database(self.settings)

    @cached_property
    def cache(self) -> Cache:
        from cryptobot_common.cache import Cache

        return Cache(self.settings)

    def background(self, task: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Run the coroutine function beside the requests, cancelled at the stop."""
        self._background.append(task)
        return task

    @cached_property
    def checks(self) -> dict[str, Check]:
        known = {"database": lambda: self.database.check(), "redis": lambda: self.cache.check()}
        return {name: known[name] for name in self.uses} | self._checks

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        # Touched now, so that a missing setting ends the start with its name and not the first request.
        opened: list[Any] = [self.peers]
        opened += [self.database] if "database" in self.uses else []
        opened += [self.cache] if "redis" in self.uses else []
        tasks = [asyncio.create_task(make()) for make in self._background]
        logger.info("started", extra={"fields": {"version": self.version, "environment": self.settings.environment}})
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, Exception):
                    await task
            for one in opened:
                one.close()
            logger.info("stopped")

    async def readiness(self) -> dict[str, str]:
        """Each check's ``ok`` or ``down: why``, all asked at once."""

        async def ask(check: Check) -> str:
            try:
                await asyncio.wait_for(asyncio.to_thread(check), CHECK_SECONDS)
            except TimeoutError:
                return f"down: no answer within {CHECK_SECONDS} s"
            except Exception as error:
                return f"down: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            return "ok"

        answers = await asyncio.gather(*map(ask, self.checks.values()))
        return dict(zip(self.checks, answers, strict=True))

    def _ping(self, peer: str) -> dict[str, Any]:
        try:
            answer = self.peers.get(peer, "/internal/ping")
            return {"status": "ok", "request_id": answer["request_id"]}
        except Problem as problem:
            return {"status": "failed", "code": problem.code, "message": problem.message}

    async def connections(self) -> dict[str, dict[str, Any]]:
        """Ask every peer once with this request's id and token: the edges of the graph, proven."""
        names = self.peers.names
        answers = await asyncio.gather(*(asyncio.to_thread(self._ping, name) for name in names))
        return dict(zip(names, answers, strict=True))

    def _add_routes(self) -> None:
        app = self.app

        @app.get("/health/live")
        async def live() -> dict[str, str]:
            return {"status": "ok", "service": self.name}

        @app.get("/health/ready")
        async def ready() -> JSONResponse:
            answers = await self.readiness()
            healthy = all(answer == "ok" for answer in answers.values())
            body = {
                "status": "ok" if healthy else "unavailable",
                "service": self.name,
                "version": self.version,
                "checks": answers,
            }
            return JSONResponse(body, 200 if healthy else 503)

        @app.get("/metrics")
        def metrics() -> Response:
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

        @app.get("/internal/ping")
        async def ping(who: Anyone) -> dict[str, str]:
            return {"service": self.name, "subject": who.subject, "request_id": request_id.get()}

        @app.get("/internal/calls")
        async def calls(_: Anyone) -> dict[str, Any]:
            return {"service": self.name, "request_id": request_id.get(), "calls": await self.connections()}
