# Copyright: Cryptobot Native contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.secret_values import SecretError, pack, passwords, unpack


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ({"auth": {"redis_password": "one"}}, ("one",)),
        ({"auth": {"redis_password": ["new", "old"]}}, ("new", "old")),
        ({"auth": {}}, ()),
        ({}, ()),
        (None, ()),
    ],
)
def test_values_are_picked(secrets, expected):
    assert passwords(secrets, "auth", "redis_password") == expected


@pytest.mark.parametrize(
    "secrets",
    [
        "canary",
        ["canary"],
        {"auth": "canary"},
        {"auth": {"redis_password": {"value": "canary"}}},
        {"auth": {"redis_password": ["canary", ""]}},
        {"auth": {"redis_password": 17}},
    ],
)
def test_a_wrong_shape_is_named_and_not_quoted(secrets):
    with pytest.raises(SecretError) as error:
        passwords(secrets, "auth", "redis_password")
    assert "canary" not in str(error.value) and "17" not in str(error.value) and "cryptobot_secrets: {auth:" in str(error.value)


def test_what_is_packed_comes_out_again():
    assert unpack(pack({"a": ["x"]})) == {"a": ["x"]}
    assert (pack({}), unpack(""), unpack(None)) == ("", {}, {})
