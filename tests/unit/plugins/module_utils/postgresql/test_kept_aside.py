"""What runs put aside when they bring another database into place."""

from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import strategy
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.transfer import database

FIRST, SECOND = "20260102T030405", "20260102T030406"


def test_two_runs_put_it_aside_under_two_names() -> None:
    names = {database.kept(target, run) for target in ("auth", "é" * 30) for run in (FIRST, SECOND)}
    assert len(names) == 4
    assert f"auth__before_{FIRST}" in names
    assert all(len(name.encode()) <= database.LONGEST_NAME for name in names)


def test_the_plan_says_what_is_there_and_its_size() -> None:
    assert strategy.kept_aside("the native server", []) == []
    kept = [(f"auth__before_{FIRST}", 8 << 20), (f"auth__before_{SECOND}", 2 << 20)]
    (found,) = strategy.kept_aside("the native server", kept)
    assert found["severity"] == strategy.NOTE
    assert f"10 MB in 2 databases: auth__before_{FIRST}, auth__before_{SECOND}" in found["text"]
