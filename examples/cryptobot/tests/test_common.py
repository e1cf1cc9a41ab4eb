"""Settings, tokens, logs, health, calls and errors of the shared library."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time

import httpx
import jwt
import pytest
from fastapi.testclient import TestClient

from cryptobot_common import Service
from cryptobot_common.context import bearer_token, request_id
from cryptobot_common.errors import Problem
from cryptobot_common.logs import JsonFormatter
from cryptobot_common.peers import Peers
from cryptobot_common.settings import Settings, SettingsError
from cryptobot_common.tokens import Tokens

KEY = "a key of at least thirty-two letters"


def test_a_variable_wins_over_the_document_and_keeps_the_default_s_type(tmp_path):
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"environment": "staging", "settings": {"token_minutes": 5, "ratio": 2}, "urls": {}}))
    settings = Settings.load("auth", {"CRYPTOBOT_CONFIG": str(path), "READ_ONLY": "true"})
    assert (settings.environment, settings.value("token_minutes", 60)) == ("staging", 5)
    assert settings.value("read_only", False) is True
    assert settings.value("ratio", 1.0) == 2.0
    assert Settings.load("auth", {"TOKEN_MINUTES": "7"}).value("token_minutes", 60) == 7


@pytest.mark.parametrize(
    ("variables", "says"),
    [({"TOKEN_MINUTES": "soon"}, "TOKEN_MINUTES is 'soon'"), ({"TOKEN_MINUTES": ""}, "TOKEN_MINUTES is ''")],
)
def test_a_malformed_setting_is_named(variables, says):
    with pytest.raises(SettingsError, match=says):
        Settings.load("auth", variables).value("token_minutes", 60)


def test_a_secret_file_wins_and_a_missing_one_is_explained(tmp_path):
    (tmp_path / "key").write_text("from the file\n")
    settings = Settings.load("auth", {"KEY": "from the variable", "KEY_FILE": str(tmp_path / "key")})
    assert settings.text("KEY") == "from the file"
    with pytest.raises(SettingsError, match=r"auth needs OTHER \(or OTHER_FILE\), for example OTHER=x"):
        settings.require("OTHER", "x")


def test_only_services_count_as_calls_and_the_document_s_list_is_the_whole(tmp_path):
    variables = {
        "PAPER_TRADING_URL": "http://h:1/",
        "EXCHANGE_URL": "http://x",
        "DATABASE_URL": "http://d",
        "A_URL": "redis://",
    }
    assert Settings.load("auth", variables).urls == {"paper-trading": "http://h:1"}
    (tmp_path / "c").write_text('{"urls": {"trade": "http://t"}}')
    configured = variables | {"CRYPTOBOT_CONFIG": str(tmp_path / "c")}
    assert Settings.load("auth", configured).urls == {"trade": "http://t"}
    assert Settings.load("auth", configured | {"DEALS_URL": "http://t"}).urls == {"deals": "http://t"}


def test_a_service_s_own_token_is_verified_by_the_shared_key_alone():
    own = Tokens(Settings.load("trade", {"SERVICE_KEY": KEY}))
    who = own.verify(own.own())
    assert (who.subject, who.is_service) == ("trade", True)
    with pytest.raises(Problem):
        Tokens(Settings.load("data", {"SERVICE_KEY": KEY + "x"})).verify(own.own())


def test_a_public_key_cannot_be_used_as_a_shared_secret(public_key):
    """The classic confusion: HS256 with the text of the ES256 public key, which everybody may know."""
    claims = {"iss": "cryptobot", "aud": "cryptobot", "sub": "u", "jti": "1", "exp": time.time() + 60}
    header = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}')
    body = jwt.utils.base64url_encode(json.dumps(claims).encode())
    signed = header + b"." + body
    forged = signed + b"." + jwt.utils.base64url_encode(hmac.new(public_key.encode(), signed, hashlib.sha256).digest())
    with pytest.raises(Problem) as refused:
        Tokens(Settings.load("trade", {"SERVICE_KEY": KEY, "JWT_PUBLIC_KEY": public_key})).verify(forged.decode())
    assert refused.value.status == 401


@pytest.mark.parametrize("change", [{"exp": 1}, {"aud": "internal"}, {"iss": "other"}, {"jti": None}])
def test_a_user_s_token_must_be_whole(private_key, public_key, change):
    claims = {"iss": "cryptobot", "aud": "cryptobot", "sub": "u", "jti": "1", "exp": int(time.time()) + 60} | change
    token = jwt.encode({name: value for name, value in claims.items() if value is not None}, private_key, "ES256")
    with pytest.raises(Problem):
        Tokens(Settings.load("trade", {"JWT_PUBLIC_KEY": public_key})).verify(token)


def test_a_log_line_is_json_with_the_request_s_id():
    token = request_id.set("abc")
    record = logging.makeLogRecord({"msg": "hello %s", "args": ("you",), "fields": {"ms": 1}, "levelname": "INFO"})
    entry = json.loads(JsonFormatter("auth").format(record))
    request_id.reset(token)
    assert entry | {"at": None} == {
        "at": None, "level": "info", "service": "auth", "logger": None,
        "message": "hello you", "request_id": "abc", "ms": 1,
    }  # fmt: skip


def peers(handler) -> Peers:
    settings = Settings.load("trade", {"SERVICE_KEY": KEY, "DATA_URL": "http://data"})
    return Peers(settings, Tokens(settings), httpx.Client(transport=httpx.MockTransport(handler)))


def test_a_call_carries_the_request_s_id_and_token():
    seen = []
    bearer, identity = bearer_token.set("the user's"), request_id.set("id-1")
    peers(lambda request: seen.append(request) or httpx.Response(200, json={})).get("data", "/prices", symbol=None)
    bearer_token.reset(bearer)
    request_id.reset(identity)
    assert seen[0].headers["Authorization"] == "Bearer the user's"
    assert seen[0].headers["X-Request-ID"] == "id-1"
    assert str(seen[0].url) == "http://data/prices"


@pytest.mark.parametrize(("method", "attempts"), [("get", 2), ("post", 1)])
def test_what_writes_is_not_repeated(method, attempts):
    seen = []

    def broken(request):
        seen.append(request)
        raise httpx.ConnectError("gone")

    with pytest.raises(Problem, match="data did not answer"):
        getattr(peers(broken), method)("data", "/x", **({"body": {}} if method == "post" else {}))
    assert len(seen) == attempts


@pytest.mark.parametrize(("status", "passed_on"), [(404, 404), (409, 409), (500, 502), (503, 502)])
def test_a_peer_s_error_keeps_its_meaning(status, passed_on):
    answer = httpx.Response(status, json={"error": {"code": "c", "message": "m"}})
    with pytest.raises(Problem, match="data: m") as raised:
        peers(lambda _: answer).get("data", "/x")
    assert (raised.value.status, raised.value.code) == (passed_on, "c")


def test_health_names_what_is_down_and_live_does_not_care():
    down = {"state": "ok"}

    def check() -> None:
        if down["state"] != "ok":
            raise RuntimeError(down["state"])

    service = Service("demo", checks={"files": check})
    with TestClient(service.app) as client:
        assert client.get("/health/ready").json()["checks"] == {"files": "ok"}
        down["state"] = "disk gone\nand more"
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert answer.json()["checks"] == {"files": "down: disk gone"}
        assert client.get("/health/live").status_code == 200


def test_errors_have_one_shape_and_the_request_s_id():
    service = Service("demo")

    @service.app.get("/boom")
    def boom() -> None:
        raise ZeroDivisionError

    with TestClient(service.app) as client:
        for path, status, code in (
            ("/boom", 500, "internal"),
            ("/nowhere", 404, "http_error"),
            ("/internal/ping", 401, "unauthorized"),
        ):
            answer = client.get(path, headers={"X-Request-ID": "mine"})
            assert answer.status_code == status
            assert answer.json()["error"] | {"message": ""} == {"code": code, "message": "", "request_id": "mine"}
            assert answer.headers["X-Request-ID"] == "mine"
        odd = client.get("/health/live", headers={"X-Request-ID": 'a" b'}).headers["X-Request-ID"]
        assert len(odd) == 32
        assert (
            'http_requests_total{method="GET",route="/boom",service="demo",status="500"} 1.0'
            in client.get("/metrics").text
        )
