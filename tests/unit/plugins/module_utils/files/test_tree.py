# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory read while somebody works in it."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files.tree import walk


def test_what_goes_while_it_is_read_is_left_out(tmp_path):
    for name in ("a", "b", "d"):
        (tmp_path / name).write_text(name)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "inside").write_text("")
    entries = walk(str(tmp_path))
    assert next(entries).path == b"a"
    (tmp_path / "b").unlink()
    assert next(entries).path == b"c"
    (tmp_path / "c" / "inside").unlink()
    (tmp_path / "c").rmdir()
    assert [entry.path for entry in entries] == [b"d"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(walk(str(tmp_path / "missing")))
