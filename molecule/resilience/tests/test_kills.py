"""Every unit is killed six times in a row, those of one start wave side by side: each comes back, later each time."""

from __future__ import annotations

import json

import pytest
import reference

TIMES = 6
GROWTH = 1.5
# Seconds; on a very busy machine, where the first delays are long, the last ones reach it.
LONGEST_DELAY = 60


@pytest.mark.parametrize("wave", reference.catalogue()["waves"], ids=lambda wave: wave[0])
def test_delays_grow(host, programs: str, wave: list[str]) -> None:
    patterns = " ".join(f"'cryptobot-{service}-*@*.service'" for service in wave)
    units = host.check_output(f"systemctl list-units --state=active --plain --no-legend {patterns} | cut -d' ' -f1").split()
    assert len(units) >= len(wave)
    # A restart that somebody asks for begins the count anew.
    host.check_output(f"systemctl restart {' '.join(units)}")
    report = json.loads(host.check_output(f"python3 {programs}/kills.py --times {TIMES} {' '.join(units)}"))
    for unit, found in report.items():
        print(unit, found["seconds"])
    for unit, found in report.items():
        seconds = found["seconds"]
        assert found["state"] == "active"
        assert all(later >= min(GROWTH * earlier, LONGEST_DELAY) for earlier, later in zip(seconds[1:], seconds[2:], strict=False)), (unit, seconds)
