"""Passwords, second factor, and the pair of tokens of a session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any

import jwt
import pyotp
from cryptography.hazmat.primitives import serialization

from cryptobot_common.errors import unauthorized
from cryptobot_common.settings import Settings
from cryptobot_common.tokens import ISSUER, USER_AUDIENCE

REFRESH_AUDIENCE = "cryptobot-refresh"


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=8, p=1, maxmem=256 * 1024 * 1024)


def hash_password(password: str, cost: int) -> str:
    """``scrypt$cost$salt$digest``; the cost stays with the hash, so that it can be raised later."""
    salt = secrets.token_bytes(16)
    parts = (base64.b64encode(part).decode() for part in (salt, _scrypt(password, salt, cost)))
    return "$".join(("scrypt", str(cost), *parts))


def password_matches(password: str, stored: str) -> bool:
    _, cost, salt, digest = stored.split("$")
    return hmac.compare_digest(_scrypt(password, base64.b64decode(salt), int(cost)), base64.b64decode(digest))


def new_totp_secret() -> str:
    return pyotp.random_base32()


def totp_uri(secret: str, email: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Cryptobot")


def totp_matches(secret: str, code: str) -> bool:
    """One step of drift either way, as RFC 6238 recommends."""
    return pyotp.TOTP(secret).verify(code, valid_window=1)


@dataclass(frozen=True)
class Pair:
    """A session's two tokens, and the id that alone may refresh it."""

    access: str
    refresh: str
    refresh_id: str
    seconds: int


class Signer:
    """Holds the private key: this service alone has it."""

    def __init__(self, settings: Settings) -> None:
        self._key = settings.require("JWT_PRIVATE_KEY", "a PEM of an EC P-256 key")
        private = serialization.load_pem_private_key(self._key.encode(), password=None)
        self._public = private.public_key()
        self.access_seconds = settings.value("token_minutes", 60) * 60
        self.refresh_seconds = settings.value("session_days", 30) * 86400

    def _sign(self, audience: str, user: str, session: str, seconds: int) -> tuple[str, str]:
        now, identity = int(time.time()), secrets.token_hex(16)
        claims = {"iss": ISSUER, "aud": audience, "sub": user, "sid": session, "jti": identity}
        return jwt.encode(claims | {"iat": now, "exp": now + seconds}, self._key, "ES256"), identity

    def pair(self, user: str, session: str) -> Pair:
        access, _ = self._sign(USER_AUDIENCE, user, session, self.access_seconds)
        refresh, identity = self._sign(REFRESH_AUDIENCE, user, session, self.refresh_seconds)
        return Pair(access, refresh, identity, self.access_seconds)

    def refresh_claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._public, ["ES256"], audience=REFRESH_AUDIENCE, issuer=ISSUER)
        except jwt.InvalidTokenError as error:
            raise unauthorized(f"the refresh token is not valid: {error}") from error
