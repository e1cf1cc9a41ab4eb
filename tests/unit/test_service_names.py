"""The collection knows no service by name: the catalogue does. (`data` is an ordinary word as well.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = set(yaml.safe_load((ROOT / "catalogues" / "cryptobot.yml").read_text(encoding="utf-8"))["services"]) - {
    "data"
}
NAMES = SERVICES | {name.replace("-", "_") for name in SERVICES}


class AnyTag(yaml.SafeLoader):
    """Reads YAML with whatever tags."""


AnyTag.add_multi_constructor(
    "", lambda loader, tag, node: getattr(node, "value", None) if isinstance(node, yaml.ScalarNode) else None
)


def yaml_literals(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, element in value.items():
            yield from yaml_literals(key)
            yield from yaml_literals(element)
    elif isinstance(value, list):
        for element in value:
            yield from yaml_literals(element)
    elif isinstance(value, str):
        yield value


def python_literals(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def files(pattern: str) -> list[Path]:
    found = [path for folder in ("roles", "plugins") for path in (ROOT / folder).rglob(pattern)]
    return [path for path in found if "__pycache__" not in path.parts]


@pytest.mark.parametrize("path", [*files("*.yml"), *files("*.yaml")], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_service_in_yaml(path: Path) -> None:
    documents = yaml.load_all(path.read_text(encoding="utf-8"), Loader=AnyTag)
    assert not [text for document in documents for text in yaml_literals(document) if text in NAMES]


@pytest.mark.parametrize("path", files("*.py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_service_in_python(path: Path) -> None:
    assert not [text for text in python_literals(path.read_text(encoding="utf-8")) if text in NAMES]


def test_a_literal_would_be_found() -> None:
    assert "auth" in NAMES and "trading_api" in NAMES
    assert list(python_literals('x = {"auth": 1}')) == ["auth"]
    assert "auth" in list(yaml_literals({"a": ["auth"]}))
