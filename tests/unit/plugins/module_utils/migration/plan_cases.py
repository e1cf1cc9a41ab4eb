"""What the read-only modules find in a small project."""

from __future__ import annotations

from typing import Any

DATABASE = {
    "bytes": 1_058_000_000, "table_bytes": 700_000_000, "index_bytes": 350_000_000, "rows": 7_000_000, "tables": [{}] * 40,
    "method": {"choice": "freeze-copy", "way": "stream", "reasons": ["It fits into the window."]},
}  # fmt: skip
STORES: dict[str, Any] = {
    "postgresql": [{"service": "postgres", "databases": [{"datastore": "auth", "target": "auth"}], "incoming": []}],
    "redis": [{"datastore": "redis"}],
    "directory": [{"datastore": "bars", "target": {"path": "/srv/bars"}}],
    "sqlite": [],
    "unmoved": [],
}
POSTGRESQL = [{"databases": {"auth": DATABASE}, "findings": [], "throughput": {"bytes_per_second": 100e6}}]
REDIS = [{"item": {"datastore": "redis"}, "way": "replica", "keys": 500_000, "bytes": 90_000_000, "findings": []}]
FILES = [{"item": {"datastore": "bars"}, "way": "rsync", "files": 12, "bytes": 4_000_000, "findings": []}]
SHARING = {
    "auth": {"users": ["auth"], "group": "supporting", "groups": ["supporting"]},
    "redis": {"users": ["auth", "trade"], "group": "critical", "groups": ["supporting", "critical"]},
}
SPEEDS = {"cpu": 1.0, "cores": 2.0, "jobs": 2.0, "call": 0.7, "program": 0.15, "database": 100e6, "hash": 90e6, "disk": 200e6}


def given(**more: Any) -> dict[str, Any]:
    """What a plan is built of."""
    from ansible_collections.cryptobot.native.plugins.module_utils.migration import looks

    return {
        "project": "cryptobot", "group": "all", "stores": STORES, "sharing": SHARING, "findings": [], "speeds": SPEEDS,
        "looks": looks.looks(POSTGRESQL, {"redis": REDIS, "directory": FILES, "sqlite": []}), "disk": {},
        "services": {"stop": 15, "waves": [2, 3, 1, 8, 1]}, "accept": [], **more,
    }  # fmt: skip
