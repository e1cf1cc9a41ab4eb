from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.cryptobot.native.plugins.module_utils import scratch


def left_behind(where: Path) -> Path:
    """The folder of a process that was killed while it used it."""
    script = (
        "import os, signal, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from ansible_collections.cryptobot.native.plugins.module_utils import scratch\n"
        "with scratch.folder(sys.argv[1]) as found:\n"
        "    (found / 'pgpass').write_text('secret')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(where)], check=False, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (found,) = where.iterdir()
    assert (found / "pgpass").exists()
    return found


def test_a_folder_is_private_and_goes(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as found:
        assert found.stat().st_mode & 0o777 == 0o700
        assert f"-{os.getpid()}-" in found.name
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    old = left_behind(tmp_path)
    foreign = tmp_path / "cryptobot-work-notes"
    foreign.mkdir()
    with scratch.folder(tmp_path) as mine, scratch.folder(tmp_path) as other:
        assert not old.exists()
        assert mine.exists() and other.exists()
    assert list(tmp_path.iterdir()) == [foreign]
