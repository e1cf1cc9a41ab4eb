"""Writes what of the documentation follows from the code: docs/generate.py [--check].

The pages are in docs/; of a role's README it is the part below the marker.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / ".ansible" / "collections"), str(ROOT / "docs")]

from generator import catalogue, picture, playbooks, plugins, roles  # noqa: E402


def pages() -> dict[str, str]:
    """Every generated file as it should be, by its path."""
    found = {
        "docs/architecture.svg": picture.picture(ROOT),
        "docs/catalogue.md": catalogue.reference(),
        "docs/filters.md": plugins.filters(ROOT),
        "docs/modules.md": plugins.modules(ROOT),
        "docs/playbooks.md": playbooks.playbooks(ROOT),
    }
    return found | roles.readmes(ROOT)


def main(arguments: list[str]) -> int:
    """Write the files, or say which ones are stale."""
    stale = {path: text for path, text in pages().items() if _current(ROOT / path) != text}
    if "--check" in arguments:
        if stale:
            sys.stderr.write(f"Stale: {', '.join(stale)}. Run: make docs\n")
        return 1 if stale else 0
    for path, text in stale.items():
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _current(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
