from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import unknown


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("shop_db", True),
        ("shop_db__incoming", True),
        ("shop_db__restoring", True),
        ("shop_db__replaced", True),
        ("shop_db__before_20260101-101010", True),
        ("shop_db__archive", False),
        ("shop_db2", False),
        ("postgres", False),
    ],
)
def test_what_was_made_of_a_known_one_is_known(name: str, known: bool) -> None:
    assert unknown.is_known(name, {"shop_db"}) is known


def test_an_empty_one_is_no_finding_and_a_full_one_is_named() -> None:
    assert unknown.finding("postgres", 7_000_000, []) == []
    (found,) = unknown.finding("reports", 7_000_000, [f"table public.t{index}" for index in range(7)])
    assert (found["severity"], found["code"], found["object"]) == ("decision", "unknown-database", "reports")
    assert "table public.t4 and 2 more (7 MB)" in found["text"]
    assert "database: reports" in found["remedy"]
