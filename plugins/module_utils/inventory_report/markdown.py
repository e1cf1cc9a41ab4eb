# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory as Markdown, for a wiki or a review. The picture is a file beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Report = Mapping[str, Any]
PICTURE = "architecture.svg"


def markdown(report: Report, picture: str = PICTURE) -> str:
    """The whole page. ``picture``: where the diagram is, as a link; empty leaves it out."""
    parts = [f"# Inventory, {report['environment']}\n", "Made from the resolved catalogue; changes belong there.\n"]
    if picture:
        parts.append(f"![Architecture]({picture})\n")
    for title, head, rows in _tables(report):
        cells = [[_cell(value) for value in row] for row in rows]
        if cells:
            parts += [f"## {title}\n", *_table(head, cells), ""]
    return "\n".join(parts)


def _where(process: Mapping[str, Any]) -> str:
    """Why a process does not run on every host of the applications."""
    if process["exclusive"]:
        return " (exclusive)"
    return " (where its files are)" if process["one_host"] else ""


def _tables(report: Report) -> Iterator[tuple[str, Sequence[str], list[Sequence[object]]]]:
    services, stores = report["services"], report["datastores"]
    yield (
        "Hosts",
        ("host", "address", "groups", "services"),
        [(host["name"], _code(host["address"]), host["groups"], host["services"]) for host in report["hosts"]],
    )
    yield (
        "Services",
        (
            "service",
            "group",
            "wave",
            "runtime",
            "process",
            "public",
            "internal",
            "listens",
            "instances",
            "health",
            "user",
        ),
        [
            (
                one["name"],
                one["migration_group"],
                one["wave"],
                one["runtime"],
                process["name"] + _where(process),
                process["public"],
                process["internal"],
                process["listens"],
                process["instances"],
                _code(process["health"]),
                _code(one["user"]),
            )
            for one in services
            for process in one["processes"]
        ],
    )
    yield (
        "Dependencies",
        ("service", "calls", "called by", "starts after", "uses", "reaches beyond"),
        [
            (
                one["name"],
                one["calls"],
                one["called_by"],
                one["after"],
                [_use(use) for use in one["uses"]],
                one["egress"],
            )
            for one in services
        ],
    )
    yield (
        "Datastores",
        ("datastore", "kind", "host", "where", "owner", "users", "moves with", "under Compose"),
        [
            (
                store["name"],
                store["kind"],
                store["host"],
                _code(store["where"]),
                _code(store["owner"]),
                [f"{user['service']}{' (reads)' if user['access'] == 'read' else ''}" for user in store["users"]],
                store["migration_group"],
                [f"{key} {value}" for key, value in store["docker"].items()],
            )
            for store in stores
        ],
    )
    yield (
        "Entrance",
        ("path", "service", "process", "rewritten", "WebSocket"),
        [
            (
                _code(one["path"]),
                one["service"],
                one["process"],
                "stripped" if one["strip"] else one["rewrite"],
                one["websocket"],
            )
            for one in report["edge"]["routes"]
        ],
    )
    yield (
        "Ports",
        ("port", "address", "what", "whose", "hosts"),
        [(one["port"], _code(one["address"]), one["kind"], one["owner"], one["hosts"]) for one in report["ports"]],
    )
    yield (
        "Secrets",
        ("service", "secret", "handed over as", "file"),
        [
            (one["name"], secret["name"], secret["as"], _code(secret["path"]))
            for one in services
            for secret in one["secrets"]
        ],
    )
    yield (
        "Accounts",
        ("host", "user", "for", "further groups", "home"),
        [(one["host"], _code(one["user"]), one["for"], one["groups"], _code(one["home"])) for one in report["owners"]],
    )
    yield (
        "Files and directories",
        ("host", "path", "what", "service", "owner", "mode"),
        [
            (
                one["host"],
                _code(one["path"]),
                one["kind"],
                one["service"],
                f"{one['owner']}:{one['group']}",
                one["mode"],
            )
            for one in report["files"]
        ],
    )


def _use(use: Mapping[str, Any]) -> str:
    words = [use["datastore"]]
    words += ["(reads)"] if use["access"] == "read" else []
    words += [f"as {use['prefix']}*"] if use.get("prefix") else []
    words += [f"by a pool of {use['pool']}s"] if use.get("pool", "none") != "none" else []
    return " ".join(words)


def _code(value: object) -> str:
    return f"`{value}`" if value else ""


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _table(head: Iterable[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    names = list(head)
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
