#!/usr/bin/env python3
"""Runs on a host as root: kills the main process of units again and again, all of them side by side, each time after they are healthy.

    kills.py --times 6 --limit 10 UNIT…

Prints for each unit the seconds from each kill to the end of the launcher's delay, by the journal's clock.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

OVER = re.compile(r"failure (\d+) of \d+: delay of \d+ s is over")


def shown(units: list[str]) -> dict[str, dict[str, str]]:
    text = subprocess.run(
        ["systemctl", "show", "--property=Id,ActiveState,SubState,MainPID,NRestarts,Result", *units], capture_output=True, text=True, check=True
    ).stdout
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.strip().split("\n\n"))
    return {block["Id"]: block for block in blocks}


def delays_over(unit: str, since: float) -> dict[int, float]:
    """Time of the end of the delay after failure n, by n."""
    text = subprocess.run(
        ["journalctl", "--output=json", "--no-pager", f"--since=@{since:.0f}", f"--unit={unit}"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for entry in map(json.loads, text.splitlines()):
        if isinstance(entry.get("MESSAGE"), str) and (match := OVER.search(entry["MESSAGE"])):
            found[int(match[1])] = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
    return found


def kill_all(units: list[str], times: int, deadline: float) -> dict[str, list[float]]:
    """The times of the kills of each unit. All are killed at once, when all are healthy: what is measured is not another one's start."""
    kills: dict[str, list[float]] = {unit: [] for unit in units}
    killed_pid: dict[str, str] = {}
    until = time.monotonic() + deadline
    for __ in range(times):
        while True:
            states = shown(units)
            healthy = [
                unit for unit, state in states.items()
                if state["ActiveState"] == "active" and state["SubState"] == "running" and state["MainPID"] != killed_pid.get(unit)
            ]
            if len(healthy) == len(units):
                break
            if time.monotonic() > until:
                raise SystemExit(f"not healthy again within {deadline:.0f} s: {sorted(set(units) - set(healthy))}")
            time.sleep(0.3)
        for unit, state in states.items():
            kills[unit].append(time.time())
            killed_pid[unit] = state["MainPID"]
            os.kill(int(state["MainPID"]), signal.SIGKILL)
    return kills


def settled(units: list[str], deadline: float) -> dict[str, str]:
    """The last state of each unit: active, or failed."""
    until = time.monotonic() + deadline
    while True:
        states = {unit: state["ActiveState"] for unit, state in shown(units).items()}
        if all(state in ("active", "failed") for state in states.values()) or time.monotonic() > until:
            return states
        time.sleep(0.3)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--times", type=int, default=6)
    parser.add_argument("--deadline", type=float, default=900)
    parser.add_argument("units", nargs="+")
    options = parser.parse_args()
    began = time.time()
    kills = kill_all(options.units, options.times, options.deadline)
    time.sleep(1)  # the end of the last one is not yet known to the manager
    states = settled(options.units, options.deadline)
    report = {}
    for unit in options.units:
        over = delays_over(unit, began - 1)
        report[unit] = {
            "seconds": [round(over[number] - at, 3) if number in over else None for number, at in enumerate(kills[unit], start=1)],
            "state": states[unit],
        }
    json.dump(report, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
