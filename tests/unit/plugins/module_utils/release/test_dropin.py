"""What a unit runs for once."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.cryptobot.native.plugins.module_utils.release import dropin

UNIT = """\
# A comment on /opt/cryptobot/auth/current
[Service]
WorkingDirectory=-/opt/cryptobot/auth/current/source
Environment="PATH=/opt/cryptobot/auth/current/venv/bin:/usr/bin" A=1
EnvironmentFile=/etc/cryptobot/auth.env
ExecStartPre=-+/bin/sh -c 'exec sha256sum /opt/cryptobot/auth/current/release.json > /run/x'
ExecStart=/usr/lib/cryptobot/launch -- /opt/cryptobot/auth/current/venv/bin/uvicorn main:app
ExecPaths=/usr /opt/cryptobot/auth
"""
MIGRATE = """\
[Service]
ExecStart=/usr/lib/cryptobot/launch --in /opt/cryptobot/auth/next/source --in /opt/cryptobot/auth/current/source -- ../venv/bin/alembic -x a upgrade head
"""


def test_a_twin_runs_another_release() -> None:
    assert dropin.of_release(UNIT, "auth", "r2").splitlines()[2:] == [
        "WorkingDirectory=-/opt/cryptobot/auth/releases/r2/source",
        'Environment="PATH=/opt/cryptobot/auth/releases/r2/venv/bin:/usr/bin" A=1',
        "ExecStart=",
        "ExecStart=/usr/lib/cryptobot/launch -- /opt/cryptobot/auth/releases/r2/venv/bin/uvicorn main:app",
    ]


def test_a_downgrade_uses_the_scripts_of_the_release_that_migrated() -> None:
    made = dropin.of_downgrade(MIGRATE, "auth", "r2", "0001")
    assert made is not None
    assert made.splitlines()[2:] == [
        "ExecStart=",
        "ExecStart=/usr/lib/cryptobot/launch --in /opt/cryptobot/auth/releases/r2/source --in /opt/cryptobot/auth/current/source "
        "-- ../venv/bin/alembic -x a downgrade 0001",
    ]
    assert dropin.of_downgrade("[Service]\nExecStart=/opt/x/bin/gateway migrate\n", "auth", "r2", "1") is None
    assert dropin.of_downgrade("[Service]\nExecStart=/opt/x/bin/gateway upgrade head\n", "auth", "r2", "1") is None


def test_it_goes_without_a_trace(tmp_path: Path) -> None:
    dropin.place("a.service", "x", tmp_path)
    assert dropin.path_of("a.service", tmp_path).read_text() == "x"
    assert dropin.remove(["a.service", "b.service"], tmp_path) is True
    assert list(tmp_path.iterdir()) == []
    assert dropin.remove(["a.service"], tmp_path) is False
