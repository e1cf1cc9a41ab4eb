"""What is compared by content while requests wait, and what is too much for that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.cutover import copies
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError, Place

LITTLE = {"files": 12, "bytes": 4000}


def refreshed(monkeypatch: pytest.MonkeyPatch, seen: dict[str, int], differences: list[dict[str, str]]) -> copies.Copy:
    """A copy whose last pass has seen so much, and whose comparison would find these differences."""
    found = SimpleNamespace(differences=differences, unnamed=0)
    monkeypatch.setattr(copies, "Comparison", lambda *__: SimpleNamespace(run=lambda: found))
    monkeypatch.setattr(copies.Transfer, "refresh", lambda __: SimpleNamespace(scanned=SimpleNamespace(**seen)))
    folder = SimpleNamespace(
        datastore="bars", source={"path": "/s"}, target={"path": "/t"}, ownership={}, file="", accept=()
    )
    made = copies.Copy(folder, reverse=False, journal="/nowhere")
    made.refresh()
    return made


def test_a_writer_that_nobody_knew_of_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    refreshed(monkeypatch, LITTLE, []).check()
    with pytest.raises(FilesError, match="was written to while nobody should use it: its copy differs in 1 places, .* day"):
        refreshed(monkeypatch, LITTLE, [{"path": "day"}]).check()


@pytest.mark.parametrize("much", [{"files": copies.COMPARED_FILES + 1}, {"bytes": copies.COMPARED_BYTES + 1}])
def test_of_much_the_content_is_not_read(monkeypatch: pytest.MonkeyPatch, much: dict[str, int]) -> None:
    refreshed(monkeypatch, {**LITTLE, **much}, [{"path": "day"}]).check()


def test_the_copy_is_beside_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refreshed(monkeypatch, LITTLE, []).target == Place("/t", "/t")
