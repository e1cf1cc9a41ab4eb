"""What belongs to the request at hand; it travels through threads and calls by context variables."""

from __future__ import annotations

import re
import secrets
from contextvars import ContextVar

REQUEST_ID_HEADER = "X-Request-ID"

request_id: ContextVar[str] = ContextVar("request_id", default="")
bearer_token: ContextVar[str] = ContextVar("bearer_token", default="")

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{1,128}")


def new_request_id() -> str:
    return secrets.token_hex(16)


def accept_request_id(offered: str) -> str:
    """The caller's id if it is harmless in a log line and a header, else a new one."""
    return offered if _ACCEPTABLE.fullmatch(offered) else new_request_id()
