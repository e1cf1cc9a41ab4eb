"""The tests of the tests: with one rule of the window taken out, lost rows or failed requests must be reported.

Each on a stage of its own, which is broken afterwards.
"""

from __future__ import annotations

import time

import pytest
import stage as stages
from judge import judged
from parts import SlowWriter
from test_window import past_the_doors

SWITCHES = 4


def test_without_triggers_rows_are_lost() -> None:
    with stages.Stage() as stage, stage.load():
        for table in ("orders", "journal"):
            stage.place("docker", "trade").sql(f"ALTER TABLE {table} DISABLE TRIGGER zz_migration_fence")
        # Its note would stop the window, too.
        stage.place("docker", "trade").sql("DELETE FROM migration.ddl")
        promised, lost = past_the_doors(stage, "triggers")
        print(f"\nwithout triggers {lost} of {promised} acknowledged rows are missing")
        assert lost


def test_without_the_drain_what_is_under_way_fails() -> None:
    with stages.Stage() as stage, stage.load():
        writers = [SlowWriter(stage) for __ in range(3)]
        for __ in range(SWITCHES):
            stage.switch(stages.other(stage.writer()), hollow="drain")
            if any(status != 200 for writer in writers for status in writer.statuses):
                break
        statuses = [status for writer in writers for status in writer.stop()]
        failed = sum(status != 200 for status in statuses)
        print(f"\nwithout the drain {failed} of {len(statuses)} slow writes failed")
        assert failed


@pytest.mark.parametrize("rule", ["hold,drain", "sequences", "advance"])
def test_without_a_rule_it_is_noticed(rule) -> None:
    with stages.Stage() as stage, stage.load():
        began, wrong = time.time(), []
        for __ in range(SWITCHES):
            side = stage.writer()
            stage.switch(stages.other(side), hollow=rule)
            wrong = judged(stage, began).wrong
            if wrong:
                break
        print(f"\nwithout {rule}: {'; '.join(wrong)[:300]}")
        assert wrong
