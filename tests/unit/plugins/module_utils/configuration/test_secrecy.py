"""What is a secret, and what a diff shows of it."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.configuration.secrecy import HIDDEN, is_secret, shown

SECRETS = [
    ("DB_PASSWORD", "x"),
    ("API_KEY", "abc"),
    ("STRIPE_SECRET", "1"),
    ("SMTP_PASS", "hunter2"),
    ("PIN", "1234"),
    ("X", "postgresql://user:word@host/db"),
    ("WEBHOOK", "https://h/x?token=abc"),
    ("X", "-----BEGIN PRIVATE KEY-----\nMII"),
    ("X", "eyJhbGciOiJFUzI1NiJ9.e30.x"),
    ("X", "9f86d081884c7d659a2feaa0c55ad015"),
    ("X", "Tr0ub4dor3xY7zK9mQ2wE5rT"),
    ("JWT_SIGNING", "some words"),
    ("HASH", "$2b$12$abcdefghijklmnopqrstuv"),
    ("OPENAI", "sk-abcdefghijklmnop123"),
]
PLAIN = [
    ("LOG_LEVEL", "info"),
    ("TOKEN_MINUTES", "60"),
    ("JWT_ALGORITHM", "ES256"),
    ("AUTH_ENABLED", "true"),
    ("JWT_PUBLIC_KEY_FILE", "/run/secrets/jwt_public"),
    ("DATABASE_URL", "postgresql://user@host:5432/db"),
    ("AUTH_URL", "http://auth-service:8000"),
    ("EMPTY_TOKEN", ""),
    ("PATHS", "/opt/application/1.2.3/releases/current/bin"),
    ("GREETING", "Grüße, it costs $5 # really"),
    ("PAGE_SIZE", "200"),
    ("FEATURES", "a,b,c"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS)
def test_secrets_are_taken_for_some_and_not_shown(name, value):
    assert is_secret(name, value)
    text = shown(name, value)
    assert text == HIDDEN or "***" in text


@pytest.mark.parametrize(("name", "value"), PLAIN)
def test_what_is_none_is_shown(name, value):
    assert not is_secret(name, value)
    assert shown(name, value) == value


def test_a_url_is_shown_without_its_password():
    assert shown("X", "redis://:pw9@redis:6379/0") == "redis://:***@redis:6379/0"
    assert shown("X", "https://h/x?token=abc&a=1") == "https://h/x?token=***&a=1"
    assert shown("DB_PASSWORD", "redis://:pw9@redis:6379/0") == "redis://:***@redis:6379/0"


def test_a_value_takes_one_line():
    assert shown("MOTD", "two\nlines") == r"two\nlines"
    assert shown("LONG", "word " * 60).endswith("(300 characters)")
    assert shown("GONE", None) == ""
