"""The references of modules and filters, from what each says of itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .text import default_of, flat, marked, page, paragraphs, table, typed, value

NAMES = ("DOCUMENTATION", "EXAMPLES", "RETURN")


def modules(root: Path) -> str:
    """The page of all modules."""
    head = "Most of them are called by roles and playbooks; every one works in check mode, by the same plan as the real run."
    folder = root / "plugins" / "modules"
    return _page("Modules", head, {path.stem: _read(path) for path in sorted(folder.glob("*.py"))}, "module")


def filters(root: Path) -> str:
    """The page of all filters: each is documented in its own file, or in the one that has it."""
    folder = root / "plugins" / "filter"
    found = {path.stem: _of_yaml(path) for path in folder.glob("*.yml")}
    for path in folder.glob("*.py"):
        if documentation := _read(path):
            found[path.stem] = documentation
    head = "They turn the resolved catalogue into what roles, playbooks and people need."
    return _page("Filters", head, dict(sorted(found.items())), "filter")


def _of_yaml(path: Path) -> dict[str, Any]:
    page = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"about": page["DOCUMENTATION"], "examples": page.get("EXAMPLES", ""), "returned": page.get("RETURN") or {}}


def _read(path: Path) -> dict[str, Any]:
    """The three documents of a plugin's file; empty for one without."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in NAMES:
            found[node.targets[0].id] = ast.literal_eval(node.value)
    if "DOCUMENTATION" not in found:
        return {}
    about, returned = (yaml.safe_load(found.get(name, "")) or {} for name in ("DOCUMENTATION", "RETURN"))
    return {"about": about, "examples": found.get("EXAMPLES", ""), "returned": returned}


def _page(title: str, head: str, found: dict[str, dict[str, Any]], kind: str) -> str:
    rows = [(f"[`{name}`](#{name})", marked(one["about"]["short_description"])) for name, one in found.items()]
    parts = [f"# {title}", "<!-- Made by make docs from the documentation in the plugins. -->", head]
    parts.append(table((kind, "what it does"), rows))
    for name, one in found.items():
        parts += _section(name, one)
    return page(parts)


def _section(name: str, one: dict[str, Any]) -> Iterator[str]:
    about, returned = one["about"], one["returned"]
    yield f"## {name}"
    yield f"{marked(about['short_description']).rstrip('.')}."
    yield from paragraphs(about.get("description"))
    if "cryptobot.native.attributes.info" in (about.get("extends_documentation_fragment") or []):
        yield "Reads only."
    options = [
        (f"`{path}`", typed(spec), default_of(spec), " ".join(paragraphs(spec.get("description"))))
        for path, spec in flat(about.get("options"))
    ]
    yield table(("option", "type", "default", "what"), options)
    if examples := one["examples"].strip():
        yield f"```yaml\n{examples}\n```"
    given = [
        (f"`{path}`", typed(spec), " ".join(paragraphs(spec.get("description"))), value(spec.get("sample")))
        for path, spec in flat(returned, below="contains")
        if path != "_value"
    ]
    yield table(("returned", "type", "what", "for example"), given)
    if whole := returned.get("_value"):
        yield f"Gives a {whole.get('type', 'value')}: {' '.join(paragraphs(whole.get('description')))}"
