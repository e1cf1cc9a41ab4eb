"""What a run does with the users of an instance, and leaves to a cutover."""

from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.redis import instance
from ansible_collections.cryptobot.native.plugins.module_utils.redis.fence.sessions import CONTROLLER

TEXT = "user default reset off\nuser a reset on #12 ~a:* +@all\n"
LIVE = {"default": "user default off", "a": "user a on #12 ~a:* +@all -@write", "stranger": "user stranger on"}


def planned(users: dict[str, str]) -> instance.Plan:
    found = instance.Found(running=True, enabled=True, reachable=True, file="user default off\n", users=users)
    return instance.plan("redis.service", {}, TEXT, found)


def test_users_are_set_again_and_strangers_removed() -> None:
    plan = planned(LIVE)
    assert plan.users == ("a", "default", "stranger") and plan.write_file and plan.changed


def test_rights_of_one_in_a_cutover_are_left_alone() -> None:
    plan = planned({**LIVE, CONTROLLER: "user cryptobot-cutover on"})
    assert plan.users == () and not plan.write_file and not plan.changed


def test_passwords_of_one_in_a_cutover_are_set() -> None:
    plan = planned({**LIVE, "a": "user a off ~a:* +@all -@write", CONTROLLER: "user cryptobot-cutover on"})
    assert plan.users == ("a",) and plan.moving and plan.changed and not plan.write_file


def test_the_file_of_one_in_a_cutover_stays_where_it_does_not_run() -> None:
    found = instance.Found(enabled=True, file=f"user {CONTROLLER} on #1\n")
    assert not instance.plan("redis.service", {}, TEXT, found).write_file
