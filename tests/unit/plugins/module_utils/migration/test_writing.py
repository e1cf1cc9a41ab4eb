from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import writing

GROUPS = ["core", "supporting"]


def sides(**datastores: str):
    return {"groups": dict.fromkeys(GROUPS, "docker"), "datastores": datastores}


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_only_what_docker_writes_is_saved_or_replaced(operation: str) -> None:
    assert writing.refusal(operation, sides(auth="docker", orders="docker"), GROUPS) == ""
    assert writing.refusal("migrate", sides(auth="native"), GROUPS) == ""
    native = writing.refusal(operation, sides(auth="docker", orders="native"), GROUPS)
    assert native.startswith("The native side writes orders. ")
    assert "ansible-playbook cryptobot.native.rollback, then ansible-playbook" in native
    nobody = writing.refusal(operation, sides(auth="docker", orders="none"), GROUPS)
    assert nobody.startswith("Neither side writes orders, for a migration or a rollback is not finished")
    assert "cryptobot.native.rollback" in nobody


def test_a_restore_that_is_refused_names_its_backup() -> None:
    assert writing.refusal("restore", sides(auth="native"), GROUPS).endswith("cryptobot.native.restore -e backup=ID")


@pytest.mark.parametrize("side", ["native", "none"])
def test_what_docker_serves_already_is_not_replaced_by_a_rollback_of_all(side: str) -> None:
    half = {"groups": {"core": "docker", "supporting": side}}
    said = writing.refusal("rollback", half, GROUPS)
    assert said.startswith("Docker serves core and not supporting: ")
    assert said.endswith("ansible-playbook cryptobot.native.rollback -e migration_group=supporting")
    assert writing.refusal("rollback", half, ["supporting"]) == ""
    assert writing.refusal("rollback", {"groups": dict.fromkeys(GROUPS, side)}, GROUPS) == ""
    assert writing.refusal("rollback", sides(), GROUPS) == ""
