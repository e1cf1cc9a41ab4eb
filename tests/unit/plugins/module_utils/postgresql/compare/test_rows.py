# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.result import Difference, TableResult
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.rows import (
    Row,
    _paired,
    differing_rows,
    together,
)
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.run import DatabaseResult, _tolerate
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.session import Interrupted
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.compare.tables import Plan, Table
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql.endpoint import EndpointError

KEYED = Plan(Table("t", "r", 1, ("id", "name"), {"id": "integer", "name": "text"}, ("id",)), "h", "b")
KEYLESS = Plan(Table("t", "r", 1, ("id", "name"), {"id": "integer", "name": "text"}, ()), "h")


def merged(source: list, target: list, plan: Plan = KEYED) -> list[tuple]:
    rows = differing_rows(plan, iter(source), iter(target))
    return [(row.key[0], row.source and row.source[0], row.target and row.target[0]) for row in rows]


def test_missing_extra_and_changed_rows():
    source = [("1", 11, 1, "a"), ("2", 22, 1, "b"), ("4", 44, 1, "c")]
    target = [("2", 23, 1, "x"), ("3", 33, 1, "y"), ("4", 44, 1, "z")]
    assert merged(source, target) == [("1", 11, None), ("2", 22, 23), ("3", None, 33)]


def test_a_side_that_ends_early():
    assert merged([], [("1", 1, 1, "a")]) == [("1", None, 1)]
    assert merged([("1", 1, 1, "a"), ("2", 2, 1, "b")], [("1", 1, 1, "a")]) == [("2", 2, None)]


def test_a_key_twice_on_one_side_is_a_difference():
    assert merged([("1", 11, 1, "a")], [("1", 11, 1, "a"), ("1", 11, 1, "b")]) == [("1", 11, 11)]


def test_null_in_a_key_comes_last():
    assert merged([("9", 1, 1, "a")], [("9", 1, 1, "a"), (None, 2, 1, "b")]) == [("", None, 2)]


def test_equal_rows_without_a_key_are_counted():
    assert merged([(7, 7, 5, "a")], [(7, 7, 4, "a")], KEYLESS) == [("7", 7, 7)]
    assert merged([(-7, -7, 5, "a"), (7, 7, 1, "b")], [(7, 7, 1, "c")], KEYLESS) == [("-7", -7, None)]


def test_a_changed_row_without_a_key_is_told_as_one():
    rows = [Row(("1",), (1, 1, "a"), None), Row(("2",), None, (2, 1, "b")), Row(("3",), None, (3, 1, "c"))]
    values = [{"a": {"id": "1", "name": "x"}}, {"b": {"id": "8", "name": "y"}, "c": {"id": "1", "name": "z"}}]
    changed, extra = _paired(rows, ["id", "name"], values)
    assert (changed.source, changed.target) == ((1, 1, "a"), (3, 1, "c"))
    assert extra.key == ("2",)


def test_tolerated_differences_are_intended():
    found = DatabaseResult("auth", "a", "b", {"t": TableResult()})
    found.differences = [
        Difference("auth", "database", "auth", "x", None, ("collate", "ctype")),
        Difference("auth", "row", "t", "y", {"id": "1"}, ("name",)),
    ]
    _tolerate(found, [{"kind": "database", "columns": "c*"}])
    assert [each.kind for each in found.differences] == ["row"] and [each.kind for each in found.intended] == [
        "database"
    ]


class Quiet:
    """A side that has nothing to interrupt."""

    def interrupt(self) -> None:
        """Nothing runs."""


def test_the_cause_is_told_and_not_what_it_ended() -> None:
    """A task below ends the others before its own failure arrives here."""
    heard = threading.Event()

    def ended() -> None:
        try:
            raise Interrupted("canceling statement due to user request.")
        finally:
            heard.set()

    def cause() -> None:
        heard.wait(5)
        raise EndpointError("the disk is full.")

    with pytest.raises(EndpointError, match="the disk is full"):
        together((Quiet(), Quiet()), [ended, cause])
    with pytest.raises(Interrupted):
        together((Quiet(), Quiet()), [ended])
