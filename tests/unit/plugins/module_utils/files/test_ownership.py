# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
import struct

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.files.ownership import Ownership, Rights, findings, maps
from ansible_collections.cryptobot.native.plugins.module_utils.files.place import FilesError
from ansible_collections.cryptobot.native.plugins.module_utils.files.rsync import Copy, pattern
from ansible_collections.cryptobot.native.plugins.module_utils.files.tree import mapped_acl, shown

ALONE = Ownership.from_options({"users": ["900"], "group": "800", "run_as": [0, 1000]})
SHARED = Ownership.from_options(
    {"users": ["900", "901"], "group": "800", "run_as": [0, 1000], "owners": {"33": "keep"}}
)
FILE, FOLDER, LINK = stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK


@pytest.mark.parametrize(
    ("ownership", "kind", "before", "after"),
    [
        (ALONE, FILE, (0, 0, 0o600), (900, 800, 0o600)),
        (ALONE, FILE, (5555, 5, 0o600), (5555, 800, 0o660)),
        (ALONE, FOLDER, (1000, 1000, 0o755), (900, 800, 0o2755)),
        (SHARED, FILE, (0, 0, 0o644), (900, 800, 0o664)),
        (SHARED, FILE, (1000, 0, 0o444), (900, 800, 0o444)),
        (SHARED, FILE, (33, 33, 0o700), (33, 800, 0o770)),
        (SHARED, FOLDER, (0, 0, 0o1755), (900, 800, 0o3775)),
        (SHARED, LINK, (0, 0, 0o777), (900, 800, 0o777)),
        (Ownership(), FILE, (33, 33, 0o4700), (33, 33, 0o4700)),
    ],
)
def test_rights_here(ownership, kind, before, after):
    assert ownership.native(Rights(*before), kind) == Rights(*after)


def test_rights_in_the_container():
    assert SHARED.container(Rights(901, 800, 0o664), FILE) == Rights(0, 0, 0o664)
    assert SHARED.container(Rights(900, 800, 0o2775), FOLDER) == Rights(0, 0, 0o775)
    assert SHARED.container(Rights(33, 800, 0o640), FILE) == Rights(33, 0, 0o640)
    assert SHARED.container(Rights(5555, 7, 0o640), FILE) == Rights(5555, 7, 0o640)


@pytest.mark.parametrize("rights", [(1000, 1000, 0o600), (0, 5, 0o644), (33, 33, 0o400), (77, 78, 0o750)])
def test_there_and_back_is_the_same(rights):
    before = Rights(*rights)
    for kind in (FILE, FOLDER):
        assert SHARED.container(SHARED.native(before, kind), kind, before) == before


def test_what_was_changed_natively_is_carried():
    assert SHARED.container(Rights(900, 800, 0o644), FILE, Rights(1000, 1000, 0o600)) == Rights(0, 0, 0o644)


def test_a_number_that_means_somebody_else_needs_a_decision():
    found = findings(ALONE, {0: (3, "a"), 1: (2, "b"), 33333333: (1, "c")}, "the volume bars")
    assert [(each.severity, each.code, each.object) for each in found] == [
        ("decision", "files-owner-foreign", "1"),
        ("note", "files-owner-unknown", "33333333"),
    ]
    assert "2 files of the volume bars" in found[0].text and "daemon" in found[0].text
    assert not findings(
        Ownership.from_options({"users": ["900"], "group": "800", "owners": {"1": "keep"}}), {1: (2, "b")}, "x"
    )


def test_names_that_are_not_there_are_a_sentence():
    with pytest.raises(FilesError, match="no user nobody-of-that-name"):
        Ownership.from_options({"users": ["nobody-of-that-name"]})


def test_maps_name_what_changes():
    assert maps(ALONE.native_uid, [0, 5, 1000]) == "0:900,1000:900"


def test_numbers_in_access_lists_follow():
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *each) for each in [(1, 6, 2**32 - 1), (2, 4, 1000), (16, 4, 2**32 - 1)]
    )
    assert mapped_acl(acl, ALONE.native_uid, ALONE.native_gid, 7) == struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *each) for each in [(1, 6, 2**32 - 1), (2, 4, 900), (16, 7, 2**32 - 1)]
    )


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        (b"a b", b"/a b"),
        (b"back\\slash", b"/back\\slash"),
        (b"wild*\\", b"/wild\\*\\\\"),
        (b"[x]?", b"/\\[x]\\?"),
    ],
)
def test_patterns_mean_the_name_itself(path, wanted):
    assert pattern(path) == wanted


def test_a_copy_is_told_what_to_leave_out():
    command = Copy("/a", "/b", "0:900", "0:800", "Dg+s", (b"x",)).command("/list")
    assert command[-3:] == ["--", "/a/", "/b/"]
    assert {"--usermap=0:900", "--groupmap=0:800", "--chmod=Dg+s", "--from0", "--exclude-from=/list"} <= set(command)


def test_odd_names_are_quoted():
    assert (shown(b"plain"), shown(b"a b"), shown(b"a\nb")) == ("plain", '"a b"', '"a\\nb"')


def test_a_plan_does_without_accounts_that_are_still_to_be_made():
    options = {"users": ["nobody-has-this-name"], "group": "nor-this"}
    with pytest.raises(FilesError):
        Ownership.from_options(options)
    planned = Ownership.from_options(options, foreseen=True)
    assert planned.moves and findings(planned, {0: (3, "a")}, "the volume") == []
