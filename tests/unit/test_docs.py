"""Generated pages say what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs"))

from generator import playbooks, roles, text  # noqa: E402

ROLES = sorted((ROOT / "roles").glob("*/"))


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_says_by_hand_what_it_is(role: Path) -> None:
    prose, marker, __ = (role / "README.md").read_text(encoding="utf-8").partition(roles.MARKER)
    assert marker and len(prose.split()) > 15


def test_what_is_written_by_hand_stays(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    specs = "argument_specs: {main: {short_description: Does it, options: {x_size: {type: int, default: 3, description: Its size.}}}}"
    (tmp_path / "meta" / "argument_specs.yml").write_text(specs)
    (tmp_path / "defaults").mkdir()
    (tmp_path / "defaults" / "main.yml").write_text("---\n# Its size in MB; a larger one is slower.\nx_size: 3\n")
    made = roles.readme(tmp_path, "# x\n\nBy hand.\n")
    assert made.startswith("# x\n\nBy hand.\n\n<!--")
    assert "| `x_size` | int | `3` | Its size in MB; a larger one is slower. |" in made
    assert roles.readme(tmp_path, made) == made
    assert roles.readme(tmp_path, "").startswith(f"# {tmp_path.name}\n\nDoes it.\n")


def test_comments_of_defaults() -> None:
    defaults = "---\n# About both,\n# in two lines.\na: 1\nb: 2\n\n# Alone.\nc: [x]\n\nd: 3\n"
    both = "About both, in two lines."
    assert roles.comments_of(defaults) == {"a": both, "b": both, "c": "Alone.", "d": ""}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (
            "Options of M(cryptobot.native.units), and P(cryptobot.native.units_of#filter).",
            "Options of `units`, and `units_of`.",
        ),
        ("O(wanted) or V(0), as RV(blocking) says.", "`wanted` or `0`, as `blocking` says."),
        ("The option O(cryptobot.native.preflight_info#module:wanted).", "The option `wanted`."),
        ("B(Never) I(so); L(a page,https://example.com).", "**Never** *so*; [a page](https://example.com)."),
        ("ACL(5) stays.", "ACL(5) stays."),
    ],
)
def test_markup(written: str, shown: str) -> None:
    assert text.marked(written) == shown


def test_tables_hold_whatever_is_in_a_cell() -> None:
    assert text.table(["a"], [["x | y\n<b> `<c>`"]]) == "| a |\n|---|\n| x \\| y &lt;b> `<c>` |"
    assert text.table(["a"], []) == ""


def test_every_playbook_says_what_it_does() -> None:
    page = playbooks.playbooks(ROOT)
    for path in (ROOT / "playbooks").glob("*.yml"):
        assert f"\n## {path.stem}\n" in page
    assert "$ ansible-playbook cryptobot.native.init -e project=DIR" in page
