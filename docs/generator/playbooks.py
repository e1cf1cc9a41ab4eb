"""The list of playbooks, from the comment at the head of each."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from .text import page, table

HEAD = """# Playbooks

<!-- Made by make docs from the head of each playbook. -->

Run from a clone as `ansible-playbook playbooks/NAME.yml`, from an installed collection as `ansible-playbook cryptobot.native.NAME`.
"""


def playbooks(root: Path) -> str:
    """The page."""
    rows, sections = [], []
    for path in sorted((root / "playbooks").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        about = _about(text)
        said = re.split(r":?\s+ansible-playbook|\n", about, maxsplit=1)[0].rstrip(".:")
        rows.append((f"[`{path.stem}`](#{path.stem})", said))
        steps = [play["name"] for play in yaml.safe_load(text) if play.get("name")]
        sections += [f"## {path.stem}", _written(about), f"Steps: {' → '.join(steps)}."]
    return page([HEAD, table(("playbook", "what it does"), rows), *sections])


def _about(text: str) -> str:
    """The comment before the first play, without its marks."""
    lines = []
    for line in text.splitlines():
        if line.startswith("#"):
            lines.append(line.removeprefix("#").removeprefix(" "))
        elif line.strip() not in ("", "---"):
            break
    return "\n".join(lines) or "Part of other playbooks."


def _written(about: str) -> str:
    """Sentences as they are, the command as code."""
    command = r":\s+(ansible-playbook [^\n]*(?:\n +[^\n]*)*)\n?"
    return re.sub(command, lambda found: f":\n\n```console\n$ {found[1]}\n```\n\n", about, count=1)
