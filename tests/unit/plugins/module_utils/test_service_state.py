# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils import kernel
from ansible_collections.cryptobot.native.plugins.module_utils.service_state import Found, Wanted, digest, is_stale, parse, plan

WANTED = Wanted("x.service", files=("/a",), reload_files=("/b",))
ON = {"active": True, "enabled": True}


def commands(wanted: Wanted, found: Found, predicted: tuple[str, ...] = ()) -> list[str]:
    return [" ".join(command) for change in plan(wanted, found, predicted) for command in change.commands]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Found(**ON), []),
        (Found(), ["systemctl enable x.service", "systemctl start x.service"]),
        (Found(**ON, stale={"restart": True, "reload": True}), ["systemctl restart x.service"]),
        (Found(**ON, stale={"reload": True}), ["systemctl reload x.service"]),
        (Found(**ON, needs_daemon_reload=True), ["systemctl daemon-reload", "systemctl restart x.service"]),
    ],
)
def test_a_unit_is_brought_to_its_files(found, expected):
    assert commands(WANTED, found) == expected


@pytest.mark.parametrize(("path", "verb"), [("/a", "restart"), ("/b", "reload")])
def test_check_mode_foresees_it(path, verb):
    assert commands(WANTED, Found(**ON), (path, "/other")) == [f"systemctl {verb} x.service"]


def test_boot_may_be_left_alone():
    assert commands(Wanted("x.service", boot=False), Found(active=True)) == []


def test_what_was_read_is_compared_with_what_is_there(tmp_path):
    file = tmp_path / "conf"
    file.write_text("1")
    loaded = digest([str(file)])
    assert not is_stale([str(file)], loaded, 0)
    file.write_text("2")
    assert is_stale([str(file)], loaded, 0)


def test_without_a_digest_times_decide(tmp_path):
    (tmp_path / "conf").write_text("1")
    files = [str(tmp_path / "conf"), str(tmp_path / "missing")]
    assert is_stale(files, None, time.time() - 60)
    assert not is_stale(files, None, time.time() + 60)


def test_properties_are_read():
    assert parse("ActiveState=active\nExecStart={ a=b }\n") == {"ActiveState": "active", "ExecStart": "{ a=b }"}


def test_kernel_settings_are_compared_without_their_white_space(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "range").write_text("1024\t2048\n")
    found = kernel.read(["net.range", "net.missing"], tmp_path)
    assert kernel.different({"net.range": "1024 2048", "net.missing": "1"}, found) == ["net.missing"]
    assert kernel.writable("net.range", tmp_path) and not kernel.writable("net.missing", tmp_path)
    assert kernel.write("net.range", "1 2", tmp_path) and not kernel.write("gone.too", "1", tmp_path)
