from __future__ import annotations

from typing import Any

from ansible_collections.cryptobot.native.plugins.module_utils.migration import given

SECRETS = {"auth": {"jwt": "a-secret-that-nobody-may-see"}}


def catalogue(**more: Any) -> dict[str, Any]:
    store = {"kind": "postgresql", "database": "auth", "docker": {"database": "auth_db"}, "users": ["auth"], **more}
    return {"datastores": {"auth": store}, "services": {"auth": {"migration_group": "core", "settings": {"a": 1}}}}


def made(secrets: dict[str, Any] = SECRETS, **more: Any) -> dict[str, str]:
    return given.given(catalogue(**more), {"project": "shop"}, secrets)


def test_what_differs_is_named() -> None:
    assert given.differing(made(), made()) == []
    assert given.differing(made(), made(database="other")) == ["the datastore auth"]
    assert given.differing(made(), made({"auth": {"jwt": "another"}})) == [given.SECRETS]
    assert given.differing({}, made()) == []


def test_settings_may_be_mended() -> None:
    mended = catalogue()
    mended["services"]["auth"]["settings"] = {"a": 2}
    assert given.given(mended, {"project": "shop"}, SECRETS) == made()


def test_no_secret_is_in_it() -> None:
    assert "nobody" not in str(made())
    assert all(len(value) <= 32 for value in made().values())
