from __future__ import annotations

import pytest
from ansible_collections.cryptobot.native.plugins.module_utils.migration import writing


@pytest.mark.parametrize("operation", ["backup", "restore"])
def test_only_what_docker_writes_is_saved_or_replaced(operation: str) -> None:
    assert writing.refusal(operation, {"auth": "docker", "orders": "docker"}) == ""
    assert writing.refusal("migrate", {"auth": "native"}) == ""
    native = writing.refusal(operation, {"auth": "docker", "orders": "native"})
    assert native.startswith("The native side writes orders. ")
    assert "ansible-playbook cryptobot.native.rollback, then ansible-playbook" in native
    nobody = writing.refusal(operation, {"auth": "docker", "orders": "none"})
    assert nobody.startswith("Neither side writes orders, for a migration or a rollback is not finished")
    assert "cryptobot.native.rollback" in nobody


def test_a_restore_that_is_refused_names_its_backup() -> None:
    assert writing.refusal("restore", {"auth": "native"}).endswith("cryptobot.native.restore -e backup=ID")
