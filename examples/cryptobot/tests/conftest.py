"""Tests of the application's own code: no network, SQLite for PostgreSQL, a dictionary for Redis."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient

APPLICATION = Path(__file__).resolve().parent.parent
SERVICE_KEY = "a service key of forty-eight letters, for tests.."


@pytest.fixture(scope="session")
def private_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture(scope="session")
def public_key(private_key: str) -> str:
    public = serialization.load_pem_private_key(private_key.encode(), None).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def user_token(private_key: str) -> Callable[[str], dict[str, str]]:
    """The header of a user's token, as auth signs it."""

    def sign(subject: str = "user-1") -> dict[str, str]:
        claims = {"iss": "cryptobot", "aud": "cryptobot", "sub": subject, "jti": "j1", "sid": "s1"}
        return {"Authorization": f"Bearer {jwt.encode(claims | {'exp': time.time() + 60}, private_key, 'ES256')}"}

    return sign


@pytest.fixture
def service_token() -> dict[str, str]:
    claims = {"iss": "cryptobot", "aud": "internal", "sub": "test", "jti": "j2", "exp": time.time() + 60}
    return {"Authorization": f"Bearer {jwt.encode(claims, SERVICE_KEY, 'HS256')}"}


class FakePeers:
    """Answers by (method, peer, path); keeps what was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, str], Any] = {}
        self.asked: list[tuple[str, str, str, Any]] = []
        self.names: list[str] = []

    def _answer(self, method: str, peer: str, path: str, body: Any) -> Any:
        self.asked.append((method, peer, path, body))
        answer = self.answers[method, peer, path]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get(self, peer: str, path: str, **query: Any) -> Any:
        return self._answer("GET", peer, path, query)

    def post(self, peer: str, path: str, body: Any) -> Any:
        return self._answer("POST", peer, path, body)

    def close(self) -> None:
        """Nothing is open."""


class FakeCache:
    """The few commands in use, over a dictionary."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.client = self

    def key(self, *parts: object) -> str:
        return ":".join(map(str, parts))

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: str, **_: Any) -> None:
        self.values[key] = value

    def check(self) -> None:
        if self.values.get("down"):
            raise ConnectionError("Redis is down")

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public_key: str, private_key: str
) -> Iterator[Callable[..., ModuleType]]:
    """Imports a service's ``main`` afresh, on an SQLite database with its tables, with fakes for the rest."""
    loaded: list[str] = []

    def load_service(name: str, **variables: str) -> ModuleType:
        package = name.replace("-", "_")
        given = {
            "DATABASE_URL": f"sqlite:///{tmp_path}/{package}.sqlite",
            "JWT_PUBLIC_KEY": public_key,
            "JWT_PRIVATE_KEY": private_key,
            "SERVICE_KEY": SERVICE_KEY,
        }
        for key, value in (given | variables).items():
            monkeypatch.setenv(key, value)
        loaded.append(package)
        module = importlib.import_module(f"{package}.main")
        module.service.__dict__["peers"] = FakePeers()
        module.service.__dict__["cache"] = FakeCache()
        if "sqlite" in given["DATABASE_URL"] and (APPLICATION / "services" / name / "migrations").is_dir():
            tables = importlib.import_module(f"{package}.tables")
            tables.Base.metadata.create_all(module.service.database.engine)
        return module

    yield load_service
    for package in loaded:
        for module in [one for one in sys.modules if one == package or one.startswith(f"{package}.")]:
            if module in sys.modules and not module.endswith(".tables"):
                del sys.modules[module]


@pytest.fixture
def client() -> Callable[[ModuleType], TestClient]:
    return lambda module: TestClient(module.app, raise_server_exceptions=False)
