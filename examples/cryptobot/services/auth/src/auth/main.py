"""Register, log in with a second factor, refresh, log out; keys for programs."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from functools import cache
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from auth.credentials import Pair, Signer, hash_password, new_totp_secret, password_matches, totp_matches, totp_uri
from auth.sessions import Sessions
from auth.tables import ApiKey, User
from cryptobot_common import Service
from cryptobot_common.errors import conflict, unauthorized
from cryptobot_common.tokens import Anyone, Principal
from cryptobot_common.tokens import User as UserToken

service = Service("auth", uses=("database", "redis"))
app = service.app


class Account(BaseModel):
    email: str = Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")
    password: str = Field(min_length=10, max_length=200)


class Credentials(BaseModel):
    email: str = Field(max_length=254)
    password: str = Field(max_length=200)


class Answer(BaseModel):
    challenge: str = Field(max_length=100)
    code: str = Field(pattern=r"^\d{6}$")


class Refresh(BaseModel):
    refresh_token: str = Field(max_length=4000)


class KeyName(BaseModel):
    name: str = Field(min_length=1, max_length=100)


@cache
def signer() -> Signer:
    return Signer(service.settings)


@cache
def sessions() -> Sessions:
    return Sessions(service.cache, signer().access_seconds, signer().refresh_seconds)


@cache
def _nobody() -> str:
    return hash_password(secrets.token_hex(8), password_cost())


def password_cost() -> int:
    return service.settings.value("password_cost", 2**14)


def live_user(who: UserToken) -> Principal:
    """A user whose session has not ended: this service knows, the others ask it by ``/introspect``."""
    if not sessions().is_live(who):
        raise unauthorized("the session has ended; log in again")
    return who


LiveUser = Annotated[Principal, Depends(live_user)]


def _tokens(pair: Pair) -> dict[str, Any]:
    return {
        "access_token": pair.access,
        "refresh_token": pair.refresh,
        "token_type": "Bearer",
        "expires_in": pair.seconds,
    }


@app.post("/register", status_code=201)
def register(account: Account) -> dict[str, str]:
    email, secret = account.email.lower(), new_totp_secret()
    user = User(
        id=str(uuid.uuid4()),
        email=email,
        password_hash=hash_password(account.password, password_cost()),
        totp_secret=secret,
    )
    try:
        with service.database.begin() as session:
            session.add(user)
    except IntegrityError as error:
        raise conflict(f"{email} is registered already") from error
    return {"id": user.id, "email": email, "totp_secret": secret, "totp_uri": totp_uri(secret, email)}


@app.post("/login")
def login(credentials: Credentials) -> dict[str, str]:
    with service.database.begin() as session:
        user = session.scalar(select(User).where(User.email == credentials.email.lower()))
    # An unknown address costs the same time as a wrong password.
    matches = password_matches(credentials.password, user.password_hash if user else _nobody())
    if not user or not matches:
        raise unauthorized("the address or the password is wrong")
    return {"challenge": sessions().challenge(user.id), "second_factor": "totp"}


@app.post("/login/verify")
def verify(answer: Answer) -> dict[str, Any]:
    user_id = sessions().challenged(answer.challenge)
    with service.database.begin() as session:
        user = session.get(User, user_id)
    if not user or not totp_matches(user.totp_secret, answer.code):
        raise unauthorized("the code is wrong")
    if not sessions().answered(answer.challenge):
        raise unauthorized("the challenge was answered before; log in again")
    identity = secrets.token_hex(16)
    pair = signer().pair(user.id, identity)
    sessions().open(user.id, identity, pair.refresh_id)
    return _tokens(pair)


@app.post("/refresh")
def refresh(request: Refresh) -> dict[str, Any]:
    claims = signer().refresh_claims(request.refresh_token)
    pair = signer().pair(claims["sub"], claims["sid"])
    sessions().renew(claims["sid"], claims["jti"], pair.refresh_id)
    return _tokens(pair)


@app.post("/logout", status_code=204)
def logout(who: LiveUser) -> None:
    sessions().close(who)


@app.get("/me")
def me(who: LiveUser) -> dict[str, Any]:
    with service.database.begin() as session:
        user = session.get(User, who.subject)
    if not user:
        raise unauthorized("the user does not exist any more")
    return {"id": user.id, "email": user.email, "created_at": user.created_at}


@app.get("/sessions")
def list_sessions(who: LiveUser) -> dict[str, Any]:
    return {"items": sessions().of(who.subject)}


@app.get("/introspect")
def introspect(who: Anyone) -> dict[str, Any]:
    """Whether the token at hand still counts; the answer to other services."""
    return {"active": who.is_service or sessions().is_live(who), "subject": who.subject, "kind": who.kind}


@app.post("/api-keys", status_code=201)
def create_key(name: KeyName, who: LiveUser) -> dict[str, Any]:
    key = f"cb_{secrets.token_urlsafe(32)}"
    row = ApiKey(user_id=who.subject, name=name.name, digest=hashlib.sha256(key.encode()).hexdigest())
    with service.database.begin() as session:
        session.add(row)
    return {"id": row.id, "name": row.name, "key": key}


@app.get("/api-keys")
def list_keys(who: LiveUser, limit: int = 100) -> dict[str, Any]:
    query = select(ApiKey).where(ApiKey.user_id == who.subject).order_by(ApiKey.id.desc()).limit(min(limit, 10_000))
    with service.database.begin() as session:
        rows = session.scalars(query).all()
    return {"items": [{"id": row.id, "name": row.name, "created_at": row.created_at} for row in rows]}


@app.get("/platform")
async def platform(_: LiveUser) -> dict[str, Any]:
    """Which services answer, as seen from here: auth is the one that all of them know."""
    answers = await service.connections()
    return {"services": {name: answer["status"] for name, answer in answers.items()}}
