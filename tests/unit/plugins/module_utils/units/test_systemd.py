"""Reading systemd, and which files are not what a unit read at its start."""

from __future__ import annotations

import hashlib
import subprocess

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import (
    MARK,
    State,
    Systemd,
    SystemdError,
    orphans,
    parse_show,
    stale_paths,
)

# As systemd 252 prints it for one that runs and one that it does not know.
SHOWN = """Id=cryptobot-auth-web@1.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NeedDaemonReload=no
NRestarts=2
Result=success
StatusText=healthy: 200 {"status":"ok"}

Id=cryptobot-none.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
NeedDaemonReload=no
NRestarts=0
Result=success
StatusText=
"""


def test_show() -> None:
    states = parse_show(SHOWN)
    assert states["cryptobot-auth-web@1.service"] == State(
        "loaded", "active", "running", "enabled", False, 2, "success", 'healthy: 200 {"status":"ok"}'
    )
    assert states["cryptobot-none.service"].load == "not-found"


def test_a_target_has_no_restarts() -> None:
    assert parse_show("Id=cryptobot.target\nLoadState=loaded\nActiveState=active\nSubState=active\n")["cryptobot.target"].restarts == 0


def line(path, content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}  {path}\n"


def test_stale(tmp_path) -> None:
    same, other, gone, new = (tmp_path / name for name in ("same", "other", "gone", "new"))
    for path in (same, other, new):
        path.write_bytes(b"now")
    record = line(same, b"now") + line(other, b"then") + line(gone, b"then")
    files = [str(same), str(other), str(gone), str(new)]
    assert stale_paths(record, files) == (str(other), str(gone), str(new))
    assert stale_paths(line(same, b"now"), [str(same)]) == ()


def test_a_file_that_it_does_not_read_any_more_makes_stale(tmp_path) -> None:
    assert stale_paths(line(tmp_path / "gone", b"then"), []) == (str(tmp_path / "gone"),)


def test_without_a_record_everything_is_stale() -> None:
    assert stale_paths(None, ["/a"]) == ("/a",)


def test_only_our_own_units_are_orphans(tmp_path) -> None:
    for name, text in {
        "cryptobot-old-web@1.service": f"{MARK}: …\n[Unit]\n",
        "cryptobot-auth-web@1.service": f"{MARK}: …\n",
        "cryptobot-alert@.service": f"{MARK}: …\n",
        "cryptobot-theirs-web@1.service": "[Unit]\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert orphans({"cryptobot-auth-web@1.service"}, str(tmp_path)) == ["cryptobot-old-web@1.service"]


def test_a_restart_is_waited_for_until_what_ran_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["sleep", "60"]) as program:
        said: list[tuple[str, ...]] = []

        def call(_: Systemd, *words: str, timeout: float = 0) -> str:
            said.append(words)
            if words[0] == "try-restart" and ends:
                program.kill()
                program.wait()
            return f"{program.pid}\n\n0\n"

        monkeypatch.setattr(Systemd, "_call", call)
        ends = False
        with pytest.raises(SystemdError, match=f"do not end, and are to be restarted: {program.pid}"):
            Systemd().restart_running(["a.service", "b.service"], 0.05)
        ends = True
        Systemd().restart_running(["a.service", "b.service"], 5)
        assert said[-1] == ("try-restart", "--no-block", "a.service", "b.service")
        Systemd().restart_running([], 5)
        assert len(said) == 4
