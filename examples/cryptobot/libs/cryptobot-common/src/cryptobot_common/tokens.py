"""Who asks: users carry ES256 tokens that auth signs, services HS256 tokens of one shared key."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Annotated

import jwt
from fastapi import Depends, Request

from cryptobot_common.context import bearer_token
from cryptobot_common.errors import forbidden, unauthorized
from cryptobot_common.settings import Settings

ISSUER = "cryptobot"
USER_AUDIENCE = "cryptobot"
SERVICE_AUDIENCE = "internal"
SERVICE_TOKEN_SECONDS = 120
_REQUIRED = {"require": ["iss", "aud", "sub", "exp", "jti"]}


@dataclass(frozen=True)
class Principal:
    """The subject of a verified token: a user's id or a service's name."""

    subject: str
    kind: str
    token_id: str
    session: str = ""

    @property
    def is_service(self) -> bool:
        return self.kind == "service"


class Tokens:
    """Verifies both kinds of token, and signs this service's own."""

    def __init__(self, settings: Settings) -> None:
        self._service = settings.service
        self._public_key = settings.text("JWT_PUBLIC_KEY")
        self._service_key = settings.text("SERVICE_KEY")

    def verify(self, token: str) -> Principal:
        """The principal of *token*; a `Problem` with 401 when it is not valid."""
        try:
            if jwt.get_unverified_header(token).get("alg") == "HS256":
                return self._verify_service(token)
            if not self._public_key:
                raise unauthorized("this service has no key to verify users' tokens")
            claims = jwt.decode(
                token, self._public_key, ["ES256"], options=_REQUIRED, audience=USER_AUDIENCE, issuer=ISSUER
            )
            return Principal(claims["sub"], "user", claims["jti"], claims.get("sid", ""))
        except jwt.InvalidTokenError as error:
            raise unauthorized(f"the token is not valid: {error}") from error

    def _verify_service(self, token: str) -> Principal:
        if not self._service_key:
            raise unauthorized("this service has no key to verify services' tokens")
        claims = jwt.decode(
            token, self._service_key, ["HS256"], options=_REQUIRED, audience=SERVICE_AUDIENCE, issuer=ISSUER
        )
        return Principal(claims["sub"], "service", claims["jti"])

    def own(self) -> str:
        """A short-lived token of this service, for calls that no user caused."""
        if not self._service_key:
            raise unauthorized("this service has no SERVICE_KEY to sign its own calls with")
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": SERVICE_AUDIENCE,
            "sub": self._service,
            "iat": now,
            "exp": now + SERVICE_TOKEN_SECONDS,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._service_key, "HS256")

    def outgoing(self) -> str:
        """What a call carries: the token of the request at hand, else this service's own."""
        return bearer_token.get() or self.own()


def anyone(request: Request) -> Principal:
    token = bearer_token.get()
    if not token:
        raise unauthorized("send an Authorization: Bearer header")
    return request.app.state.service.tokens.verify(token)


def only_user(who: Annotated[Principal, Depends(anyone)]) -> Principal:
    if who.is_service:
        raise forbidden("only a user may do this")
    return who


def only_service(who: Annotated[Principal, Depends(anyone)]) -> Principal:
    if not who.is_service:
        raise forbidden("only a service may do this")
    return who


Anyone = Annotated[Principal, Depends(anyone)]
User = Annotated[Principal, Depends(only_user)]
ServiceOnly = Annotated[Principal, Depends(only_service)]
