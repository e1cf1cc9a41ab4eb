# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did: its steps with their times and what they proved, as JSON, as a page, and for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import page, runs, words
from .journal import Journal

FRAMES = (
    *("plan", "backup", "prepare", "configuration", "stop", "close", "copy", "verify", "activate", "open", "start", "processes"),
    *("adopt", "follow", "standby", "ready", "solo", "window", "again", "leave", "guests", "unfollow"),
    *("halt", "carry", "carried", "discard", "return", "serve", "restore"),
)
"""Steps that hold others, in the order of a migration; the report shows what they hold below them."""
PROOFS = ("equal", "differences", "rows", "keys", "files", "variables", "bytes")
"""Of a step's evidence what the summary shows."""
DONE, FAILED = "done", "failed"


def build(journal: Journal, run: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The report as JSON. ``more``: ``urls``, ``next``, ``sides``, ``host``."""
    known = next(each for each in runs.runs(journal) if each.id == run)
    steps = runs.timeline(journal.lines(), journal, run)
    last = max([known.begun, known.ended, *(step.ended for step in steps)])
    return {
        "version": 1,
        "run": run,
        "operation": known.operation,
        "group": known.inputs.get("group", ""),
        "begun": known.begun,
        "ended": last,
        "seconds": runs.seconds_between(known.begun, last),
        "outcome": known.outcome or "unfinished",
        "freeze": freeze(steps),
        "steps": [
            {
                "name": step.name,
                "begun": step.begun,
                "ended": step.ended,
                "seconds": round(step.seconds, 3),
                "phase": step.phase,
                "attempts": step.attempts,
                "error": step.error,
                "evidence": step.evidence,
            }
            for step in steps
        ],
        "predicted": next((step.evidence.get("seconds") for step in steps if step.name == "plan"), None) or {},
        **{key: more[key] for key in ("urls", "next", "sides", "host") if key in more},
    }


def freeze(steps: Sequence[runs.Timed]) -> float | None:
    """Seconds in which neither side served: from the stop's begin to the start's end; ``None`` where it is not over."""
    named = {step.name: step for step in steps}
    first, last = named.get("stop") or named.get("halt"), named.get("start") or named.get("serve")
    if not first or not last or last.phase != DONE:
        return None
    return runs.seconds_between(first.begun, last.ended)


def lines(report: Mapping[str, Any]) -> list[str]:
    """The summary for the screen."""
    rows = [
        [step["name"], words.duration(step["seconds"]), _state(step), _proof(step["evidence"])]
        for step in report["steps"]
    ]
    result = [f"{report['operation'].capitalize()} {report['run']}: {report['outcome']}", ""]
    result += words.columns(("step", "#time", "", "proof"), rows)
    result += ["", f"Altogether {words.duration(report['seconds'])}" + _frozen(report)]
    if urls := report.get("urls"):
        result += ["", "Where users find it"]
        result += words.columns(("", ""), [[f"  {each['service']}", each["url"]] for each in urls])[1:]
    if report.get("next"):
        result += ["", *report["next"]]
    return result


def _frozen(report: Mapping[str, Any]) -> str:
    if report["freeze"] is None:
        return "."
    planned = (report.get("predicted") or {}).get("freeze")
    beside = f", planned {words.duration(planned)}" if planned else ""
    return f"; users waited {words.duration(report['freeze'])}{beside}."


def _state(step: Mapping[str, Any]) -> str:
    again = f", {step['attempts']} attempts" if step["attempts"] > 1 else ""
    return ("" if step["phase"] == DONE else step["phase"]) + again


def _proof(evidence: Mapping[str, Any]) -> str:
    """The figures of a step's evidence in a few words."""
    found = []
    for key in PROOFS:
        value = evidence.get(key)
        if isinstance(value, bool):
            found.append(f"{key} {'yes' if value else 'no'}")
        elif isinstance(value, int):
            found.append(words.size(value) if key == "bytes" else f"{words.count(value)} {key}")
    for key, what in (("write_window", "writes waited"), ("held", "held")):
        if isinstance(evidence.get(key), float):
            found.append(f"{what} {evidence[key] * 1000:.0f} ms")
    return ", ".join(found)


def render(report: Mapping[str, Any]) -> str:
    """The page."""
    lead = (
        f"Run {report['run']}, migration group {report['group']}, begun {report['begun']}: {report['outcome']} after "
        f"{words.duration(report['seconds'])}{_frozen(report)}"
    )
    urls = [[each["service"], page.code(each["url"])] for each in report.get("urls", [])]
    return page.page(
        f"Report of the {report['operation']}",
        lead,
        page.section("Timeline", _timeline(report)),
        page.section("Evidence", *_evidence(report["steps"])),
        page.section("Which side writes", _sides(report["sides"])) if report.get("sides") else "",
        page.section("Where users find it", page.table(("service", "address"), urls)) if urls else "",
        page.section("Next", page.listing(report["next"])) if report.get("next") else "",
    )


def _timeline(report: Mapping[str, Any]) -> page.Raw:
    whole = max(report["seconds"], 0.001)
    rows = []
    for step in report["steps"]:
        left = min(1.0, runs.seconds_between(report["begun"], step["begun"]) / whole)
        kind = {DONE: "good", FAILED: "bad"}.get(step["phase"], "warn")
        name = page.code(step["name"]) if step["name"] not in FRAMES else step["name"]
        state = page.mark(step["phase"], kind)
        said = [_proof(step["evidence"]), f"{step['attempts']} attempts" if step["attempts"] > 1 else "", step["error"]]
        line = page.track(left, min(step["seconds"] / whole, 1 - left))
        rows.append([name, words.duration(step["seconds"]), line, state, "; ".join(word for word in said if word)])
    predicted = report.get("predicted") or {}
    note = (
        page.mark(f"Planned: users wait {words.duration(predicted['freeze'])}.", "soft")
        if predicted.get("freeze")
        else ""
    )
    return page.Raw(page.table(("step", "#time", "", "", ""), rows) + page.escape(note))


def _evidence(steps: Iterable[Mapping[str, Any]]) -> list[object]:
    found = [(step["name"], step["evidence"]) for step in steps if step["evidence"]]
    return [page.folded(page.code(name), _tree(evidence)) for name, evidence in found] or ["None."]


def _tree(value: Any) -> page.Raw:
    """Nested values as nested lists."""
    if isinstance(value, Mapping):
        return page.listing(page.Raw(f"{page.escape(key)}: {_tree(each)}") for key, each in value.items())
    if isinstance(value, list):
        return page.listing(_tree(each) for each in value)
    return page.Raw(page.escape(value))


def _sides(sides: Mapping[str, Any]) -> page.Raw:
    rows = [[page.code(name), side] for name, side in sorted((sides.get("datastores") or {}).items())]
    return page.table(("datastore", "writer"), rows)
