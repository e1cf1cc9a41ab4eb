"""What is pending, what stands against it, and which release may serve on which schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.schema import (
    Revision,
    Scripts,
    is_alembic,
    lines,
    misfit,
    noted,
    obstacles,
)

SCRIPT = '''"""{title}

More.
"""

revision = "{id}"
down_revision = {before!r}
{more}


def upgrade() -> None:
    {up}


def downgrade() -> None:
    """Back."""
    {down}
'''


def write(folder: Path, *scripts: dict) -> Path:
    versions = folder / "migrations/versions"
    versions.mkdir(parents=True)
    (folder / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s/migrations\n")
    for script in scripts:
        words = {"title": "Title", "before": None, "more": "", "up": "op.x()", "down": "op.y()", **script}
        (versions / f"{script['id']}.py").write_text(SCRIPT.format(**words))
    return folder


def scripts(*given: Revision) -> Scripts:
    return Scripts({each.id: each for each in given})


ONE = Revision("1", ())
TWO = Revision("2", ("1",), serves_from="1")
THREE = Revision("3", ("2",))


def test_scripts_are_read_and_not_run(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"id": "1", "up": "raise SystemExit(1)", "title": "First"},
        {"id": "2", "before": "1", "down": "pass", "more": 'serves_from = "1"'},
        {"id": "3", "before": "2", "down": 'raise NotImplementedError("never")'},
        {"id": "4", "before": ("3",), "up": "pass", "down": "pass"},
    )
    found = Scripts.read(tmp_path)
    assert found and found.heads == ("4",)
    assert found.revisions["1"] == Revision("1", (), "First")
    assert [each.undoable for each in found.revisions.values()] == [True, False, False, True]
    assert Scripts.unpacked(found.packed()) == found
    assert Scripts.read(tmp_path / "migrations") is None


def test_pending_ones_follow_those_before_them() -> None:
    branches = scripts(ONE, Revision("a", ("1",)), Revision("b", ("1",)), Revision("m", ("a", "b")))
    assert [each.id for each in branches.pending([])] == ["1", "a", "b", "m"]
    assert [each.id for each in branches.pending(["a"])] == ["b", "m"]
    assert branches.pending(["m"]) == []
    assert [each.id for each in scripts(Revision("x", ("y",)), Revision("y", ("x",))).pending([])] == []


def test_which_releases_a_schema_serves() -> None:
    assert scripts(ONE).serves() == ["1"]
    assert scripts(ONE, TWO).serves() == ["1", "2"]
    assert scripts(ONE, TWO, THREE).serves() == ["3"], "an undeclared one ends the range"
    assert scripts(ONE, TWO, Revision("3", ("2",), serves_from="2")).serves() == ["2", "3"]
    assert scripts(ONE, TWO, Revision("3", ("2",), serves_from="1")).serves() == ["1", "2", "3"]
    assert scripts(ONE, Revision("2", ("1",)), Revision("3", ("2",), serves_from="1")).serves() == ["2", "3"]


def test_what_cannot_be_undone_stands_in_the_way_unless_the_live_release_works_with_it() -> None:
    hard = Revision("2", ("1",), undoable=False)
    (said,) = obstacles("auth", scripts(ONE, hard), ["1"], ["1"])
    assert "the revision 2 cannot be undone" in said and 'serves_from = "1"' in said
    assert list(obstacles("auth", scripts(ONE, Revision("2", ("1",), undoable=False, serves_from="1")), ["1"], ["1"])) == []
    assert list(obstacles("auth", scripts(ONE, THREE), ["1"], ["1"])) == []
    assert list(obstacles("auth", scripts(ONE, hard), ["2"], ["2"])) == []


def test_data_that_is_newer_than_the_release_stands_in_the_way() -> None:
    (said,) = obstacles("auth", scripts(ONE), ["2"], ["2"])
    assert "at the revision 2, which this release does not know" in said


@pytest.mark.parametrize(
    ("note", "versions", "others", "said"),
    [
        ({"heads": ["1"], "serves": ["1"]}, ["1"], [], None),
        ({"heads": ["1"], "serves": ["1"]}, ["2"], [{"heads": ["2"], "serves": ["1", "2"]}], None),
        ({"heads": ["1"], "serves": ["1"]}, ["2"], [{"heads": ["2"], "serves": ["2"]}], "at the revision 2, and release r was made for 1"),
        ({"heads": ["1"], "serves": ["1"]}, ["2"], [{"heads": ["3"], "serves": ["1", "3"]}], "made for 1"),
        ({"heads": ["1"], "serves": ["1"]}, [], [], "at the revision (none)"),
        (None, ["2"], [], "does not say for which it was made"),
        (None, [], [], None),
    ],
)
def test_which_release_may_serve_on_a_schema(note, versions, others, said) -> None:
    found = misfit("auth", "r", note, versions, others)
    assert found is None if said is None else said in str(found)


def test_a_release_says_its_range_also_where_an_earlier_version_installed_it(tmp_path: Path) -> None:
    write(tmp_path / "source", {"id": "1"})
    assert noted(tmp_path, {"schema": {"heads": ["9"], "serves": ["9"]}}) == {"heads": ["9"], "serves": ["9"]}
    assert noted(tmp_path, {}) == {"heads": ["1"], "serves": ["1"]}
    assert noted(tmp_path / "migrations", {}) is None
    assert noted(tmp_path, None) is None


def test_words() -> None:
    assert lines("auth", [Revision("2", ("1",), "Sessions", False, "1")]) == [
        "auth: 2 Sessions; cannot be undone; releases from 1 on work with it"
    ]
    assert is_alembic(["alembic", "upgrade", "head"]) and is_alembic(["/x/bin/alembic"])
    assert not is_alembic(["python", "-m", "alembic"]) and not is_alembic(None)
