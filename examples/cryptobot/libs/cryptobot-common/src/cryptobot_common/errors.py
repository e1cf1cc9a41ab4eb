"""One shape for every error: ``{"error": {"code", "message", "request_id"}}``."""

from __future__ import annotations

import logging

import redis
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from cryptobot_common.context import request_id

logger = logging.getLogger(__name__)

READ_ONLY_SQLSTATE = "25006"


class Problem(Exception):
    """An answer other than success, raised from wherever it is known."""

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


def not_found(what: str) -> Problem:
    return Problem(404, "not_found", f"{what} does not exist")


def conflict(message: str) -> Problem:
    return Problem(409, "conflict", message)


def unauthorized(message: str) -> Problem:
    return Problem(401, "unauthorized", message)


def forbidden(message: str) -> Problem:
    return Problem(403, "forbidden", message)


def unavailable(code: str, message: str) -> Problem:
    return Problem(503, code, message, retry_after=1)


def answer(problem: Problem) -> JSONResponse:
    """*problem* as a response."""
    body = {"error": {"code": problem.code, "message": problem.message, "request_id": request_id.get()}}
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else None
    return JSONResponse(body, problem.status, headers)


def _from_database(error: Exception) -> Problem:
    if getattr(getattr(error, "orig", None), "pgcode", None) == READ_ONLY_SQLSTATE:
        return unavailable("read_only", "the database accepts no writes at the moment")
    return unavailable("database_unavailable", "the database cannot be reached")


def install(app: FastAPI) -> None:
    """Answer every exception of *app* in the common shape."""

    @app.exception_handler(Problem)
    def problem(_: Request, error: Problem) -> JSONResponse:
        return answer(error)

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(Problem(error.status_code, "http_error", str(error.detail)))

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # The offending value is left out: it may be a password.
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return answer(Problem(422, "invalid", faults))

    @app.exception_handler(redis.RedisError)
    def cache(_: Request, error: redis.RedisError) -> JSONResponse:
        logger.error("redis: %s", error)
        return answer(unavailable("redis_unavailable", "Redis cannot be used at the moment"))

    try:
        from sqlalchemy.exc import InternalError, OperationalError
    except ImportError:  # a service without a database does not install SQLAlchemy
        return

    @app.exception_handler(OperationalError)
    @app.exception_handler(InternalError)
    def database(_: Request, error: Exception) -> JSONResponse:
        logger.error("database: %s", error)
        return answer(_from_database(error))
