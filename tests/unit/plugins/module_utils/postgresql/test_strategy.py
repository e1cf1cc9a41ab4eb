"""How many databases a server lets be followed at once."""

from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.strategy import short

USUAL = {
    "max_logical_replication_workers": 4,
    "max_replication_slots": 10,
    "max_wal_senders": 10,
    "max_worker_processes": 8,
}


def test_four_databases_fit_what_postgresql_has_by_itself() -> None:
    assert short(USUAL, 4) == []


def test_a_fifth_one_would_have_no_worker() -> None:
    assert short(USUAL, 5) == ["max_logical_replication_workers is 4, and with 5 databases at least 5 are needed"]


def test_everything_that_is_too_low_is_named() -> None:
    assert [text.split()[0] for text in short(USUAL, 11)] == sorted(USUAL)
    assert short({}, 11) == [], "of a server that is not known nothing is said"
