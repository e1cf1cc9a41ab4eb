# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the comparison: the databases of two servers, with a step of the journal and a file of evidence for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...migration import faults, journal
from ..endpoint import Endpoint
from . import run
from .result import DatabaseResult, Difference, summary

STEP = "verify:postgresql:"
MOST_LINES = 20
LONG_PAGES = 100
"""A comparison of less is over at once."""


def compare(options: Mapping[str, Any], *, keep: bool) -> dict[str, Any]:
    """The module's result. ``keep``: write steps and evidence, where a run is named."""
    began = time.monotonic()
    source, target = (Endpoint.from_options(options[side]) for side in ("source", "target"))
    wanted = run.Options(
        options["jobs"],
        options["rechecks"],
        options["pause"],
        options["most"],
        options["show_values"],
        tuple(options["tolerate"]),
    )
    kept = journal.Journal(options["directory"]) if keep and options["run"] else None
    databases: dict[str, Any] = {}
    differences: list[Difference] = []
    for pair in pairs(options["databases"]):
        with _step(kept, options["run"], pair) as evidence:
            found = run.compare(source, target, pair, replace(wanted, reached=_points(STEP + pair.datastore)))
            evidence.update(_evidence(found))
        databases[pair.datastore] = found.as_dict()
        differences += found.differences
    result = {
        "equal": not differences,
        "databases": databases,
        "differences": [each.as_dict() for each in differences],
        "seconds": round(time.monotonic() - began, 3),
    }
    if kept:
        names = "+".join(databases) or "none"
        result["evidence"] = kept.keep(options["run"], f"{STEP}{names}", {"at": journal.now(), **result})
    return result


def pairs(databases: list[Mapping[str, Any]]) -> list[run.Pair]:
    """The databases with what each has to know of the others."""
    mapped = {each["datastore"]: frozenset(each["roles"] or ()) for each in databases}
    return [
        run.Pair(
            each["datastore"],
            each["source"],
            each["target"],
            each["owner"],
            each["roles"] or {},
            each["access"] or {},
            frozenset().union(*mapped.values()) - mapped[each["datastore"]],
            each["restoring"],
            each["back"],
        )
        for each in databases
    ]


def failure(result: Mapping[str, Any]) -> str:
    """What differs, in sentences."""
    lines = summary([f"{each['datastore']}: {each['text']}" for each in result["differences"]], MOST_LINES)
    where = f" Everything is in {result['evidence']}." if "evidence" in result else ""
    return f"The target is not what the source is: {len(result['differences'])} differences.{where}\n{lines}"


def _points(step: str) -> Callable[[int, int], None]:
    """Passes the points at which a test may end the process."""
    shares: list[faults.Shares] = []

    def reached(pages: int, whole: int) -> None:
        if whole >= LONG_PAGES:
            shares[:] = shares or [faults.Shares(step, whole)]
            shares[0].reached(pages)

    return reached


@contextmanager
def _step(kept: journal.Journal | None, name: str | None, pair: run.Pair) -> Iterator[dict[str, Any]]:
    evidence: dict[str, Any] = {}
    if kept is None or name is None:
        yield evidence
        return
    inputs = {"source": pair.source, "target": pair.target, "owner": pair.owner}
    with kept.step(name, STEP + pair.datastore, inputs) as step:
        yield evidence
        step.evidence = evidence


def _evidence(found: DatabaseResult) -> dict[str, Any]:
    return {
        "equal": not found.differences,
        "differences": len(found.differences),
        "rows": sum(table.rows for table in found.tables.values()),
        "tables": {name: [table.rows, table.digest] for name, table in sorted(found.tables.items())},
        "versions": found.versions,
        "seconds": round(found.seconds, 3),
    }
