"""Calls to other services: the request's token and id go along, nothing that writes is repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import httpx

from cryptobot_common.context import REQUEST_ID_HEADER, new_request_id, request_id
from cryptobot_common.errors import Problem, unavailable
from cryptobot_common.settings import Settings
from cryptobot_common.tokens import Tokens

logger = logging.getLogger(__name__)

# Below the servers' 75 s keep-alive, so that an idle connection is closed by us and not under a request.
IDLE_SECONDS = 60


class PeerProblem(Problem):
    """A peer answered with an error; its 4xx is passed on, its 5xx is a bad gateway here."""

    def __init__(self, peer: str, status: int, code: str, message: str) -> None:
        super().__init__(status if status < 500 else 502, code, f"{peer}: {message}")
        self.peer_status = status


class Peers:
    """A client for the services that this one may call."""

    def __init__(self, settings: Settings, tokens: Tokens, client: httpx.Client | None = None) -> None:
        self._service = settings.service
        self._urls: Mapping[str, str] = settings.urls
        self._tokens = tokens
        self._client = client or httpx.Client(
            timeout=httpx.Timeout(settings.value("call_seconds", 5.0), connect=2),
            limits=httpx.Limits(max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS),
            trust_env=False,
        )

    @property
    def names(self) -> list[str]:
        return sorted(self._urls)

    def url(self, peer: str) -> str:
        if peer not in self._urls:
            raise unavailable("no_peer", f"{self._service} was given no address of {peer}")
        return self._urls[peer]

    def get(self, peer: str, path: str, **query: Any) -> Any:
        parameters = {name: value for name, value in query.items() if value is not None}
        return self._send(peer, "GET", path, attempts=2, params=parameters)

    def post(self, peer: str, path: str, body: Any) -> Any:
        return self._send(peer, "POST", path, attempts=1, json=body)

    def patch(self, peer: str, path: str, body: Any) -> Any:
        return self._send(peer, "PATCH", path, attempts=1, json=body)

    def _send(self, peer: str, method: str, path: str, *, attempts: int, **options: Any) -> Any:
        headers = {
            "Authorization": f"Bearer {self._tokens.outgoing()}",
            REQUEST_ID_HEADER: request_id.get() or new_request_id(),
        }
        url = self.url(peer) + path
        for left in reversed(range(attempts)):
            try:
                answer = self._client.request(method, url, headers=headers, **options)
                break
            except httpx.TransportError as error:
                logger.warning("call failed", extra={"fields": {"peer": peer, "url": url, "error": repr(error)}})
                if not left:
                    raise unavailable("peer_unavailable", f"{peer} did not answer: {type(error).__name__}") from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise PeerProblem(peer, answer.status_code, *_fault(answer))

    def close(self) -> None:
        self._client.close()


def _fault(answer: httpx.Response) -> tuple[str, str]:
    try:
        error = answer.json()["error"]
        return error["code"], error["message"]
    except (ValueError, KeyError, TypeError):
        return "peer_error", f"answered {answer.status_code}"
