"""Reading systemd, and which files are not what a unit read at its start."""

from __future__ import annotations

import hashlib

from ansible_collections.cryptobot.native.plugins.module_utils.units.systemd import MARK, State, orphans, parse_show, stale_paths

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
