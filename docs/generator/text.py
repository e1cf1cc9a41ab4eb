"""Tables of Markdown, and the markup of plugin documentation as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

OWN = "cryptobot.native."


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Nothing for a table without rows."""
    lines = [[escaped(cell) for cell in row] for row in rows]
    if not lines:
        return ""
    names = list(head)
    return "\n".join([_row(names), "|" + "---|" * len(names), *map(_row, lines)])


def page(parts: Iterable[str]) -> str:
    """Paragraphs, tables and blocks of code, each with an empty line between."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escaped(cell: str) -> str:
    """In one line, so that no letter of it ends a cell or begins a tag, outside of code."""
    text = " ".join(cell.split()).replace("|", "\\|")
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def value(found: Any) -> str:
    """A value as YAML has it, as code; nothing for an empty text."""
    return "" if found is None else f"`{plain(found)}`"


def plain(found: Any) -> str:
    """The same without the marks of code."""
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, dict):
        return "{" + ", ".join(f"{key}: {plain(one)}" for key, one in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ", ".join(map(plain, found)) + "]"
    if found == "":
        return '""'
    return " ".join(str(found).split())


def paragraphs(description: str | list[str] | None) -> list[str]:
    """Each sentence or paragraph of a description, as Markdown."""
    return [marked(one) for one in ([description] if isinstance(description, str) else description or [])]


def marked(text: str) -> str:
    """Ansible's markup as Markdown."""
    text = re.sub(r"\b(?:M|P)\(([\w.]+)(?:#\w+)?\)", lambda name: f"`{name[1].removeprefix(OWN)}`", text)
    text = re.sub(r"\b(?:O|RV)\((?:[\w.]+#\w+:)?([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\b(?:C|V|E)\(([^)]*)\)", r"`\1`", text)
    text = re.sub(r"\bB\(([^)]*)\)", r"**\1**", text)
    text = re.sub(r"\bI\(([^)]*)\)", r"*\1*", text)
    text = re.sub(r"\bL\(([^,)]*),\s*([^)]*)\)", r"[\1](\2)", text)
    return re.sub(r"\bU\(([^)]*)\)", r"<\1>", text)


def typed(spec: dict[str, Any]) -> str:
    """Type of an option, with what a list holds and what may be chosen."""
    found = str(spec.get("type", "str"))
    if found == "list" and spec.get("elements"):
        found += f" of {spec['elements']}"
    choices = spec.get("choices")
    return found + (": " + ", ".join(f"`{plain(one)}`" for one in choices) if choices else "")


def default_of(spec: dict[str, Any]) -> str:
    """What an option is when it is left out, or that it must not be."""
    return "**needed**" if spec.get("required") else value(spec.get("default"))


def flat(
    options: dict[str, Any] | None, prefix: str = "", below: str = "suboptions"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Options with those inside them, by their paths."""
    for name, spec in (options or {}).items():
        yield f"{prefix}{name}", spec
        yield from flat(spec.get(below), f"{prefix}{name}.", below)
