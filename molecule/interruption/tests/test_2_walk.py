"""A migration that dies at every point of its journal, and goes on; what it ends with, there and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import content
import pytest
from migration import Migration
from walk import Walk

# Every step, its shares, and the names that change; of containers, which are all stopped and started alike, two.
EACH = ["begin:*", "end:*", "done:*", "rename*", "*%", "*:rights", "*:promote", "*:exchanged", "*:manifest"]
CONTAINERS = ["docker:*:cryptobot?auth*", "docker:*:cryptobot?trade*"]
# One for each phase: here the controller dies, and leaves behind what works on the host.
THERE = [
    "begin:backup:postgresql:auth",
    "docker:update:cryptobot?data*",
    "copy:postgresql:auth:50%",
    "begin:verify:postgresql:trade",
    "rename:auth",
    "begin:open",
]
# Here the module dies, and the whole play is run again.
ENDS_THERE = ["end:close", "end:copy:postgresql:auth", "renamed:trade", "done:activate"]
ENDS_BACK = ["done:halt", "end:carry", "renamed:trade_db"]
BACK = ["carry:postgresql:auth:50%", "rename:auth_db", "docker:update:cryptobot?data*"]
WRITE = "UPDATE orders SET client_order_id = 'native-' || client_order_id"
KEPT = "SELECT json_agg(datname) FROM pg_database WHERE datname ~ '__before_'"
WRITTEN = "SELECT count(*) > 0 AND bool_and(client_order_id LIKE 'native-%') FROM orders"


def of_steps(migration: Migration, operation: str) -> set[str]:
    """Where each step of the last run begins, ends and is done, by the journal."""
    lines = migration.journal()
    run = [
        line["run"]
        for line in lines
        if line["step"] == "run" and (line.get("inputs") or {}).get("operation") == operation
    ][-1]
    steps = {line["step"] for line in lines if line["run"] == run and line["phase"] == "done"}
    return {f"{verb}:{step}" for step in steps for verb in ("begin", "end", "done")}


def begun(journal: list[dict[str, Any]], run: str) -> set[str]:
    """The beginning of a run that was refused once, and that the walk goes on with."""
    return {f"begin:{line['step']}" for line in journal if (line["run"], line["step"], line["phase"]) == (run, "run", "begin")}


def databases(migration: Migration) -> int:
    """How many databases move."""
    return len({line["step"] for line in migration.journal() if line["step"].startswith("activate:postgresql:")})


def unlike(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not name.startswith("docker:"))


@pytest.fixture(scope="module")
def there(migration: Migration) -> Walk:
    """Migrated, with a death at every point."""
    stopped: list[dict[str, str]] = []
    before = migration.journal()
    walked = Walk(migration, "migrate").run(
        [*EACH, *CONTAINERS], ENDS_THERE, THERE, {"end:close": lambda: stopped.append(content.docker(migration))}
    )
    walked.begun = begun(before, migration.journal()[-1]["run"])
    assert [content.docker(migration)] == stopped, "the source is as it was when its writers had stopped"
    return walked


def test_it_died_everywhere_and_arrived(migration: Migration, there: Walk) -> None:
    dead = {*there.died, *there.orphaned}
    assert unlike(of_steps(migration, "migrate") - dead - there.begun) == []
    assert unlike(there.missed()) == []
    assert len(there.orphaned) == len(THERE)
    assert migration.leftovers() == []
    report = migration.state(f"report/{migration.journal()[-1]['run']}.json")
    assert {step["name"] for step in report["steps"] if step["phase"] != "done"} == set()
    migration.no_faults()


def test_both_sides_are_equal(migration: Migration, there: Walk) -> None:
    said = migration.play("verify")
    assert "the native side writes" in said


def test_a_look_afterwards_changes_nothing(migration: Migration, there: Walk) -> None:
    before = migration.picture()
    migration.play("migrate", "--check")
    after = migration.picture()
    assert {name: after[name] for name in before if after[name] != before[name]} == {}


@pytest.fixture(scope="module")
def back(migration: Migration, there: Walk) -> Walk:
    """Rolled back, with a death at every point."""
    migration.native_sql("trade", WRITE)
    stopped: list[dict[str, str]] = []
    walked = Walk(migration, "rollback").run(
        [*EACH, *CONTAINERS], ENDS_BACK, BACK, {"done:halt": lambda: stopped.append(content.native(migration))}
    )
    assert [content.native(migration)] == stopped, "what is carried back is as it was when its writers had stopped"
    return walked


def test_it_came_back_from_everywhere(host, migration: Migration, back: Walk) -> None:
    dead = {*back.died, *back.orphaned}
    assert unlike(of_steps(migration, "rollback") - dead) == []
    assert unlike(back.missed()) == []
    assert len(back.orphaned) == len(BACK)
    assert migration.docker_sql("trade_db", WRITTEN) == "t"
    assert migration.leftovers() == []
    assert host.check_output("docker ps -q | wc -l") == host.check_output("docker ps -aq | wc -l")
    migration.no_faults()


def report(migration: Migration) -> dict[str, Any]:
    """Of the last run; with what was planned beside what it took."""
    made = migration.state(f"report/{migration.journal()[-1]['run']}.json")
    taken = {step["name"]: round(step["seconds"]) for step in made["steps"] if ":" not in step["name"]}
    print(f"--- {made['operation']}: users waited {made['freeze']} s; planned {made['predicted']}; took {taken}")
    return dict(made)


@pytest.fixture(scope="module")
def again(migration: Migration, back: Walk) -> str:
    """Migrated a second time; what the play said."""
    return migration.play("migrate")


def test_a_second_migration_replaces_what_the_first_left(migration: Migration, again: str) -> None:
    assert report(migration)["outcome"] == "done"
    assert "earlier runs have put aside" in " ".join(again.split()), "what the rollback put aside in Docker's server"
    assert migration.leftovers() == []
    assert len(json.loads(migration.native_sql("postgres", KEPT))) == databases(migration)
    assert migration.native_sql("trade", WRITTEN) == "t"


def test_a_second_rollback_keeps_what_both_put_aside(migration: Migration, again: str) -> None:
    migration.play("rollback")
    assert report(migration)["outcome"] == "done"
    assert migration.leftovers() == []
    assert migration.docker_sql("trade_db", WRITTEN) == "t"
    kept = [name.split("__before_") for name in json.loads(migration.docker_sql("postgres", KEPT))]
    assert len(kept) == 2 * databases(migration)
    assert len({run for __, run in kept}) == 2
    assert len(json.loads(migration.native_sql("postgres", KEPT))) == databases(migration)
