# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of psql as a driver gives them."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.postgresql import psql


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What psql was told, and what it says."""
    told: dict[str, Any] = {"said": "[]", "code": 0}

    def run(argv: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        told.update(argv=argv, **options)
        return subprocess.CompletedProcess(argv, told["code"], told["said"], "ERROR:  no such\ntable")

    monkeypatch.setattr(subprocess, "run", run)
    return told


def cursor() -> psql.Cursor:
    return psql.Cursor(psql.argv("postgres", "/run/postgresql", 5432, "postgres", "shop"), RuntimeError)


def test_rows_are_taken_by_place_whatever_columns_are_called(asked: dict[str, Any]) -> None:
    asked["said"] = '[{"a":1,"a":["x", null]}, \n {"a":2.5,"a":null}]'
    found = cursor()
    found.execute("SELECT 1 AS a, 2 AS a")
    assert found.fetchall() == [(1, ["x", None]), (2.5, None)]
    assert found.fetchone() == (1, ["x", None])


def test_nothing_is_no_row(asked: dict[str, Any]) -> None:
    found = cursor()
    found.execute("SELECT 1 WHERE false")
    assert found.fetchall() == [] and found.fetchone() is None


def test_values_are_literals_and_nothing_can_be_written(asked: dict[str, Any]) -> None:
    cursor().execute("SELECT name FROM a WHERE name = ANY(%s) AND b = %s AND c LIKE 'x%%'", (["o'b", "p"], "\\q"))
    assert "ANY(ARRAY['o''b', 'p']::text[]) AND b =  E'\\\\q' AND c LIKE 'x%'" in asked["argv"][-1]
    assert asked["env"]["PGOPTIONS"] == "-c default_transaction_read_only=on"


def test_what_the_server_refuses_is_said_in_one_line(asked: dict[str, Any]) -> None:
    asked["code"] = 1
    with pytest.raises(RuntimeError, match="ERROR: no such table"):
        cursor().execute("SELECT 1")
