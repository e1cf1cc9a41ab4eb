"""Which releases and artefacts a source asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.cryptobot.native.plugins.module_utils.release.errors import ReleaseError
from ansible_collections.cryptobot.native.plugins.module_utils.release.plan import Platform, distinct, plan_releases

BOOKWORM = Platform("debian", 12, "x86_64")


def ids(services: dict, root: Path) -> dict[str, str]:
    return {release.service: release.digest for release in plan_releases(services, root)}


def test_releases_and_their_artefacts(application: Path, services: dict) -> None:
    releases = {release.service: release for release in plan_releases(services, application)}
    assert [(a.kind, a.label) for a in releases["quotes"].artefacts] == [
        ("wheel", "acme-shared"),
        ("wheel", "acme-quotes"),
    ]
    assert [(r.version, r.runtime) for r in releases.values()] == [
        ("0.3.0", "binary"),
        ("2.0.0", "static"),
        ("1.2.3", "python"),
    ]
    assert releases["quotes"].spec()["id"] == releases["quotes"].digest[:12]
    assert releases["engine"].artefacts[0].key(BOOKWORM).endswith("-debian12-x86_64")
    assert releases["panel"].artefacts[0].key(BOOKWORM) == releases["panel"].artefacts[0].name


def test_a_shared_package_is_built_once(application: Path, services: dict) -> None:
    services["news"] = services["quotes"]
    assert [a.label for a in distinct(plan_releases(services, application))] == [
        "engine",
        "acme-shared",
        "acme-quotes",
        "panel",
    ]


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("libs/shared/src/code.py", {"quotes"}),
        ("services/quotes/src/code.py", {"quotes"}),
        ("services/quotes/requirements.lock", {"quotes"}),
        ("services/engine/src/main.rs", {"engine"}),
        ("services/panel/src/app.tsx", {"panel"}),
        ("services/panel/node_modules/x/index.js", set()),
        ("README.md", set()),
    ],
)
def test_what_makes_a_new_release(application: Path, services: dict, file: str, changed: set[str]) -> None:
    before = ids(services, application)
    path = application / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "# changed\n")
    after = ids(services, application)
    assert {name for name in after if after[name] != before[name]} == changed


def test_settings_make_a_new_release(application: Path, services: dict) -> None:
    before = ids(services, application)
    services["quotes"]["python"]["interpreter"] = "python3.13"
    services["engine"]["build"]["files"] = []
    services["panel"]["build"]["output"] = "public"
    assert all(before[name] != digest for name, digest in ids(services, application).items())


def test_link_time_optimisation_is_forced_where_the_application_says_nothing(application: Path, services: dict) -> None:
    manifest = application / "services/engine/Cargo.toml"
    assert plan_releases(services, application)[0].artefacts[0].settings["lto"] == ""
    manifest.write_text(manifest.read_text().replace("lto = true", ""))
    assert plan_releases(services, application)[0].artefacts[0].settings["lto"] == "true"


def test_a_prebuilt_binary_is_known_by_its_checksum(application: Path, services: dict) -> None:
    services["engine"]["build"] = {
        "kind": "none",
        "binary": "engine",
        "url": "https://example/engine",
        "checksum": "sha256:" + "c" * 64,
    }
    (artefact,) = plan_releases(services, application)[0].artefacts
    assert (artefact.kind, artefact.digest, artefact.built, artefact.portable) == ("download", "c" * 64, False, True)


def test_all_findings_at_once(application: Path, services: dict) -> None:
    (application / "services/engine/Cargo.lock").unlink()
    (application / "services/panel/package-lock.json").unlink()
    services["quotes"]["python"]["packages"] = ["libs/shard"]
    services["outside"] = {"runtime": "static", "source": "../elsewhere", "build": {"kind": "none"}}
    services["loose"] = {
        "runtime": "binary",
        "source": "services/engine",
        "build": {"kind": "none", "url": "x", "checksum": "md5:1"},
    }
    with pytest.raises(ReleaseError) as error:
        plan_releases(services, application)
    said = str(error.value).splitlines()
    assert [line.split(":")[0] for line in said] == [
        "engine",
        "services.loose.build.checksum",
        "services.outside.source",
        "panel",
        "services.quotes.python.packages",
    ]
    assert (
        "cargo generate-lockfile" in said[0]
        and "outside the application's source" in said[2]
        and "libs/shard" in said[4]
    )


@pytest.mark.parametrize(
    ("there", "runs"),
    [
        ("debian12-x86_64", True),
        ("debian11-x86_64", True),
        ("debian13-x86_64", False),
        ("debian12-aarch64", False),
        ("ubuntu12-x86_64", False),
    ],
)
def test_where_a_binary_runs(there: str, runs: bool) -> None:
    assert BOOKWORM.runs(Platform.parse(there)) is runs


def test_no_source(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="cryptobot_source"):
        plan_releases({}, tmp_path / "none")
