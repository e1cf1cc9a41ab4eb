"""Docker's names in values become native addresses, and nothing else changes."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.resolve import resolve
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.rewriting import (
    Address,
    Rewriter,
    addresses_of,
)
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.validate import validate
from ansible_collections.cryptobot.native.tests.unit.plugins.plugin_utils.catalogue_cases import one_host, shipped

ADDRESSES = {
    "postgres": {5432: Address("127.0.0.1", 5432)},
    "redis": {6379: Address("10.0.0.9", 6380)},
    "auth-service": {8000: Address("127.0.0.1", 28000), 80: Address("127.0.0.1", 28080)},
    "web": {80: Address("fd00::1", 28001), 443: Address("127.0.0.1", 28443)},
}


def rewritten(text: str) -> str:
    return Rewriter(ADDRESSES).text(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://auth-service:8000", "http://127.0.0.1:28000"),
        ("http://auth-service:8000/api?next=http://x/y#z", "http://127.0.0.1:28000/api?next=http://x/y#z"),
        ("http://auth-service", "http://127.0.0.1:28080"),
        ("http://auth-service/", "http://127.0.0.1:28080/"),
        ("https://web/x", "https://127.0.0.1:28443/x"),
        ("http://web", "http://[fd00::1]:28001"),
        ("postgresql://postgres:postgres@postgres/postgres", "postgresql://postgres:postgres@127.0.0.1:5432/postgres"),
        (
            "postgresql+asyncpg://u@postgres:5432/auth_db?host=postgres",
            "postgresql+asyncpg://u@127.0.0.1:5432/auth_db?host=postgres",
        ),
        ("redis://:p%40ss@redis:6379/0", "redis://:p%40ss@10.0.0.9:6380/0"),
        ("redis://redis", "redis://10.0.0.9:6380"),
        ("http://auth-service:8000,http://web:80", "http://127.0.0.1:28000,http://[fd00::1]:28001"),
        ("postgresql://u@postgres:5432,other:5432/db", "postgresql://u@127.0.0.1:5432,other:5432/db"),
        ("redis:6379", "10.0.0.9:6380"),
        ("redis:6379,postgres:5432", "10.0.0.9:6380,127.0.0.1:5432"),
        ('{"url": "http://auth-service:8000"}', '{"url": "http://127.0.0.1:28000"}'),
        ("--broker=redis:6379 --db=postgres:5432", "--broker=10.0.0.9:6380 --db=127.0.0.1:5432"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert rewritten(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "KONG_DATABASE=postgres",
        "postgres",
        "postgresql://u@elsewhere/postgres",
        "redis",
        "redis/redis",
        "auth-service",
        "postgres:latest",
        "postgres:5432x",
        "my-redis:6379",
        "redis.example.com:6379",
        "http://my-auth-service:8000",
        "http://auth-service.example.com:8000",
        "http://example.com/redis:6379",
        "http://example.com/?to=redis:6379",
        "user@redis:6379",
        "image: registry/postgres:15",
        "redis:6379:ro",
        "/redis:6379",
        "redis://user:redis@10.0.0.1/0",
        "http://[::1]:8000/",
        "12:30",
        "",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert rewritten(text) == text


def test_a_port_that_nobody_knows_stays_and_is_remembered() -> None:
    rewriter = Rewriter(ADDRESSES)
    assert rewriter.text("http://auth-service:9999/x redis:1") == "http://auth-service:9999/x redis:1"
    assert rewriter.left == ["auth-service:9999", "redis:1"]


def test_rewriting_twice_is_rewriting_once() -> None:
    text = "http://auth-service:8000/x redis:6379"
    assert rewritten(rewritten(text)) == rewritten(text)


def test_structures_keep_their_shape_and_keys() -> None:
    data = {"redis:6379": ["redis:6379", 6379, None, True, {"deep": "http://auth-service:8000"}]}
    assert Rewriter(ADDRESSES).rewrite(data) == {
        "redis:6379": ["10.0.0.9:6380", 6379, None, True, {"deep": "http://127.0.0.1:28000"}]
    }


def test_addresses_follow_from_the_catalogue() -> None:
    addresses = addresses_of(resolve(validate(shipped()).usable, one_host(), {}))
    assert addresses["auth-service"] == {8000: Address("127.0.0.1", 28000)}
    assert addresses["trade-service"] == {8000: Address("127.0.0.1", 28012)}
    assert addresses["postgres"] == {5432: Address("127.0.0.1", 5432)}
