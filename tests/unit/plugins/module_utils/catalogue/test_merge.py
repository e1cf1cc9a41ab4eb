"""Patches."""

from __future__ import annotations

from ansible_collections.cryptobot.native.plugins.module_utils.catalogue.merge import Patch, merge

BASE = {
    "services": {"a": {"port": 1, "list": [1, 2], "deep": {"x": 1, "y": 2}, "empty": {}}, "b": {"port": 2}},
    "datastores": {},
}


def patched(*patches: Patch):
    return merge(BASE, "base", patches)


def test_nothing_changes_without_a_patch() -> None:
    merged = patched()
    assert merged.catalogue == BASE
    assert set(merged.provenance.values()) == {"base"}


def test_a_patch_merges_deeply_and_replaces_lists() -> None:
    merged = patched(Patch("v", "services", {"a": {"list": [3], "deep": {"y": 3}}}))
    assert merged.catalogue["services"]["a"] == {"port": 1, "list": [3], "deep": {"x": 1, "y": 3}, "empty": {}}
    assert merged.catalogue["services"]["b"] == {"port": 2}
    assert BASE["services"]["a"]["list"] == [1, 2]


def test_patches_go_in_the_order_of_their_names() -> None:
    merged = patched(Patch("z", "services", {"a": {"port": 9}}), Patch("m", "services", {"a": {"port": 5}}))
    assert merged.catalogue["services"]["a"]["port"] == 9
    assert merged.provenance["services.a.port"] == "z"


def test_null_removes_and_forgets() -> None:
    merged = patched(Patch("v", "services", {"a": {"deep": None}, "b": None}))
    assert merged.catalogue["services"] == {"a": {"port": 1, "list": [1, 2], "empty": {}}}
    assert not [path for path in merged.provenance if path.startswith(("services.b", "services.a.deep"))]
    assert len(merged.findings) == 0


def test_removing_nothing_is_a_finding() -> None:
    found = list(patched(Patch("v", "services", {"a": {"prt": None}})).findings)
    assert [(one.path, one.where) for one in found] == [("services.a.prt", "v")]
    assert "did you mean port?" in found[0].problem


def test_a_removed_key_can_come_back() -> None:
    merged = patched(Patch("1", "services", {"b": None}), Patch("2", "services", {"b": {"port": 7}}))
    assert merged.catalogue["services"]["b"] == {"port": 7}
    assert merged.provenance["services.b.port"] == "2"


def test_a_dictionary_replaces_a_value_and_the_other_way_round() -> None:
    merged = patched(Patch("v", "services", {"a": {"port": {"in": 1}, "deep": 4}}))
    assert merged.catalogue["services"]["a"]["port"] == {"in": 1}
    assert merged.catalogue["services"]["a"]["deep"] == 4
    assert {path for path in merged.provenance if path.startswith("services.a")} == {
        "services.a.port.in",
        "services.a.list",
        "services.a.deep",
        "services.a.empty",
    }


def test_places_are_as_exact_as_they_are_known() -> None:
    patch = Patch(
        "v", "services", {"a": {"port": 3, "new": {"k": 1}}}, {"": "f.yml:1", "a.port": "f.yml:3", "a.new": "f.yml:4"}
    )
    merged = patched(patch)
    assert merged.provenance["services.a.port"] == "f.yml:3 (v)"
    assert merged.provenance["services.a.new.k"] == "f.yml:4 (v)"
    assert merged.locate("services.a.new.k") == "f.yml:4 (v)"
    assert merged.locate("services.a.new") == "f.yml:4 (v)"
    assert merged.locate("services.b.missing") == "base"


def test_what_is_no_dictionary_is_a_finding() -> None:
    merged = patched(Patch("v", "services", ["a"]))
    assert "should be a dictionary by name, but is a list" in next(iter(merged.findings)).problem
    assert merged.catalogue == BASE
