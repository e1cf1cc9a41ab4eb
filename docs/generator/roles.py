"""The options of a role in its README, from its argument specs and the comments above its defaults.

What stands above the marker is written by hand and stays.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from .text import flat, page, paragraphs, plain, table, typed

MARKER = "<!-- Below: made by make docs from meta/argument_specs.yml and defaults/main.yml. -->"


def readmes(root: Path) -> dict[str, str]:
    """The README of each role, by its path below the root."""
    found = {}
    for specs in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parents[1]
        path = role / "README.md"
        written = path.read_text(encoding="utf-8") if path.exists() else ""
        found[str(path.relative_to(root))] = readme(role, written)
    return found


def readme(role: Path, written: str) -> str:
    """A README whose lower part says what the role is given."""
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    prose = written.partition(MARKER)[0].rstrip() or _prose(role.name, entries)
    return page([prose, MARKER, _generated(role, entries)])


def _prose(name: str, entries: dict[str, Any]) -> str:
    entry = entries.get("main") or next(iter(entries.values()))
    return "\n\n".join([f"# {name}", f"{entry['short_description']}.", *paragraphs(entry.get("description"))])


def _generated(role: Path, entries: dict[str, Any]) -> str:
    path = role / "defaults" / "main.yml"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    defaults, comments = yaml.safe_load(text) or {}, comments_of(text)
    options: dict[str, dict[str, Any]] = {}
    users: dict[str, list[str]] = {}
    for entry, spec in entries.items():
        for name, option in flat(spec.get("options"), below="options"):
            options.setdefault(name, option)
            users.setdefault(name, []).append(entry)
    several = len(entries) > 1
    parts = []
    if several:
        rows = [(f"`{name}`", f"{spec['short_description'].rstrip('.')}.") for name, spec in entries.items()]
        parts += ["## Entry points", table(("tasks_from", "what it does"), rows)]
    rows = []
    for name, option in options.items():
        texts = [" ".join(paragraphs(option.get("description"))), comments.get(name, "")]
        default = "**needed**" if option.get("required") else f"`{plain(defaults.get(name, option.get('default')))}`"
        if not option.get("required") and name not in defaults and option.get("default") is None:
            default = ""
        row = [f"`{name}`", typed(option), default, max(texts, key=len)]
        rows.append(row + ([_entries(users[name], entries)] if several else []))
    # A column that says the same everywhere says nothing.
    if several and len({row[-1] for row in rows}) == 1:
        several, rows = False, [row[:-1] for row in rows]
    head = ("option", "type", "default", "what", *(["entry points"] if several else []))
    return page([*parts, "## Options", table(head, rows) or "None."])


def _entries(named: list[str], entries: dict[str, Any]) -> str:
    return "all" if len(named) == len(entries) else ", ".join(f"`{name}`" for name in named)


def comments_of(defaults: str) -> dict[str, str]:
    """The comment above each default; defaults without an empty line between them share one."""
    found, lines, shared = {}, [], False
    for line in defaults.splitlines():
        if line.startswith("#"):
            lines = [*([] if shared else lines), line.lstrip("# ").rstrip()]
            shared = False
        elif name := re.match(r"(\w+):", line):
            found[name[1]], shared = " ".join(lines), True
        elif not line.strip():
            lines, shared = [], False
    return found
