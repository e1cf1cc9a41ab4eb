from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.migration.compared import compared

RESULTS = [
    {
        "item": {"service": "postgres", "databases": [{"datastore": "auth"}, {"datastore": "trade"}]},
        "differences": [
            {"datastore": "trade", "text": f"row id={number} is on the target only"} for number in range(7)
        ],
    },
    {"item": {"datastore": "bars"}, "differences": [{"datastore": "bars", "text": "file a differs"}]},
]


def test_it_says_what_is_equal_what_differs_and_who_writes() -> None:
    found = compared(RESULTS, {"auth": "native", "trade": "native", "bars": "none"})
    text = "\n".join(found["lines"])
    assert "auth       equal          the native side writes" in text
    assert "7 differences" in text
    assert "… and 2 more" in text
    assert found["unexplained"] == ["bars: file a differs"]


def test_what_a_side_has_written_since_is_explained() -> None:
    assert compared(RESULTS, {"auth": "docker", "trade": "docker", "bars": "docker"})["unexplained"] == []


def test_nothing_explains_another_configuration() -> None:
    line = {"service": "trade", "process": "web", "variable": "FEE", "reason": "another value natively"}
    found = compared([], {}, {"differences": [line], "variables": [line] * 1200})
    assert "configuration  1 difference  1 200 variables" in found["lines"]
    assert found["unexplained"] == ["configuration: trade.web FEE: another value natively"]
    assert compared([], {}, {"differences": [], "variables": [line]})["unexplained"] == []
