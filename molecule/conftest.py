"""The order of the tests of all scenarios."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform is looked at as it was installed, before other tests stop parts of it."""
    items.sort(key=lambda item: item.path.name != "test_platform.py")
