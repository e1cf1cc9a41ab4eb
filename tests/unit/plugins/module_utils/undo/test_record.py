# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the record says is different: first and last state of each thing, and whose it is."""

from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.undo.record import (
    Entry,
    fold,
    refusal,
    service_of,
    services,
    within,
)


def line(kind: str, target: str, was: object, is_: object) -> dict[str, object]:
    return {"kind": kind, "target": target, "was": was, "is": is_}


def test_the_first_was_and_the_last_is_count():
    lines = [line("file", "/a", None, 1), line("file", "/a", 1, 2), line("file", "/b", 0, 1)]
    assert fold(lines) == [Entry("file", "/a", None, 2), Entry("file", "/b", 0, 1)]


def test_what_went_back_is_no_entry_and_then_starts_anew():
    back = [line("file", "/a", None, 1), line("file", "/a", 1, None)]
    assert fold(back) == []
    assert fold([*back, line("file", "/a", "theirs", 2)]) == [Entry("file", "/a", "theirs", 2)]


def test_a_file_that_was_edited_between_two_of_our_changes_goes_back_to_what_it_was_before_the_first():
    assert fold([line("file", "/a", "old", 1), line("file", "/a", "edited", 2)]) == [Entry("file", "/a", "old", 2)]


def test_what_took_a_restart_is_put_back_by_one():
    """A reload that came after it, for a password say, does not make its settings ones that a reload brings."""
    lines = [line("unit", "server", "running", "restarted"), line("unit", "server", "running", "reloaded")]
    assert fold(lines) == [Entry("unit", "server", "running", "restarted")]
    back = line("unit", "server", "restarted", "running")
    assert fold([*lines, back]) == []
    assert fold([*lines, back, lines[1]]) == [Entry("unit", "server", "running", "reloaded")]


def test_memberships_and_the_home_of_a_user_are_two_things():
    lines = [line("user", "u", {"groups": []}, {"groups": ["g"]}), line("user", "u", {"home": "/a"}, {"home": "/b"})]
    assert [entry.was for entry in fold(lines)] == [{"groups": []}, {"home": "/a"}]


RELEASES = [Entry("directory", f"/opt/cryptobot/{name}/releases", None, "") for name in ("front", "front-desk")]


@pytest.mark.parametrize(
    ("kind", "target", "owner"),
    [
        ("file", "/etc/systemd/system/cryptobot-front-web@1.service", "front"),
        ("file", "/etc/systemd/system/cryptobot-front-desk-web@2.service", "front-desk"),
        ("unit", "cryptobot-front-desk-web@2.service", "front-desk"),
        ("file", "/etc/cryptobot/front.json", "front"),
        ("file", "/etc/cryptobot/secrets/front.word", "front"),
        ("symlink", "/opt/cryptobot/front/current", "front"),
        ("user", "cryptobot-front", "front"),
        ("user", "cryptobot-frontier", ""),
        ("file", "/etc/cryptobot/edge.cfg", ""),
        ("unit", "cryptobot-edge.service", ""),
        ("package", "front", ""),
    ],
)
def test_what_belongs_to_one_service(kind: str, target: str, owner: str):
    assert service_of(Entry(kind, target, None, ""), services(RELEASES)) == owner


def test_a_role_has_what_its_tasks_record():
    mine = [Entry("file", "/etc/redis/redis-cryptobot.conf", None, {}), Entry("package", "redis-server", None, "7")]
    others = [Entry("package", "libatomic1", None, "1"), Entry("file", "/etc/cryptobot/edge.cfg", None, {})]
    assert within([*mine, *others], role="redis") == mine


def test_a_service_that_nobody_knows_is_refused_with_those_that_there_are():
    assert "front-desk, front" not in refusal("front", ["front"], [])
    assert "it knows back, front" in refusal("frnot", ["front", "back"], [])
    assert refusal("gone", [], ["gone"]) == ""
