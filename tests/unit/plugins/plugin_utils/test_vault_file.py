"""A vault is completed, never changed, and never readable by others."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.vault import Need, fault
from ansible_collections.cryptobot.native.plugins.plugin_utils.vault_file import VaultFile

NEEDS = [Need("a", "password"), Need("a", "key", "ec-private-key"), Need("b", "long", "password", 48)]


def make(tmp_path: Path) -> VaultFile:
    return VaultFile(tmp_path / "inventory" / "vault.yml", tmp_path / ".password")


def read(vault: VaultFile) -> dict:
    lib = VaultLib([("default", VaultSecret(vault.password.read_bytes().strip()))])
    return yaml.safe_load(lib.decrypt(vault.path.read_bytes()))["cryptobot_secrets"]


def test_what_is_generated_has_the_right_shape_and_is_encrypted(tmp_path: Path) -> None:
    vault = make(tmp_path)
    assert vault.complete(NEEDS) == [
        "cryptobot_secrets.a.password",
        "cryptobot_secrets.a.key",
        "cryptobot_secrets.b.long",
    ]
    values = read(vault)
    assert not [need for need in NEEDS if fault(need.kind, values[need.service][need.name])]
    assert len(values["b"]["long"]) == 48
    assert vault.path.read_text().startswith("$ANSIBLE_VAULT;")
    assert values["a"]["password"] not in vault.path.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (vault.path, vault.password)} == {0o600}
    assert sorted(path.name for path in vault.path.parent.iterdir()) == ["vault.yml"]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    vault = make(tmp_path)
    vault.complete(NEEDS)
    before = vault.path.read_bytes(), vault.password.read_bytes(), vault.path.stat().st_mtime_ns
    assert vault.complete(NEEDS) == []
    assert (vault.path.read_bytes(), vault.password.read_bytes(), vault.path.stat().st_mtime_ns) == before


def test_only_what_is_missing_is_added(tmp_path: Path) -> None:
    vault = make(tmp_path)
    vault.complete(NEEDS[:1])
    before = read(vault)["a"]["password"]
    assert vault.complete(NEEDS) == ["cryptobot_secrets.a.key", "cryptobot_secrets.b.long"]
    assert read(vault)["a"]["password"] == before


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    vault = make(tmp_path)
    assert len(vault.complete(NEEDS, dry=True)) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_lost_password_is_said_and_nothing_overwritten(tmp_path: Path) -> None:
    vault = make(tmp_path)
    vault.complete(NEEDS[:1])
    before = vault.path.read_bytes()
    vault.password.unlink()
    with pytest.raises(AnsibleActionFail, match="no password file"):
        vault.complete(NEEDS)
    vault.password.write_text("another")
    vault.password.chmod(0o600)
    with pytest.raises(AnsibleActionFail, match="cannot be read with the password"):
        vault.complete(NEEDS)
    assert vault.path.read_bytes() == before


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    vault = make(tmp_path)
    vault.complete(NEEDS[:1])
    vault.password.chmod(0o644)
    with pytest.raises(AnsibleActionFail, match="chmod 600"):
        vault.complete(NEEDS)


AWKWARD = {
    "template": "{{ 1 + 1 }} {% raw %} {# x #}",
    "lines": "two\nlines\n\n",
    "quotes": "it's \"so\" \\ back\\slash",
    "dollars": "$HOME $$ ${X}",
    "spaces": "  around  ",
    "other": "# no: comment\ttab é ü 😀 \u2028 \x7f",
    "like yaml": "yes",
}


def test_given_values_are_kept_to_the_character(tmp_path: Path) -> None:
    vault = make(tmp_path)
    names = {f"v{index}": value for index, value in enumerate(AWKWARD.values())}
    assert set(vault.put({"a": names}).values()) == {"added"}
    assert vault.put({"a": names}) == {}
    vault.complete(NEEDS)
    assert vault.put({"a": names}) == {}
    assert vault._values(vault._read())["a"].items() >= names.items()


def test_ansible_reads_given_values_as_they_are(tmp_path: Path) -> None:
    from ansible.parsing.dataloader import DataLoader

    vault = make(tmp_path)
    names = {f"v{index}": value for index, value in enumerate(AWKWARD.values())}
    vault.put({"a": names})
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(vault.password.read_bytes().strip()))])
    assert loader.load_from_file(str(vault.path))["cryptobot_secrets"]["a"] == names


def test_a_replaced_value_leaves_the_old_vault_behind(tmp_path: Path) -> None:
    vault = make(tmp_path)
    vault.complete(NEEDS)
    old = vault.path.read_bytes()
    assert vault.put({"a": {"password": "another-one-of-the-containers"}}, dry=True) == {"cryptobot_secrets.a.password": "replaced"}
    assert vault.path.read_bytes() == old
    vault.put({"a": {"password": "another-one-of-the-containers"}})
    assert vault.path.with_name(".vault.yml.before-import").read_bytes() == old
    assert vault._values(vault._read())["a"]["password"] == "another-one-of-the-containers"
