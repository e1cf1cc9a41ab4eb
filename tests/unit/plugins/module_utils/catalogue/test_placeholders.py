"""Placeholders."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.placeholders import (
    PlaceholderError,
    names,
    render,
    showable,
)

KNOWN = {"a": "1", "b.c": "{x}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("{a}", "1"),
        ("x{a}y{a}", "x1y1"),
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ("{b.c}", "{x}"),
        ('{{"k": "{a}"}}', '{"k": "1"}'),
        ("$HOME %d \\", "$HOME %d \\"),
    ],
)
def test_render(text: str, expected: str) -> None:
    assert render(text, KNOWN.get) == expected


def test_what_is_left_can_be_rendered_later() -> None:
    half = render("{a} {{literal}} {b.c} {later}", KNOWN.get)
    assert render(half, {"later": "2"}.get) == "1 {literal} {x} 2"


@pytest.mark.parametrize("text", ["{", "}", "a{b", "{a}}", "{a{b}}"])
def test_lone_braces_are_refused_without_showing_the_text(text: str) -> None:
    with pytest.raises(PlaceholderError) as caught:
        list(names(text))
    assert text not in str(caught.value).replace("{{ and }}", "")


def test_only_names_are_shown() -> None:
    assert showable("urls.trade") == "{urls.trade}"
    assert "s3cret value" not in showable("s3cret value")
