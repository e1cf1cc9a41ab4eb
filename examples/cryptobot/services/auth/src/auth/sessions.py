"""What Redis keeps: challenges between password and code, sessions, and revoked tokens."""

from __future__ import annotations

import secrets
import time

from cryptobot_common.cache import Cache
from cryptobot_common.errors import unauthorized
from cryptobot_common.tokens import Principal

CHALLENGE_SECONDS = 300
CHALLENGE_ATTEMPTS = 5

_RENEW = """
if redis.call('hget', KEYS[1], 'refresh') ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[1], 'refresh', ARGV[2])
redis.call('expire', KEYS[1], ARGV[3])
return 1
"""


class Sessions:
    """Every key expires by itself, so nothing needs to be swept."""

    def __init__(self, cache: Cache, access_seconds: int, session_seconds: int) -> None:
        self._cache, self._redis = cache, cache.client
        self._access_seconds, self._seconds = access_seconds, session_seconds

    def challenge(self, user: str) -> str:
        """Remember that *user* gave the right password; the answer is good for one code."""
        identity = secrets.token_urlsafe(24)
        self._redis.set(self._cache.key("challenge", identity), user, ex=CHALLENGE_SECONDS)
        return identity

    def challenged(self, identity: str) -> str:
        """The user of a challenge; refuses after a few wrong codes."""
        user = self._redis.get(self._cache.key("challenge", identity))
        if not user:
            raise unauthorized("the challenge is unknown or has expired; log in again")
        attempts = self._cache.key("attempts", identity)
        if self._redis.incr(attempts) > CHALLENGE_ATTEMPTS:
            self._redis.delete(self._cache.key("challenge", identity))
            raise unauthorized("too many wrong codes; log in again")
        self._redis.expire(attempts, CHALLENGE_SECONDS)
        return user

    def answered(self, identity: str) -> bool:
        """End the challenge; false when another request has just done so."""
        return bool(self._redis.delete(self._cache.key("challenge", identity)))

    def open(self, user: str, session: str, refresh_id: str) -> None:
        key = self._cache.key("session", session)
        with self._redis.pipeline() as pipe:
            pipe.hset(key, mapping={"user": user, "refresh": refresh_id, "since": int(time.time())})
            pipe.expire(key, self._seconds)
            pipe.sadd(self._cache.key("sessions", user), session)
            pipe.expire(self._cache.key("sessions", user), self._seconds)
            pipe.execute()

    def renew(self, session: str, old_id: str, new_id: str) -> None:
        """Replace the refresh id; the one before is refused from then on, also by two requests at once."""
        if not self._redis.eval(_RENEW, 1, self._cache.key("session", session), old_id, new_id, self._seconds):
            raise unauthorized("the session has ended or the refresh token was used before")

    def close(self, who: Principal) -> None:
        with self._redis.pipeline() as pipe:
            pipe.set(self._cache.key("blacklist", who.token_id), who.subject, ex=self._access_seconds)
            pipe.delete(self._cache.key("session", who.session))
            pipe.srem(self._cache.key("sessions", who.subject), who.session)
            pipe.execute()

    def is_live(self, who: Principal) -> bool:
        with self._redis.pipeline() as pipe:
            pipe.exists(self._cache.key("blacklist", who.token_id))
            pipe.exists(self._cache.key("session", who.session))
            revoked, session = pipe.execute()
        return bool(session) and not revoked

    def of(self, user: str) -> list[dict[str, str | int]]:
        found = []
        for session in sorted(self._redis.smembers(self._cache.key("sessions", user))):
            if since := self._redis.hget(self._cache.key("session", session), "since"):
                found.append({"id": session, "since": int(since)})
        return found
